// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/fileedit"
)

// base64Validator accepts the Base64 of what is not too large.
type base64Validator struct{}

func (base64Validator) Description(context.Context) string { return "must be Base64" }

func (v base64Validator) MarkdownDescription(c context.Context) string { return v.Description(c) }

func (base64Validator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	// What it says of the value may be a secret.
	b, err := base64.StdEncoding.DecodeString(req.ConfigValue.ValueString())
	switch {
	case err != nil:
		resp.Diagnostics.AddAttributeError(req.Path, "Not Base64", "The value is not Base64, as base64encode and filebase64 make it.")
	case len(b) > fileedit.MaxFile:
		resp.Diagnostics.AddAttributeError(req.Path, "Too large", fmt.Sprintf("The content has %d bytes, the limit is %d.", len(b), fileedit.MaxFile))
	}
}

// meaningful refuses an entry that asks for nothing.
type meaningful struct{}

func (meaningful) Description(context.Context) string {
	return "must say what the file must be"
}

func (v meaningful) MarkdownDescription(c context.Context) string { return v.Description(c) }

func (v meaningful) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	for _, a := range req.ConfigValue.Attributes() {
		if !a.IsNull() {
			return
		}
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Nothing to edit",
		"The entry "+v.Description(context.Background())+": content, content_wo, copy_from, link_target, directory, empty, absent, lines, mode, uid or gid.")
}
