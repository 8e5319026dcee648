package fileedit

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// patternValidator accepts regular expressions.
type patternValidator struct{}

func (patternValidator) Description(context.Context) string { return "must be a regular expression" }

func (v patternValidator) MarkdownDescription(c context.Context) string { return v.Description(c) }

func (patternValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := regexp.Compile(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a regular expression", err.Error()+".")
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
		"The entry "+v.Description(context.Background())+": content, empty, absent, lines, mode, uid or gid.")
}
