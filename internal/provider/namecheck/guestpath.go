// SPDX-License-Identifier: MPL-2.0

package namecheck

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// GuestPath accepts absolute paths of files in a guest.
func GuestPath() validator.String { return guestPath{} }

// EditedPath is GuestPath for a file that is to be there when the guest runs: what
// its kernel mounts over a folder hides it.
func EditedPath() validator.String { return guestPath{hidden: []string{"proc", "sys", "dev"}} }

type guestPath struct{ hidden []string }

func (guestPath) Description(context.Context) string             { return "must be an absolute path in the guest" }
func (v guestPath) MarkdownDescription(c context.Context) string { return v.Description(c) }

func (v guestPath) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	names, err := guest.Components(req.ConfigValue.ValueString())
	switch {
	case err != nil:
		resp.Diagnostics.AddAttributeError(req.Path, "Not a path in the guest", err.Error()+".")
	case len(names) == 0:
		resp.Diagnostics.AddAttributeError(req.Path, "Not a path in the guest", "The root directory is no file.")
	case slices.Contains(v.hidden, names[0]):
		resp.Diagnostics.AddAttributeError(req.Path, "Not a path on the guest's disk",
			"The running guest has a file system of its kernel at /"+names[0]+", which hides what is there on the disk.")
	}
}
