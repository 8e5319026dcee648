package growth

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func (r *growthResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return // nothing is done to the guest
	}
	var plan, config model
	var state *model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !req.State.Raw.IsNull() {
		state = &model{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	subject := plan.subject()
	var before *change.Subject
	if state != nil {
		before = state.subject()
	}
	img, same := change.PlanImage(ctx, r.Data, noun, before, subject, false, resp)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.ImageID, plan.Device = subject.ImageID, config.Device
	if plan.Device.IsNull() && same {
		plan.Device = state.Device
	}
	if err := r.planGrowth(ctx, &plan, img); err != nil {
		report.Error(&resp.Diagnostics, "plan the growth of", noun, plan.Image.ValueString(), err)
		return
	}
	change.SetPlan(ctx, resp, plan.computed())
}

// planGrowth tells what the image will have. A nil image is still to be made.
func (r *growthResource) planGrowth(ctx context.Context, plan *model, img *rbd.Image) error {
	if img == nil || plan.Device.IsUnknown() || plan.Size.IsUnknown() || img.ContentInDoubt() {
		plan.forget()
		return nil
	}
	j := job{data: r.Data, spec: img.Spec, device: plan.Device.ValueString(), size: plan.wantedSize()}
	l, err := j.layout(ctx)
	if j.device == "" && errors.Is(err, guestread.ErrUnsupported) {
		plan.forget() // the apply looks for it in an appliance
		return nil
	}
	if err != nil {
		return err
	}
	diskSize := l.DiskSize
	named, err := rbd.ParseSpec(plan.Image.ValueString())
	if err != nil {
		return err
	}
	if id, ok := r.Data.Planned.Find(named); ok && id.SizeBytes != 0 {
		diskSize = int64(id.SizeBytes) //nolint:gosec // signed in librbd
	}
	g, err := goalFor(l, diskSize, j.size)
	if err != nil {
		return err
	}
	if !g.holds() {
		if _, err := change.Planned(ctx, r.Data, img.Spec, true); err != nil {
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
