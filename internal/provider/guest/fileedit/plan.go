package fileedit

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
)

func (r *fileEditResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return // nothing is done to the guest
	}
	var plan, state model
	var before *change.Subject
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		before = state.subject()
	}
	if resp.Diagnostics.HasError() {
		return
	}
	subject := plan.subject()
	change.PlanImage(ctx, r.Data, noun, before, subject, before == nil || changes(plan, state), resp)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.Revision = types.StringUnknown()
	if !subject.ImageID.IsUnknown() && change.Known(ctx, plan.Files) {
		edits := plan.edits(ctx, &resp.Diagnostics)
		plan.Revision = types.StringValue(revision(subject.ImageID.ValueString(), edits))
	}
	// Whatever does not hold now will hold after the apply.
	change.SetPlan(ctx, resp, map[string]attr.Value{"revision": plan.Revision, "drift": noDrift})
}

// changes tells whether an apply will look into the guest.
func changes(plan, state model) bool {
	return len(state.Drift.Elements()) > 0 || !plan.Files.Equal(state.Files) ||
		!plan.RootDevice.Equal(state.RootDevice) || !plan.Mounts.Equal(state.Mounts)
}
