// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// planReplace tells whether the record is replaced, and asks for that where the
// schema does not.
func (r *locationResource) planReplace(ctx context.Context, plan, config, state model, resp *resource.ModifyPlanResponse) bool {
	// What the schema's plan modifiers ask for is not told here.
	otherAlias := !plan.Protection.IsUnknown() && plan.wantsAlias() != state.wantsAlias()
	otherPool := !plan.Protection.IsUnknown() && !state.knownAliasPool().Equal(plan.AliasPool)
	another := !state.Snapshot.Equal(plan.Snapshot) || !state.ImageID.Equal(plan.ImageID) ||
		!state.DiskFormat.Equal(plan.DiskFormat) || !state.ContainerFormat.Equal(plan.ContainerFormat) ||
		!config.Store.IsNull() && !state.Store.Equal(plan.Store) || otherAlias || otherPool
	switch {
	case another && plan.wantsAlias() != state.wantsAlias():
		// Another snapshot is registered, and a location can't be changed.
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("protection"))
	case otherPool:
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("alias_pool"))
	}
	if !another {
		r.planReplaceLost(ctx, state, resp)
		planReplaceHashes(plan, config, state, resp)
	}
	return another || len(resp.RequiresReplace) > 0
}

// planReplaceLost wants a new record where the snapshot behind the old one is gone,
// or another has its name: Glance notices neither.
func (r *locationResource) planReplaceLost(ctx context.Context, state model, resp *resource.ModifyPlanResponse) {
	if !r.data.CanAsk() {
		return
	}
	deps := r.deps(&resp.Diagnostics)
	ref, err := state.ref()
	if err == nil {
		err = registration.CheckGlance(ctx, deps, ref, false)
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "plan", ref.ImageID, err)
		return
	}
	if state.Status.ValueString() == glance.StatusDeleted {
		resp.Diagnostics.AddWarning("A deletion was cut off", fmt.Sprintf("%s %q was being destroyed. That is brought to its end, and the image made anew.", kind, ref.ImageID))
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("status"))
		return
	}
	_, _, err = registration.Registered(ctx, deps, ref)
	switch {
	case err == nil:
		r.planReplaceLocation(ctx, state, ref, resp)
	case registration.IsLost(err):
		if r.planRenamed(ctx, ref, &resp.Diagnostics) {
			return
		}
		resp.Diagnostics.AddAttributeWarning(path.Root("snapshot"), "The registered snapshot is not there any more",
			fmt.Sprintf("Glance image %q is not what was registered, whatever its status says, and needs to be made anew: %v.", ref.ImageID, err))
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("snapshot_id"))
	default:
		kind.AttributeError(&resp.Diagnostics, path.Root("snapshot"), "plan", ref.ImageID, err)
	}
}

// planRenamed tells whether the registered snapshot is still there, under another
// name: the location is right again as soon as it is named back.
func (r *locationResource) planRenamed(ctx context.Context, ref registration.Ref, diags *diag.Diagnostics) bool {
	img, err := r.data.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if err != nil {
		return false
	}
	if img.DetachedFor() != "" { // by a deletion that is not over
		return true
	}
	snap, err := img.SnapshotByID(ref.SnapshotID)
	if err != nil {
		return false
	}
	image, planned := r.data.Planned.Find(ref.Snapshot.ImageSpec())
	imageBack := img.Spec == ref.Snapshot.ImageSpec() || planned && image.ImageID == ref.RBDImageID
	s, planned := r.data.Planned.Find(ref.Snapshot)
	snapshotBack := snap.Name == ref.Snapshot.Snapshot || planned && s.SnapshotID == ref.SnapshotID
	if imageBack && snapshotBack {
		return true
	}
	diags.AddAttributeWarning(path.Root("snapshot"), "The registered snapshot has another name",
		fmt.Sprintf("Glance image %q is registered of %s, which is called %s now, and can't be used until it is named back with `rbd rename` or `rbd snap rename`, "+
			"or by the resource that has it. Nothing is made anew for that.", ref.ImageID, ref.Snapshot, img.Spec.WithSnapshot(snap.Name)))
	return true
}

// planReplaceLocation wants a new record where the old one has other locations
// in the place of ours: they can't be taken off without their data.
func (r *locationResource) planReplaceLocation(ctx context.Context, state model, ref registration.Ref, resp *resource.ModifyPlanResponse) {
	fsid, err := r.data.Ceph.FSID(ctx)
	if err != nil {
		kind.Error(&resp.Diagnostics, "plan", ref.ImageID, err)
		return
	}
	if state.LocationURL.ValueString() == rbd.LocationURL(fsid, ref.Location()) || state.Status.ValueString() == glance.StatusQueued {
		return
	}
	resp.Diagnostics.AddAttributeWarning(path.Root("location_url"), "The registered location is not there any more",
		fmt.Sprintf("Glance image %q has another one in its place, which can't be taken off without its data, and needs to be made anew.", ref.ImageID))
	resp.RequiresReplace = append(resp.RequiresReplace, path.Root("location_url"))
}
