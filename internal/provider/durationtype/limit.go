// SPDX-License-Identifier: MPL-2.0

package durationtype

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// Limit accepts a time within which something can be done: more than none. It
// is for strings too that are not of this type.
func Limit() validator.String { return limit{} }

type limit struct{}

func (limit) Description(context.Context) string             { return "must be a time such as 90s or 1h30m" }
func (l limit) MarkdownDescription(c context.Context) string { return l.Description(c) }

func (limit) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	d, err := Parse(req.ConfigValue.ValueString())
	switch {
	case err != nil:
		resp.Diagnostics.AddAttributeError(req.Path, "Not a time", req.Path.String()+": "+err.Error()+".")
	case d == 0:
		resp.Diagnostics.AddAttributeError(req.Path, "No time", req.Path.String()+": nothing can be done in no time. Leave it out for the default.")
	}
}
