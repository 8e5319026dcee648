// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
)

type urlCheck struct{}

func (urlCheck) Description(context.Context) string         { return "must be an http or https URL" }
func (urlCheck) MarkdownDescription(context.Context) string { return "must be an http or https URL" }

func (urlCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := fetch.CheckURL(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a usable URL", err.Error()+".")
	}
}

// sumCheck is for a checksum of this algorithm.
type sumCheck string

func (c sumCheck) Description(context.Context) string { return "must be a checksum in hex" }
func (c sumCheck) MarkdownDescription(ctx context.Context) string {
	return c.Description(ctx)
}

func (c sumCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := checksum.Check(string(c), req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a checksum", err.Error()+".")
	}
}
