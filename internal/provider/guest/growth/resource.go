// Package growth is the resource rbd_guest_filesystem_growth.
package growth

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const noun = "file system in RBD image"

var (
	_ resource.ResourceWithConfigure   = &growthResource{}
	_ resource.ResourceWithModifyPlan  = &growthResource{}
	_ resource.ResourceWithImportState = &growthResource{}
)

var errPlan = errors.New("the image is not as it was planned")

func init() {
	report.Advise(errShrink, "File systems are never shrunk: raise size, or leave it out.")
	report.Advise(errNoRoom, "Grow the image first, with size of rbd_image or rbd_image_conversion.")
	report.Advise(errBlocked, "Only what is behind the partition can be added to it: name another device, or give a size that fits. The image was not changed.")
	report.Advise(errMBR, "Give a size of 2047GiB at most, or build the image with a GPT.")
	report.Advise(errUnclean, "Look at it with `e2fsck -f` or `xfs_repair` on a clone of the image. The image was not changed.")
	report.Advise(errUnsettled, "The image was put back to what it was. Please report it, with the output of `guestfish -a IMAGE run : list-filesystems : part-list /dev/sda`.")
	report.Advise(errPlan, "Run again, so that it is planned anew.")
	report.Advise(guestread.ErrUnsupported, "MBR and GPT, linear LVM, ext2 to ext4 and xfs can be grown. Where the device is not the right one, name it with device.")
}

// NewResource is rbd_guest_filesystem_growth.
func NewResource() resource.Resource {
	return &growthResource{change.Base{Type: "_guest_filesystem_growth", Noun: noun}}
}

type growthResource struct{ change.Base }

func (r *growthResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if ok && r.grow(ctx, &plan, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

func (r *growthResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if ok && r.grow(ctx, &plan, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

func (r *growthResource) grow(ctx context.Context, plan *model, diags *diag.Diagnostics) bool {
	img, err := change.ApplyImage(ctx, r.Data, *plan.subject())
	var l guestread.Layout
	if err == nil {
		l, err = job{data: r.Data, spec: img.Spec, device: plan.Device.ValueString(), size: plan.wantedSize()}.run(ctx, img.ID)
	}
	planned := plan.PartitionSize
	if err == nil {
		plan.Spec, plan.ImageID = types.StringValue(img.Spec.String()), types.StringValue(img.ID)
		device := plan.Device
		plan.set(l)
		if !device.IsUnknown() {
			plan.Device = device // /dev/mapper has another name for a volume
		}
		if !planned.IsUnknown() && !planned.Equal(plan.PartitionSize) {
			err = fmt.Errorf("%w: the partition has %s bytes, %s were planned", errPlan, plan.PartitionSize, planned)
		}
	}
	if err != nil {
		report.Error(diags, "grow", noun, plan.Image.ValueString(), err)
	}
	return err == nil
}

func (r *growthResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Read, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	subject := state.subject()
	img, ok := change.ReadImage(ctx, r.Data, noun, subject, resp)
	if !ok {
		return
	}
	state.Image, state.Spec, state.ImageID = subject.Image, subject.Image, subject.ImageID
	if !img.ContentInDoubt() {
		r.read(ctx, img, &state, &resp.Diagnostics)
	}
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	}
}

func (r *growthResource) read(ctx context.Context, img rbd.Image, state *model, diags *diag.Diagnostics) {
	device := state.Device
	l, err := job{data: r.Data, spec: img.Spec, device: device.ValueString()}.look(ctx)
	if err != nil && !device.IsNull() && errors.Is(r.Data.Ceph.CheckUnused(ctx, img.Spec, img.ID), rbd.ErrInUse) {
		diags.AddWarning("File system not read", fmt.Sprintf("What is written to the image %q now may be half there: %v.", img.Spec, err))
		return
	}
	if err != nil {
		report.Error(diags, "read", noun, img.Spec.String(), err)
		return
	}
	state.set(l)
	if !device.IsNull() {
		state.Device = device
	}
}
