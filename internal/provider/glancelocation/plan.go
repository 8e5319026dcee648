package glancelocation

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func (r *locationResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var config, plan, state model
	creating, destroying := req.State.Raw.IsNull(), req.Plan.Raw.IsNull()
	if !creating {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if !destroying {
		resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
		resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if destroying {
		r.checkDestroy(ctx, state, &resp.Diagnostics)
		return
	}
	// What the schema's plan modifiers ask for is not told here.
	another := !creating && (!state.Snapshot.Equal(plan.Snapshot) || !state.ImageID.Equal(plan.ImageID) ||
		!state.DiskFormat.Equal(plan.DiskFormat) || !state.ContainerFormat.Equal(plan.ContainerFormat) ||
		!config.Store.IsNull() && !state.Store.Equal(plan.Store) ||
		!plan.Protection.IsUnknown() && (plan.wantsAlias() != state.wantsAlias() || !state.AliasPool.Equal(plan.AliasPool)))
	if another && plan.wantsAlias() != state.wantsAlias() {
		// Another snapshot is registered, and a location can't be changed.
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("protection"))
	}
	if !creating && !another {
		r.planReplace(ctx, state, resp)
		planReplaceHashes(plan, config, state, resp)
	}
	replacing := another || len(resp.RequiresReplace) > 0
	if creating || replacing {
		fillNew(&plan, config)
		if replacing {
			r.checkDestroy(ctx, state, &resp.Diagnostics)
		}
		if !creating && config.ImageID.Equal(state.ImageID) {
			report.AttributeError(&resp.Diagnostics, path.Root("image_id"), "plan", noun, plan.Name.ValueString(),
				fmt.Errorf("%w: the new record can't have that of the old one, %q", errTaken, state.ImageID.ValueString()))
		}
	} else {
		plan.MinDisk = config.MinDisk
		if config.MinDisk.IsNull() {
			plan.MinDisk = types.Int64Value(minDisk(state.SizeBytes.ValueInt64(), plan.DiskFormat.ValueString()))
		}
	}
	planHashes(&plan, config, state, creating || replacing, resp)
	planSharing(&plan, config, state, creating || replacing)
	plan.Status = types.StringValue(glance.StatusActive)
	planProtection(&plan)
	plan.LocationURL = types.StringUnknown()
	if r.data.CanAsk() {
		r.planLocation(ctx, &plan, creating, &resp.Diagnostics)
	}
	if creating && r.data.CanAsk() && !resp.Diagnostics.HasError() {
		r.checkCreate(ctx, plan, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// fillNew: nothing of an earlier record is known of a new one, even what will
// turn out equal.
func fillNew(plan *model, config model) {
	plan.ImageID, plan.NovaBaseFileName = config.ImageID, types.StringUnknown()
	if config.ImageID.IsNull() {
		plan.ImageID = types.StringUnknown()
	} else if !config.ImageID.IsUnknown() {
		plan.NovaBaseFileName = types.StringValue(novaBaseFileName(config.ImageID.ValueString()))
	}
	plan.MinDisk = config.MinDisk
	if config.MinDisk.IsNull() {
		plan.MinDisk = types.Int64Unknown()
	}
	plan.Owner, plan.Store, plan.RBDImageID = config.Owner, config.Store, types.StringUnknown()
	if config.Owner.IsNull() {
		plan.Owner = types.StringUnknown()
	}
	if config.Store.IsNull() {
		plan.Store = types.StringUnknown()
	}
	plan.SizeBytes, plan.SnapshotID = types.Int64Unknown(), types.Int64Unknown()
}

// planReplace wants a new record where the snapshot behind the old one is gone,
// or another has its name: Glance notices neither.
func (r *locationResource) planReplace(ctx context.Context, state model, resp *resource.ModifyPlanResponse) {
	if !r.data.CanAsk() {
		return
	}
	p, err := state.place()
	if err == nil {
		_, _, err = r.registered(ctx, p)
	}
	switch {
	case err == nil:
		r.planReplaceLocation(ctx, state, p, resp)
	case rbd.IsNotFound(err), errors.Is(err, rbd.ErrOtherImage), errors.Is(err, rbd.ErrOtherSnapshot):
		// It may only be put aside, by a deletion that is not over.
		if img, e := r.data.Ceph.ImageByID(ctx, p.snapshot, p.rbdImageID); e == nil && img.AsideFor() != "" {
			return
		}
		resp.Diagnostics.AddAttributeWarning(path.Root("snapshot"), "The registered snapshot is not there any more",
			fmt.Sprintf("Glance image %q is not what was registered, whatever its status says, and needs to be made anew: %v.", p.record, err))
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("snapshot_id"))
	default:
		report.AttributeError(&resp.Diagnostics, path.Root("snapshot"), "plan", noun, p.record, err)
	}
}

// planReplaceLocation wants a new record where the old one has other locations
// in the place of ours: they can't be taken off without their data.
func (r *locationResource) planReplaceLocation(ctx context.Context, state model, p place, resp *resource.ModifyPlanResponse) {
	fsid, err := r.data.Ceph.FSID(ctx)
	if err != nil {
		report.Error(&resp.Diagnostics, "plan", noun, p.record, err)
		return
	}
	if state.LocationURL.ValueString() == rbd.LocationURL(fsid, p.location()) || state.Status.ValueString() == glance.StatusQueued {
		return
	}
	resp.Diagnostics.AddAttributeWarning(path.Root("location_url"), "The registered location is not there any more",
		fmt.Sprintf("Glance image %q has another one in its place, which can't be taken off without its data, and needs to be made anew.", p.record))
	resp.RequiresReplace = append(resp.RequiresReplace, path.Root("location_url"))
}

// planLocation tells the location, and refuses a snapshot that can't be
// registered. One that is missing may be made in the same run.
func (r *locationResource) planLocation(ctx context.Context, plan *model, creating bool, diags *diag.Diagnostics) {
	fsid, err := r.data.Ceph.FSID(ctx)
	if err != nil {
		report.Error(diags, "plan", noun, plan.Name.ValueString(), err)
		return
	}
	if plan.Snapshot.IsUnknown() {
		return
	}
	at := path.Root("snapshot")
	spec, err := rbd.ParseSpec(plan.Snapshot.ValueString())
	if err != nil {
		report.AttributeError(diags, at, "plan", noun, plan.Name.ValueString(), err)
		return
	}
	url := plan.plannedURL(fsid, spec)
	if !plan.wantsAlias() || !plan.ImageID.IsUnknown() && !plan.AliasPool.IsUnknown() {
		plan.LocationURL = types.StringValue(url)
	}
	img, err := r.data.Ceph.Image(ctx, spec)
	switch {
	case errors.Is(err, rbd.ErrImageNotFound):
		return
	case err != nil:
		report.AttributeError(diags, at, "plan", noun, plan.Name.ValueString(), err)
		return
	}
	if snap, err := img.Snapshot(spec.Snapshot); err == nil {
		if err := checkRegistrable(url, spec, snap, creating && !plan.unprotected()); err != nil {
			report.AttributeError(diags, at, "plan", noun, plan.Name.ValueString(), err)
		}
	}
}

// checkCreate asks whether Glance is there, and a given ID free.
func (r *locationResource) checkCreate(ctx context.Context, plan model, diags *diag.Diagnostics) {
	if _, err := r.data.Glance.Caller(ctx); err != nil {
		report.Error(diags, "plan", noun, plan.Name.ValueString(), err)
		return
	}
	r.checkStore(ctx, plan, diags)
	r.checkAliasPool(ctx, plan, diags)
	if plan.ImageID.IsUnknown() {
		return
	}
	id := plan.ImageID.ValueString()
	there, err := r.data.Glance.Exists(ctx, id)
	if err == nil && there && !r.unfinished(ctx, plan, id) {
		err = fmt.Errorf("%w: image %q exists", errTaken, id)
	}
	if err != nil {
		report.AttributeError(diags, path.Root("image_id"), "plan", noun, plan.Name.ValueString(), err)
	}
}

// unfinished tells whether an interrupted run of ours made the record.
func (r *locationResource) unfinished(ctx context.Context, plan model, id string) bool {
	spec, err := rbd.ParseSpec(plan.Snapshot.ValueString())
	if err != nil {
		return false
	}
	img, err := r.data.Ceph.Image(ctx, spec)
	return err == nil && entries(img)[id].State == statePending
}

// checkDestroy refuses what would be refused later.
func (r *locationResource) checkDestroy(ctx context.Context, state model, diags *diag.Diagnostics) {
	if !r.data.CanAsk() || state.retires() {
		return
	}
	p, err := state.place()
	if err == nil {
		err = r.checkOthers(ctx, p)
	}
	if err == nil {
		err = r.checkAlias(ctx, p)
	}
	if err != nil {
		report.Error(diags, "delete", noun, p.record, err)
	}
}
