// SPDX-License-Identifier: MPL-2.0

package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
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
	if !creating && r.data.CanAsk() {
		// A plan to destroy, or one without a refresh, has not read it.
		fsid, err := r.data.Ceph.FSID(ctx)
		if err == nil {
			err = r.checkHome(ctx, state, req.Private)
		}
		if err != nil {
			kind.Error(&resp.Diagnostics, "plan", state.Spec.ValueString(), err)
			return
		}
		providerdata.NoteRefreshed(fsid, providerdata.SnapshotID(state.ImageID.ValueString(), state.snapshotID()))
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
		r.planName(ctx, state, plan, req, resp)
		if len(resp.RequiresReplace) > 0 {
			r.checkDestroy(ctx, state, &resp.Diagnostics)
		}
		r.checkChangeable(ctx, state, plan, &resp.Diagnostics)
		r.checkUnprotect(ctx, state, plan, &resp.Diagnostics)
	}
	if r.data.CanAsk() {
		// Also while the image is not known yet: a wrong cluster stops here.
		if _, err := r.data.Ceph.FSID(ctx); err != nil {
			kind.Error(&resp.Diagnostics, "plan", plan.Name.ValueString(), err)
			return
		}
	}
	spec, url := types.StringUnknown(), types.StringUnknown()
	if plan.specKnown() {
		spec, url = r.planSpec(ctx, plan, creating, &resp.Diagnostics)
		r.note(state, plan, creating || len(resp.RequiresReplace) > 0)
		r.claimName(ctx, state, plan, req, resp)
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("spec"), spec)...)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("location_url"), url)...)
}

// nameKey keeps, in the private state, the name that an apply gave the snapshot:
// it tells a rename by somebody from a change of the configuration.
const nameKey = "name"

func keepName(ctx context.Context, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, name string) diag.Diagnostics {
	return to.SetKey(ctx, nameKey, []byte(strconv.Quote(name)))
}

// planName decides what another name means.
func (r *snapshotResource) planName(ctx context.Context, state, plan model, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if plan.Name.Equal(state.Name) {
		return
	}
	given, diags := req.Private.GetKey(ctx, nameKey)
	resp.Diagnostics.Append(diags...)
	back := !plan.Name.IsUnknown() && string(given) == strconv.Quote(plan.Name.ValueString())
	if !back && plan.OnNameChange.ValueString() != onNameChangeRename {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("name"))
		return
	}
	if plan.Name.IsUnknown() || !r.data.CanAsk() || len(resp.RequiresReplace) > 0 {
		return
	}
	img, _, _, err := r.find(ctx, state)
	if err == nil || errors.Is(err, rbd.ErrChildrenUnknown) {
		err = nil
		if _, taken := img.Snapshot(plan.Name.ValueString()); taken == nil {
			err = fmt.Errorf("snapshot %s: %w", img.Spec.WithSnapshot(plan.Name.ValueString()), rbd.ErrExists)
		}
	}
	if err != nil && !rbd.IsNotFound(err) {
		kind.AttributeError(&resp.Diagnostics, path.Root("name"), "rename", state.Spec.ValueString(), err)
	}
}

// note lets what refers to the snapshot know that it will be there.
func (r *snapshotResource) note(state, plan model, isNew bool) {
	spec, err := plan.rbdSpec()
	if err != nil || !r.data.CanAsk() {
		return
	}
	id := providerdata.PlannedID{}
	if !isNew {
		id = providerdata.PlannedID{ImageID: state.ImageID.ValueString(), SnapshotID: state.snapshotID()}
	}
	r.data.Planned.Add(spec, id)
}

// claimName refuses two resources with one name.
func (r *snapshotResource) claimName(ctx context.Context, state, plan model, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	spec, err := plan.rbdSpec()
	if err != nil || !r.data.CanAsk() {
		return
	}
	creating := req.State.Raw.IsNull()
	had := fmt.Sprintf("%s@%d", state.ImageID.ValueString(), state.snapshotID())
	if creating {
		replaces, diags := providerdata.Replaces(ctx, req.Private)
		resp.Diagnostics.Append(diags...)
		had = replaces
	} else {
		resp.Diagnostics.Append(providerdata.NoteReplaces(ctx, resp.Private, had)...)
	}
	if err := r.data.Planned.Claim("snapshot "+spec.String(), had, creating && had != ""); err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("name"), "plan", spec.String(), err)
	}
}

