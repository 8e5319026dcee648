// SPDX-License-Identifier: MPL-2.0

package sizetype

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// AtLeast accepts a size of so many bytes and more.
func AtLeast(bytes uint64) validator.String { return atLeast(bytes) }

type atLeast uint64

func (l atLeast) Description(context.Context) string {
	return "must be " + Format(uint64(l)) + " or more"
}
func (l atLeast) MarkdownDescription(c context.Context) string { return l.Description(c) }

func (l atLeast) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	// What is no size at all is refused by the type.
	if n, err := Parse(req.ConfigValue.ValueString()); err == nil && n < uint64(l) {
		resp.Diagnostics.AddAttributeError(req.Path, "Too small", req.Path.String()+" "+l.Description(ctx)+"; leave it out for the default.")
	}
}
