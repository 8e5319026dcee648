package fileedit

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
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
	will := before == nil || changes(plan, state)
	img, _ := change.PlanImage(ctx, r.Data, noun, before, subject, will, resp)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.Revision = types.StringUnknown()
	if !subject.ImageID.IsUnknown() && change.Known(ctx, plan.Files) {
		edits := plan.edits(ctx, &resp.Diagnostics)
		plan.Revision = types.StringValue(revision(subject.ImageID.ValueString(), edits))
		if img != nil && will && !img.ContentInDoubt() && change.Known(ctx, plan.RootDevice, plan.Mounts) {
			if err := r.checkWindows(ctx, *img, plan.tree(), edits); err != nil {
				report.AttributeError(&resp.Diagnostics, path.Root("files"), "plan an edit of", noun, img.Spec.String(), err)
			}
		}
	}
	// Whatever does not hold now will hold after the apply.
	change.SetPlan(ctx, resp, map[string]attr.Value{"revision": plan.Revision, "drift": noDrift})
}

// checkWindows refuses at plan time what can't be on an NTFS.
func (r *fileEditResource) checkWindows(ctx context.Context, img rbd.Image, tree guest.Tree, edits []edit) (err error) {
	refusal := checkWindows(edits)
	if refusal == nil {
		return nil
	}
	disk, err := r.Data.Ceph.OpenReader(ctx, img.Spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	is, err := guestread.IsNTFS(disk, disk.Size(), tree.RootDevice())
	if is {
		return refusal
	}
	return err
}

// changes tells whether an apply will look into the guest.
func changes(plan, state model) bool {
	return len(state.Drift.Elements()) > 0 || !plan.Files.Equal(state.Files) ||
		!plan.RootDevice.Equal(state.RootDevice) || !plan.Mounts.Equal(state.Mounts)
}
