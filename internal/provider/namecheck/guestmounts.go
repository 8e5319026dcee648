// SPDX-License-Identifier: MPL-2.0

package namecheck

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// GuestMounts accepts the devices of a guest's file systems by mount point.
func GuestMounts() validator.Map { return guestMounts{} }

type guestMounts struct{}

func (guestMounts) Description(context.Context) string {
	return "must have devices by mount point, the root file system's at \"/\" among them"
}
func (v guestMounts) MarkdownDescription(c context.Context) string { return v.Description(c) }

func (guestMounts) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	devices := req.ConfigValue.Elements()
	if _, ok := devices["/"]; !ok {
		resp.Diagnostics.AddAttributeError(req.Path, "No root file system", "Say with \"/\" which device holds the root file system.")
	}
	for _, point := range slices.Sorted(maps.Keys(devices)) {
		at := req.Path.AtMapKey(point)
		if _, err := guest.Components(point); err != nil {
			resp.Diagnostics.AddAttributeError(at, "Not a path in the guest", err.Error()+".")
		}
		if device, ok := devices[point].(types.String); ok && !device.IsUnknown() && !guestDevice.MatchString(device.ValueString()) {
			resp.Diagnostics.AddAttributeError(at, "Not a device of the guest", "It must be as libguestfs names devices: /dev/sda1, /dev/vgsys/lvvar, btrfsvol:/dev/sda2/home.")
		}
	}
}
