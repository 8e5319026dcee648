package snapshot

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func (r *snapshotResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var plan, state model
	creating, destroying := req.State.Raw.IsNull(), req.Plan.Raw.IsNull()
	if !creating {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if !destroying {
		resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if destroying {
		r.checkDestroy(ctx, state, &resp.Diagnostics)
		return
	}
	if !creating {
		imageref.PlanChange(ctx, r.data, state.Image, plan.Image, state.ImageID.ValueString(), resp)
		if resp.Diagnostics.HasError() {
			return
		}
		if len(resp.RequiresReplace) > 0 {
			r.checkDestroy(ctx, state, &resp.Diagnostics)
		}
		r.checkUnprotect(ctx, state, plan, &resp.Diagnostics)
	}
	if r.data.CanAsk() {
		// Also while the image is not known yet: a wrong cluster stops here.
		if _, err := r.data.Ceph.FSID(ctx); err != nil {
			report.Error(&resp.Diagnostics, "plan", noun, plan.Name.ValueString(), err)
			return
		}
	}
	spec, url := types.StringUnknown(), types.StringUnknown()
	if plan.specKnown() {
		spec, url = r.planSpec(ctx, plan, creating, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("spec"), spec)...)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("location_url"), url)...)
}

// planSpec tells what can be told before the snapshot is there, and refuses a
// name that is taken.
func (r *snapshotResource) planSpec(ctx context.Context, plan model, creating bool, diags *diag.Diagnostics) (spec, url types.String) {
	s, err := plan.rbdSpec()
	if err != nil {
		diags.AddAttributeError(path.Root(imageref.Name), report.Unable("plan", noun, ""), report.Detail(err))
		return types.StringUnknown(), types.StringUnknown()
	}
	if !r.data.CanAsk() {
		return types.StringValue(s.String()), types.StringUnknown()
	}
	fsid, err := r.data.Ceph.FSID(ctx)
	if err == nil {
		err = r.data.Ceph.CheckPool(ctx, s.Pool, s.Namespace)
	}
	if err != nil {
		report.AttributeError(diags, path.Root(imageref.Name), "plan", noun, s.String(), err)
	} else if creating && r.takesOver(ctx, s, diags) {
		return types.StringUnknown(), types.StringUnknown()
	}
	return types.StringValue(s.String()), types.StringValue(rbd.LocationURL(fsid, s))
}

// takesOver refuses a name that is taken, and tells whether the snapshot that
// has it may be about to be replaced: a tainted one is planned like a first one,
// and whatever hangs on it must be planned anew. Creating looks again. A missing
// image passes: it may be made in the same run.
func (r *snapshotResource) takesOver(ctx context.Context, spec rbd.Spec, diags *diag.Diagnostics) bool {
	img, err := r.data.Ceph.Image(ctx, spec)
	if errors.Is(err, rbd.ErrImageNotFound) {
		return false
	}
	if err != nil {
		report.AttributeError(diags, path.Root(imageref.Name), "plan", noun, spec.String(), err)
		return false
	}
	if _, err := img.Snapshot(spec.Snapshot); err != nil {
		return false
	}
	if !img.OwnsSnapshot(spec.Snapshot) {
		report.AttributeError(diags, path.Root("name"), "plan", noun, spec.String(), fmt.Errorf("snapshot %s: %w", spec, rbd.ErrExists))
	}
	return !img.SnapshotPending(spec.Snapshot)
}

func (r *snapshotResource) checkUnprotect(ctx context.Context, state, plan model, diags *diag.Diagnostics) {
	if !r.data.CanAsk() || plan.Protected.IsUnknown() || plan.Protected.ValueBool() || !state.Protected.ValueBool() {
		return
	}
	if err := r.children(ctx, state, false); err != nil {
		report.AttributeError(diags, path.Root("protected"), "unprotect", noun, state.Spec.ValueString(), err)
	}
}

// checkDestroy refuses what would fail, except for clones that resources of
// this provider hold, since those go first.
func (r *snapshotResource) checkDestroy(ctx context.Context, state model, diags *diag.Diagnostics) {
	if !r.data.CanAsk() || state.OnDestroy.ValueString() == onDestroyRetain {
		return
	}
	if err := r.children(ctx, state, true); err != nil {
		report.Error(diags, "delete", noun, state.Spec.ValueString(), err)
	}
}

// children returns a ChildrenError where the snapshot has clones; with
// foreignOnly, those that this provider made don't count.
func (r *snapshotResource) children(ctx context.Context, state model, foreignOnly bool) error {
	spec, err := state.rbdSpec()
	if err != nil {
		return err
	}
	all, err := r.data.Ceph.Children(ctx, spec)
	if rbd.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	e := &rbd.ChildrenError{Spec: spec}
	for _, c := range all {
		if foreignOnly && !c.Trash {
			if img, err := r.data.Ceph.Image(ctx, c.Spec); err == nil && img.Held() {
				continue
			}
		}
		e.Children = append(e.Children, c)
	}
	if len(e.Children) == 0 {
		return nil
	}
	return e
}