// planSpec tells what can be told before the snapshot is there, and refuses a
// name that is taken.
func (r *snapshotResource) planSpec(ctx context.Context, plan model, creating bool, diags *diag.Diagnostics) (spec, url types.String) {
	s, err := plan.rbdSpec()
	if err != nil {
		diags.AddAttributeError(path.Root(imageref.Name), kind.Unable("plan", ""), kind.Detail(err))
		return types.StringUnknown(), types.StringUnknown()
	}
	if !r.data.CanAsk() {
		return types.StringValue(s.String()), types.StringUnknown()
	}
	fsid, err := r.data.Ceph.FSID(ctx)
	if err == nil {
		err = r.data.Ceph.CheckPool(ctx, s.Pool, s.Namespace)
		if _, ok := r.data.Planned.Find(s.ImageSpec()); ok && errors.Is(err, rbd.ErrNamespaceNotFound) {
			err = nil // made in the same run
		}
	}
	if err != nil {
		kind.AttributeError(diags, path.Root(imageref.Name), "plan", s.String(), err)
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
	if _, ok := r.data.Planned.Find(spec.ImageSpec()); ok && rbd.IsNotFound(err) {
		return false
	}
	if err != nil {
		kind.AttributeError(diags, path.Root(imageref.Name), "plan", spec.String(), err)
		return false
	}
	if err := r.data.Ceph.CheckChangeable(ctx, spec, img.ID); err != nil {
		kind.AttributeError(diags, path.Root(imageref.Name), "plan", spec.String(), err)
		return false
	}
	s, err := img.Snapshot(spec.Snapshot)
	if err != nil {
		return false
	}
	if img.OwnsSnapshot(spec.Snapshot) && providerdata.WasRefreshed(img.FSID, refreshedID(img, s)) {
		return true
	}
	left, err := r.data.Ceph.CheckFreeSnapshot(img, spec.Snapshot)
	switch {
	case err != nil:
		kind.AttributeError(diags, path.Root("name"), "plan", spec.String(), err)
	case left:
		diags.AddAttributeWarning(path.Root("name"), "An unfinished run is taken up", fmt.Sprintf(
			"%s %q was made by a run of this state that was cut off before it could write its state. It is removed, and made anew.", kind, spec))
	}
	return false
}

// errImageTrashed is about what can't be done while the image is not there.
var errImageTrashed = errors.New("it is in the trash, where its snapshots can't be changed")

// refreshedID is the snapshot's id beyond its image.
func refreshedID(img rbd.Image, s rbd.Snapshot) string { return providerdata.SnapshotID(img.ID, s.ID) }

// checkChangeable refuses what would be done to a snapshot of a read-only image.
func (r *snapshotResource) checkChangeable(ctx context.Context, state, plan model, diags *diag.Diagnostics) {
	if !r.data.CanAsk() || plan.Name.Equal(state.Name) && plan.Protected.Equal(state.Protected) {
		return
	}
	spec, err := state.rbdSpec()
	if err == nil {
		err = r.data.Ceph.CheckChangeable(ctx, spec, state.ImageID.ValueString())
	}
	if err != nil {
		kind.Error(diags, "change", state.Spec.ValueString(), err)
	}
}

func (r *snapshotResource) checkUnprotect(ctx context.Context, state, plan model, diags *diag.Diagnostics) {
	if !r.data.CanAsk() || plan.Protected.IsUnknown() || plan.Protected.ValueBool() || !state.Protected.ValueBool() {
		return
	}
	spec, children, err := r.children(ctx, state)
	if err == nil {
		children, err = r.data.Ceph.V1Children(ctx, children)
	}
	if err == nil && len(children) > 0 {
		err = &rbd.ChildrenError{Spec: spec, Children: children}
	}
	if err != nil {
		kind.AttributeError(diags, path.Root("protected"), "unprotect", state.Spec.ValueString(), err)
	}
}

// checkDestroy refuses what would fail, except for clones that resources of
// this provider hold, since those go first.
func (r *snapshotResource) checkDestroy(ctx context.Context, state model, diags *diag.Diagnostics) {
	onDestroy := state.OnDestroy.ValueString()
	if !r.data.CanAsk() || onDestroy == ondestroy.Retain {
		return
	}
	spec, children, err := r.children(ctx, state)
	if err == nil && spec.Image != "" {
		err = r.data.Ceph.CheckChangeable(ctx, spec, state.ImageID.ValueString())
	}
	if err == nil && onDestroy == ondestroy.Trash {
		children, err = r.data.Ceph.V1Children(ctx, children)
	}
	if err == nil && len(children) > 0 {
		err = target.Foreign(ctx, r.data, &rbd.ChildrenError{Spec: spec, Children: children})
	}
	switch {
	case err == nil:
	case state.FlattenChildren.ValueBool() && errors.Is(err, rbd.ErrHasChildren):
		diags.AddWarning("Clones will be flattened", "As flatten_children_on_destroy is set: "+err.Error()+".")
	default:
		kind.Error(diags, "delete", state.Spec.ValueString(), err)
	}
}

// children are those of the snapshot as it is now, none where it is gone.
func (r *snapshotResource) children(ctx context.Context, state model) (rbd.Spec, []rbd.Child, error) {
	img, s, children, err := r.find(ctx, state)
	if rbd.IsNotFound(err) {
		return rbd.Spec{}, nil, nil
	}
	if err == nil && img.Trash != nil {
		err = fmt.Errorf("image %s (id %s): %w", img.Spec, img.ID, errImageTrashed)
	}
	return img.Spec.WithSnapshot(s.Name), children, err
}
