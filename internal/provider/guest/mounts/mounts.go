// SPDX-License-Identifier: MPL-2.0

// Package mounts is the argument mounts of what reads or edits a guest.
package mounts

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
)

// Description describes the argument mounts.
const Description = "The guest's file systems by mount point, in place of `root_device` and inspection: `{ \"/\" = \"/dev/sda2\", \"/boot\" = \"/dev/sda1\", \"/var\" = \"/dev/vgsys/lvvar\" }`, with btrfs `btrfsvol:/dev/sda2/home`. " +
	"`/` must be among them. What `/etc/fstab` mounts elsewhere is left out, and files below it are refused."

// Tree is what root_device and mounts, which GuestMounts has accepted, say.
func Tree(rootDevice types.String, mounts types.Map) guest.Tree {
	t := guest.Tree{Root: rootDevice.ValueString()}
	if !mounts.IsNull() {
		t.Mounts = values.Map(mounts.Elements())
	}
	return t
}
