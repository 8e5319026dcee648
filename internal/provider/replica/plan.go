// SPDX-License-Identifier: MPL-2.0

package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/replication"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/stateid"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// unclear is what will be done until the source is known, or made by the same run.
const unclear replication.Step = -1

var atSnapshot = path.Root("source").AtName("snapshot")

func (r *replicaResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	p := target.Planner{Data: r.data, Kind: kind, Own: rbd.ReplicaSnapshots(stateid.ID())}
	state, plan, ok := target.Begin[model](ctx, &p, req, resp)
	if !ok {
		return
	}
	src, known := plan.readSource(ctx, &resp.Diagnostics)
	do, found := unclear, (*replication.Source)(nil)
	if known && r.data.CanAsk() && !resp.Diagnostics.HasError() {
		do, found = r.planContent(ctx, state, *plan, src, resp)
	} else if state != nil && plan.Source.Equal(state.Source) {
		do = replication.Nothing
	}
	if resp.Diagnostics.HasError() {
		return
	}
	p.Model = plan.sizeless()
	if found != nil && do != replication.Nothing {
		p.SizeBytes = &found.Snapshot.SizeBytes
		if p.Model.Settled() {
			p.Token = plan.token(found.ID())
		}
	}
	p.ModifyPlan(ctx, req, resp)
	r.fill(ctx, do, found, src, resp)
}

// planContent finds the source and says what is to be copied, and refuses what
// can't be.
func (r *replicaResource) planContent(ctx context.Context, state *model, plan model, src sourceModel, resp *resource.ModifyPlanResponse) (replication.Step, *replication.Source) {
	asked := state == nil || !plan.Source.Equal(state.Source)
	found, err := replication.Find(ctx, deps(r.data), src.reference())
	switch missing := errors.Is(err, rbd.ErrImageNotFound) || errors.Is(err, rbd.ErrSnapshotNotFound); {
	case err == nil && asked && !src.elsewhere() && r.data.Planned.Anew(found.Spec, found.ImageID, found.SnapshotID):
		return unclear, nil
	case err == nil:
		return r.decide(ctx, state, plan, &found, resp), &found
	case !asked:
		if !missing { // nothing tells that there is anything to be copied
			tflog.Warn(ctx, "could not ask the source", map[string]any{"source": src.Snapshot.ValueString(), "error": err.Error()})
		}
		return r.decide(ctx, state, plan, nil, resp), nil
	case missing && src.elsewhere():
		// It may be made in the same run, by the configuration of that cluster, as
		// every new release is. Only the apply can tell, and does.
		tflog.Info(ctx, "the source is not there yet", map[string]any{"source": src.Snapshot.ValueString()})
		return unclear, nil
	case missing && r.planned(found.Spec):
		return unclear, nil
	default:
		kind.AttributeError(&resp.Diagnostics, atSnapshot, "plan", plan.Name.ValueString(), err)
		return unclear, nil
	}
}

// planned tells whether this run makes the snapshot.
func (r *replicaResource) planned(spec rbd.Spec) bool {
	_, ok := r.data.Planned.Find(spec)
	return ok
}

// decide says what is to be done about the content. A new image it asks for by
// snapshot_id: of the attributes only that is new for certain.
func (r *replicaResource) decide(ctx context.Context, state *model, plan model, found *replication.Source, resp *resource.ModifyPlanResponse) replication.Step {
	var before *replication.Before
	var spec string
	if state != nil {
		b := state.before()
		before, spec = &b, state.Spec.ValueString()
	}
	d, err := replication.Plan(ctx, deps(r.data), before, found, plan.Trashed.ValueBool())
	if err != nil {
		kind.Error(&resp.Diagnostics, "read", spec, err) // of an image that is gone the planner will say so
	}
	if d.Written != nil {
		resp.Diagnostics.AddAttributeWarning(path.Root("modified"), fmt.Sprintf("Somebody wrote to %s %q", kind, spec), kind.Detail(d.Written))
	}
	switch {
	case d.Do == replication.Replace:
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("snapshot_id"))
		resp.Diagnostics.AddAttributeWarning(atSnapshot, fmt.Sprintf("%s %q will be replaced", kind, spec), fmt.Sprintf("Not only what has changed can be copied: %s.", d.Why))
	case d.Why != nil:
		resp.Diagnostics.AddAttributeWarning(atSnapshot, fmt.Sprintf("All of %s %q will be compared", kind, spec), kind.Detail(d.Why))
	}
	if d.Refused != nil {
		kind.AttributeError(&resp.Diagnostics, atSnapshot, "update", spec, d.Refused)
	}
	return d.Do
}

// fill sets the computed attributes as far as they are known.
func (r *replicaResource) fill(ctx context.Context, do replication.Step, found *replication.Source, src sourceModel, resp *resource.ModifyPlanResponse) {
	if resp.Diagnostics.HasError() {
		return
	}
	set := func(name string, v any) { resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), v)...) }
	var spec types.String
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("spec"), &spec)...)
	r.fillSnapshot(ctx, do, spec, src, resp)
	replacing := len(resp.RequiresReplace) > 0
	if do == replication.Nothing && !replacing {
		return
	}
	set("modified", false)
	set("size", types.StringUnknown())
	set("transferred_bytes", types.Int64Unknown())
	if do == replication.Restore && !replacing {
		set("size_bytes", types.Int64Unknown())
		return
	}
	set("snapshot_id", types.Int64Unknown())
	if found == nil || replacing {
		for _, name := range []string{"source_fsid", "source_image_id", "revision"} {
			set(name, types.StringUnknown())
		}
		set("source_snapshot_id", types.Int64Unknown())
		set("size_bytes", types.Int64Unknown())
		return
	}
	set("source_fsid", found.Image.FSID)
	set("source_image_id", found.ImageID)
	set("source_snapshot_id", number(found.SnapshotID))
	if do == replication.Advance {
		set("revision", revisionOf(found.ImageID, found.SnapshotID))
	}
}

// fillSnapshot tells what the copy's snapshot will be called, and lets what refers
// to it know.
func (r *replicaResource) fillSnapshot(ctx context.Context, do replication.Step, spec types.String, src sourceModel, resp *resource.ModifyPlanResponse) {
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
			if do != replication.Nothing {
				r.data.Planned.Add(s, providerdata.PlannedID{})
			}
		}
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("snapshot"), name)...)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("location_url"), url)...)
}
