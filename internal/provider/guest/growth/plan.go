// SPDX-License-Identifier: MPL-2.0

package growth

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/growth"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Plan plans what the image will have.
func (work) Plan(ctx context.Context, p *guestresource.Planning[model]) {
	plan := &p.Plan
	p.Diagnostics().Append(p.Config.GetAttribute(ctx, path.Root("device"), &plan.Device)...)
	if p.Diagnostics().HasError() {
		return
	}
	img, same := p.Image(ctx, false)
	if p.Diagnostics().HasError() {
		return
	}
	if plan.Device.IsNull() && same {
		plan.Device = p.State.Device
	}
	if err := planGrowth(ctx, p.Data, plan, img); err != nil {
		kind.Error(p.Diagnostics(), "plan the growth of", plan.Image.ValueString(), err)
		return
	}
	p.Set(ctx, plan.computed())
}

// planGrowth tells what the image will have. A nil image is still to be made.
func planGrowth(ctx context.Context, d *providerdata.Data, plan *model, img *rbd.Image) error {
	if img == nil || plan.Device.IsUnknown() || plan.Size.IsUnknown() || img.ContentInDoubt() {
		plan.forget()
		return nil
	}
	named, err := rbd.ParseSpec(plan.Image.ValueString())
	if err != nil {
		return err
	}
	planned, _ := d.Planned.Find(named)
	want := growth.Wanted{Device: plan.Device.ValueString(), Size: plan.wantedSize(), DiskSize: int64(planned.SizeBytes)} //nolint:gosec // signed in librbd
	l, g, err := growth.Plan(ctx, d.Guest(), img.Spec, want)
	if want.Device == "" && errors.Is(err, guestread.ErrUnsupported) && !errors.Is(err, guestread.ErrPacked) {
		plan.forget() // the apply looks for it in an appliance
		return nil
	}
	if err != nil {
		return err
	}
	if !g.Holds() {
		if _, err := guestedit.CheckPlanned(ctx, d.Ceph, img.Spec, true); err != nil {
			return err
		}
	}
	if plan.ImageID.IsUnknown() {
		plan.ImageID = types.StringValue(img.ID)
		defer func() { plan.ImageID = types.StringUnknown() }()
	}
	plan.expect(l, g)
	return nil
}
