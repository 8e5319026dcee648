package namecheck

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// GuestPath accepts absolute paths of files in a guest.
func GuestPath() validator.String { return guestPath{} }

type guestPath struct{}

func (guestPath) Description(context.Context) string             { return "must be an absolute path in the guest" }
func (v guestPath) MarkdownDescription(c context.Context) string { return v.Description(c) }

func (guestPath) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	names, err := guest.Components(req.ConfigValue.ValueString())
	switch {
	case err != nil:
		resp.Diagnostics.AddAttributeError(req.Path, "Not a path in the guest", err.Error()+".")
	case len(names) == 0:
		resp.Diagnostics.AddAttributeError(req.Path, "Not a path in the guest", "The root directory is no file.")
	}
}
