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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
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
		r.planName(ctx, state, plan, req, resp)
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
		r.note(state, plan, creating || len(resp.RequiresReplace) > 0)
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
		report.AttributeError(&resp.Diagnostics, path.Root("name"), "rename", noun, state.Spec.ValueString(), err)
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
		if _, ok := r.data.Planned.Find(s.ImageSpec()); ok && errors.Is(err, rbd.ErrNamespaceNotFound) {
			err = nil // made in the same run
		}
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
	if _, ok := r.data.Planned.Find(spec.ImageSpec()); ok && rbd.IsNotFound(err) {
		return false
	}
	if err != nil {
		report.AttributeError(diags, path.Root(imageref.Name), "plan", noun, spec.String(), err)
		return false
	}
	s, err := img.Snapshot(spec.Snapshot)
	if err != nil {
		return false
	}
	if !img.OwnsSnapshot(spec.Snapshot) || !providerdata.WasRefreshed(img.FSID, refreshedID(img, s)) {
		report.AttributeError(diags, path.Root("name"), "plan", noun, spec.String(), fmt.Errorf("snapshot %s: %w", spec, rbd.ErrExists))
	}
	return !img.SnapshotPending(spec.Snapshot)
}

// errImageTrashed is about what can't be done while the image is not there.
var errImageTrashed = errors.New("it is in the trash, where its snapshots can't be changed")

// refreshedID is the snapshot's id beyond its image.
func refreshedID(img rbd.Image, s rbd.Snapshot) string { return fmt.Sprintf("%s@%d", img.ID, s.ID) }

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
		report.AttributeError(diags, path.Root("protected"), "unprotect", noun, state.Spec.ValueString(), err)
	}
}

// checkDestroy refuses what would fail, except for clones that resources of
// this provider hold, since those go first.
func (r *snapshotResource) checkDestroy(ctx context.Context, state model, diags *diag.Diagnostics) {
	onDestroy := state.OnDestroy.ValueString()
	if !r.data.CanAsk() || onDestroy == onDestroyRetain {
		return
	}
	spec, children, err := r.children(ctx, state)
	if err == nil && onDestroy == onDestroyTrash {
		children, err = r.data.Ceph.V1Children(ctx, children)
	}
	if err != nil {
		report.Error(diags, "delete", noun, state.Spec.ValueString(), err)
		return
	}
	e := &rbd.ChildrenError{Spec: spec}
	for _, c := range children {
		if !r.held(ctx, c) {
			e.Children = append(e.Children, c)
		}
	}
	switch {
	case len(e.Children) == 0:
	case state.FlattenChildren.ValueBool():
		diags.AddWarning("Clones will be flattened", "As flatten_children_on_destroy is set: "+e.Error()+".")
	default:
		report.Error(diags, "delete", noun, state.Spec.ValueString(), e)
	}
}

// held tells whether a resource of this provider has the clone.
func (r *snapshotResource) held(ctx context.Context, c rbd.Child) bool {
	img, err := r.data.Ceph.FindImage(ctx, c.Spec, c.ID)
	return err == nil && img.Held()
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
