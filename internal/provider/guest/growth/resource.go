// SPDX-License-Identifier: MPL-2.0

// Package growth is the resource rbd_guest_filesystem_growth.
package growth

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/growth"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var kind = report.NewKind("file system in RBD image", advice, guestresource.Advice)

var advice = []report.Advice{
	{Is: growth.ErrShrink, Do: "File systems are never shrunk: raise size, or leave it out."},
	{Is: growth.ErrNoRoom, Do: "Grow the image first, with size of rbd_image or rbd_image_conversion."},
	{Is: growth.ErrBlocked, Do: "Only what is behind the partition can be added to it: name another device, or give a size that fits. Where a swap partition is last, build the image with swap in a file, or before the root. The image was not changed."},
	{Is: growth.ErrHybrid, Do: "Make it a plain GPT first, in the image's own build or with `fdisk` (M for the MBR, d, w) on a copy: a boot loader that needs the MBR's partitions would not see the new size. The image was not changed."},
	{Is: growth.ErrFixed, Do: "Build the image with the size that it must have, or without that feature. The image was not changed."},
	{Is: growth.ErrRefused, Do: "What it says is meant for the image, and can be tried on a clone of it with guestfish. The image was not changed."},
	{Is: growth.ErrMBR, Do: "Give a size of 2047GiB at most, or build the image with a GPT."},
	{Is: growth.ErrUnclean, Do: "Look at it with `e2fsck -f` or `xfs_repair` on a clone of the image. The image was not changed."},
	{Is: growth.ErrUnsettled, Do: "The image was put back to what it was. Please report it, with the output of `guestfish -a IMAGE run : list-filesystems : part-list /dev/sda`."},
	{Is: growth.ErrPlan, Do: "Run again, so that it is planned anew."},
	{Is: guestread.ErrUnsupported, Do: "MBR and GPT, linear LVM, ext2 to ext4, xfs and btrfs of one device can be grown. Where the device is not the right one, name it with device."},
}

// NewResource is rbd_guest_filesystem_growth.
func NewResource() resource.Resource {
	return &guestresource.Resource[model, *model]{Type: "_guest_filesystem_growth", Kind: kind, Action: "grow", Work: work{}}
}

// work is the growth of a file system.
type work struct{}

// Apply grows the file system where it must grow.
func (work) Apply(ctx context.Context, b guestoverlay.Backends, plan *model, _ tfsdk.Config, _ *diag.Diagnostics) error {
	request, err := plan.request()
	if err != nil {
		return err
	}
	result, err := growth.Do(ctx, b, request)
	if err != nil {
		return err
	}
	plan.set(result)
	return nil
}

// Read tells where the file system lies, unless a change was cut off.
func (work) Read(ctx context.Context, b guestoverlay.Backends, img rbd.Image, state *model, diags *diag.Diagnostics) {
	if img.ContentInDoubt() {
		return
	}
	device := state.Device
	l, err := growth.Inspect(ctx, b, img.Spec, device.ValueString())
	if err != nil && !device.IsNull() && errors.Is(b.Ceph.CheckUnused(ctx, img.Spec, img.ID), rbd.ErrInUse) {
		diags.AddWarning("File system not read", fmt.Sprintf("What is written to the image %q now may be half there: %v.", img.Spec, err))
		return
	}
	if err != nil && !device.IsNull() && guestinspect.OfGuest(err) {
		// The plan says what is in the way, if the file system is still to grow.
		diags.AddWarning("File system not read", fmt.Sprintf("What is in the guest of %q keeps its file system from being read: %v.", img.Spec, err))
		return
	}
	if err != nil {
		kind.Error(diags, "read", img.Spec.String(), err)
		return
	}
	state.setLayout(l)
	if !device.IsNull() {
		state.Device = device
	}
}
