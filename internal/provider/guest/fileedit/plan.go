package fileedit

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func (r *fileEditResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return // nothing is done to the guest
	}
	var plan, state model
	creating := req.State.Raw.IsNull()
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !creating {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if r.data.CanAsk() {
		// Also while the image is not known yet: a wrong cluster stops here.
		if _, err := r.data.Ceph.FSID(ctx); err != nil {
			report.Error(&resp.Diagnostics, "plan an edit of", noun, plan.Image.ValueString(), err)
			return
		}
	}
	if !creating {
		imageref.PlanChange(ctx, r.data, state.Image, plan.Image, state.ImageID.ValueString(), resp)
	}
	replacing := len(resp.RequiresReplace) > 0
	// Whatever does not hold now will hold after the apply.
	plan.Drift = noDrift
	plan.Spec, plan.Revision = plan.Image, types.StringUnknown()
	if creating || replacing {
		plan.ImageID = types.StringUnknown()
	}
	if !plan.Image.IsUnknown() && r.data.CanAsk() {
		r.checkImage(ctx, &plan, creating && !replacing, changes(plan, state, creating), &resp.Diagnostics)
	}
	if !plan.ImageID.IsUnknown() && plan.filesKnown(ctx) {
		edits := plan.edits(ctx, &resp.Diagnostics)
		plan.Revision = types.StringValue(revision(plan.ImageID.ValueString(), edits))
	}
	for name, v := range map[string]any{
		"spec": plan.Spec, "image_id": plan.ImageID, "revision": plan.Revision, "drift": plan.Drift,
	} {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), v)...)
	}
}

// changes tells whether an apply will look into the guest.
func changes(plan, state model, creating bool) bool {
	return creating || len(state.Drift.Elements()) > 0 || !plan.Files.Equal(state.Files) || !plan.RootDevice.Equal(state.RootDevice)
}

// checkImage refuses an image that is in use, and tells the id of one that is
// there. A missing one may be made in the same run.
func (r *fileEditResource) checkImage(ctx context.Context, plan *model, tellID, willEdit bool, diags *diag.Diagnostics) {
	spec, err := rbd.ParseSpec(plan.Image.ValueString())
	if err != nil {
		return // validated with the configuration
	}
	img, err := change.Planned(ctx, r.data, spec, willEdit)
	if errors.Is(err, rbd.ErrImageNotFound) {
		return
	}
	if err != nil {
		report.AttributeError(diags, path.Root(imageref.Name), "plan an edit of", noun, spec.String(), err)
		return
	}
	if tellID {
		plan.ImageID = types.StringValue(img.ID)
	}
}
