package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/stateid"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// step is what an apply will do about the content.
type step int

const (
	nothing step = iota
	firstCopy
	advance // by what has changed
	restore // to the last snapshot
	unclear // until the source is known, or made by the same run
)

var atSnapshot = path.Root("source").AtName("snapshot")

func (r *replicaResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	p := target.Planner{Data: r.data, Kind: kind, Own: rbd.ReplicaSnapshots(stateid.ID())}
	var state *model
	if !req.State.Raw.IsNull() {
		state = &model{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
		p.State = &state.Model
		target.CheckHome(ctx, r.data, kind, state.Model, req.Private, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		p.CheckDestroy(ctx, &resp.Diagnostics)
		return
	}
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	src, known := plan.readSource(ctx, &resp.Diagnostics)
	do, o := unclear, (*origin)(nil)
	if known && r.data.CanAsk() && !resp.Diagnostics.HasError() {
		do, o = r.planContent(ctx, state, plan, src, resp)
	} else if state != nil && plan.Source.Equal(state.Source) {
		do = nothing
	}
	if resp.Diagnostics.HasError() {
		return
	}
	p.Model = plan.sizeless()
	if o != nil && do != nothing {
		p.SizeBytes = &o.snapshot.SizeBytes
		if p.Model.Settled() {
			p.Token = plan.token(o.ReplicaSource)
		}
	}
	p.ModifyPlan(ctx, req, resp)
	r.fill(ctx, do, o, src, resp)
}

// planContent decides what is to be copied, and refuses what can't be.
func (r *replicaResource) planContent(ctx context.Context, state *model, plan model, src sourceModel, resp *resource.ModifyPlanResponse) (step, *origin) {
	asked := state == nil || !plan.Source.Equal(state.Source)
	name := plan.Name.ValueString()
	o, err := src.find(ctx, r.data)
	switch missing := errors.Is(err, rbd.ErrImageNotFound) || errors.Is(err, rbd.ErrSnapshotNotFound); {
	case err == nil && asked && !src.elsewhere() && r.data.Planned.Anew(o.Spec, o.ImageID, o.SnapshotID):
		return unclear, nil
	case err == nil && state == nil:
		return firstCopy, &o
	case err == nil:
		return r.planChange(ctx, *state, plan, o, resp)
	case !asked && missing:
		return r.planSame(ctx, *state, resp), nil
	case !asked:
		// Nothing tells that there is anything to be copied.
		tflog.Warn(ctx, "could not ask the source", map[string]any{"source": src.Snapshot.ValueString(), "error": err.Error()})
		return r.planSame(ctx, *state, resp), nil
	case missing && src.elsewhere():
		// It may be made in the same run, by the configuration of that cluster.
		resp.Diagnostics.AddAttributeWarning(atSnapshot, "The source is not there yet", kind.Detail(err))
		return unclear, nil
	case missing && r.planned(o.Spec):
		return unclear, nil
	default:
		kind.AttributeError(&resp.Diagnostics, atSnapshot, "plan", name, err)
		return unclear, nil
	}
}

// planned tells whether this run makes the snapshot.
func (r *replicaResource) planned(spec rbd.Spec) bool {
	_, ok := r.data.Planned.Find(spec)
	return ok
}

// planSame is for a content that is to stay.
func (r *replicaResource) planSame(ctx context.Context, state model, resp *resource.ModifyPlanResponse) step {
	img, replica, ok := r.read(ctx, state, &resp.Diagnostics)
	switch {
	case !ok:
		return nothing
	case state.SourceSnapshotID.IsNull():
		r.replace(resp, state, fmt.Errorf("its note of what it is a copy of is gone, or copied from another image"))
	case state.SnapshotID.IsNull():
		r.replace(resp, state, fmt.Errorf("its snapshot is gone, so nothing tells whether it still is the copy"))
	case replica.Writing != 0 && img.Trash == nil:
		return restore
	case state.Modified.ValueBool():
		resp.Diagnostics.AddAttributeWarning(path.Root("modified"), fmt.Sprintf("Somebody wrote to %s %q", kind, state.Spec.ValueString()),
			kind.Detail(fmt.Errorf("it is not what its snapshot %s is: %w", state.Snapshot.ValueString(), rbd.ErrReplicaWritten)))
	}
	return nothing
}

// planChange is for a source that was found.
func (r *replicaResource) planChange(ctx context.Context, state, plan model, o origin, resp *resource.ModifyPlanResponse) (step, *origin) {
	if state.SourceImageID.ValueString() == o.ImageID && state.SourceSnapshotID.Equal(number(o.SnapshotID)) {
		return r.planSame(ctx, state, resp), &o
	}
	if step := r.planSame(ctx, state, resp); len(resp.RequiresReplace) > 0 || resp.Diagnostics.HasError() {
		return step, &o
	}
	img, replica, ok := r.read(ctx, state, &resp.Diagnostics)
	if !ok {
		return nothing, &o
	}
	base, err := replica.Base(o.image, o.SnapshotID)
	switch {
	case errors.Is(err, rbd.ErrNotLater):
		r.replace(resp, state, err)
		return firstCopy, &o
	case errors.Is(err, rbd.ErrNoBase):
		resp.Diagnostics.AddAttributeWarning(atSnapshot, fmt.Sprintf("All of %s %q will be compared", kind, state.Spec.ValueString()),
			kind.Detail(err))
		err = nil
	}
	switch {
	case err != nil:
	case img.ID == o.ImageID:
		err = errors.New("the source is this image itself")
	case img.Trash != nil && plan.Trashed.ValueBool():
		err = errors.New("an image in the trash can't be brought up to date: restore it first, with trashed = false")
	case img.Trash == nil:
		err = r.data.Ceph.CheckReplica(ctx, img)
	}
	if err == nil && img.Trash == nil {
		err = checkName(img, replica, base, o.Spec.Snapshot)
	}
	if err != nil {
		kind.AttributeError(&resp.Diagnostics, atSnapshot, "update", state.Spec.ValueString(), err)
	}
	return advance, &o
}

// checkName makes sure that the new snapshot can have its name: either it is
// free, or that of the last one, which moves away.
func checkName(img rbd.Image, replica rbd.Replica, base rbd.Snapshot, name string) error {
	s, err := img.Snapshot(name)
	if err != nil || img.SnapshotPending(name) {
		return nil //nolint:nilerr // it is free
	}
	if s.ID == replica.SnapshotID {
		moved := rbd.MovedName(replica, s, base)
		if s, err = img.Snapshot(moved); err != nil {
			return nil //nolint:nilerr // that is
		}
	}
	return fmt.Errorf("snapshot %s: %w", img.Spec.WithSnapshot(s.Name), rbd.ErrExists)
}

// read reads the copy as it is now. What can't be told here the planner will say.
func (r *replicaResource) read(ctx context.Context, state model, diags *diag.Diagnostics) (rbd.Image, rbd.Replica, bool) {
	img, err := r.data.Ceph.FindImage(ctx, state.RBDSpec(), state.ImageID.ValueString())
	if err != nil {
		if !rbd.IsNotFound(err) {
			kind.Error(diags, "read", state.Spec.ValueString(), err)
		}
		return img, rbd.Replica{}, false
	}
	replica, _ := img.Replica()
	return img, replica, true
}

// replace asks for a new image, and says why. Of the attributes only snapshot_id
// is new for certain.
func (r *replicaResource) replace(resp *resource.ModifyPlanResponse, state model, why error) {
	resp.RequiresReplace = append(resp.RequiresReplace, path.Root("snapshot_id"))
	resp.Diagnostics.AddAttributeWarning(atSnapshot, fmt.Sprintf("%s %q will be replaced", kind, state.Spec.ValueString()), fmt.Sprintf("Not only what has changed can be copied: %s.", why))
}

// fill sets the computed attributes as far as they are known.
func (r *replicaResource) fill(ctx context.Context, do step, o *origin, src sourceModel, resp *resource.ModifyPlanResponse) {
	if resp.Diagnostics.HasError() {
		return
	}
	set := func(name string, v any) { resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), v)...) }
	var spec types.String
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("spec"), &spec)...)
	r.fillSnapshot(ctx, do, spec, src, resp)
	replacing := len(resp.RequiresReplace) > 0
	if do == nothing && !replacing {
		return
	}
	set("modified", false)
	set("size", types.StringUnknown())
	set("transferred_bytes", types.Int64Unknown())
	if do == restore && !replacing {
		set("size_bytes", types.Int64Unknown())
		return
	}
	set("snapshot_id", types.Int64Unknown())
	if o == nil || replacing {
		for _, name := range []string{"source_fsid", "source_image_id", "revision"} {
			set(name, types.StringUnknown())
		}
		set("source_snapshot_id", types.Int64Unknown())
		set("size_bytes", types.Int64Unknown())
		return
	}
	set("source_fsid", o.image.FSID)
	set("source_image_id", o.ImageID)
	set("source_snapshot_id", number(o.SnapshotID))
	if do == advance {
		set("revision", revisionOf(o.ImageID, o.SnapshotID))
	}
}

// fillSnapshot tells what the copy's snapshot will be called, and lets what refers
// to it know.
func (r *replicaResource) fillSnapshot(ctx context.Context, do step, spec types.String, src sourceModel, resp *resource.ModifyPlanResponse) {
	name, url := types.StringUnknown(), types.StringUnknown()
	image, err := rbd.ParseSpec(spec.ValueString())
	from, err2 := rbd.ParseSpec(src.Snapshot.ValueString())
	if err == nil && err2 == nil && len(resp.RequiresReplace) == 0 {
		s := image.WithSnapshot(from.Snapshot)
		name = types.StringValue(s.String())
		if r.data.CanAsk() {
			fsid, err := r.data.Ceph.FSID(ctx)
			if err != nil {
				kind.Error(&resp.Diagnostics, "plan", spec.ValueString(), err)
				return
			}
			url = types.StringValue(rbd.LocationURL(fsid, s))
			if do != nothing {
				r.data.Planned.Add(s, providerdata.PlannedID{})
			}
		}
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("snapshot"), name)...)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("location_url"), url)...)
}
