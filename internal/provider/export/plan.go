package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func (r *exportResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var plan, state model
	creating, destroying := req.State.Raw.IsNull(), req.Plan.Raw.IsNull()
	kept := record{}
	if !creating {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		kept = keptRecord(ctx, state, req.Private, &resp.Diagnostics)
	}
	if !destroying {
		resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if destroying {
		checkDestroy(ctx, state, kept, &resp.Diagnostics)
		return
	}
	if !creating {
		noteRefreshed(state)
		if why := r.newSnapshot(ctx, state, plan, &resp.Diagnostics); why != "" {
			resp.RequiresReplace = append(resp.RequiresReplace, path.Root(why))
		}
		if state.SHA256.ValueString() != kept.SHA256 {
			resp.RequiresReplace = append(resp.RequiresReplace, path.Root("sha256"))
			resp.Diagnostics.AddAttributeWarning(path.Root("file"), "The file was changed",
				fmt.Sprintf("Somebody changed %s since it was written. This plan removes it and writes it again.", state.File.ValueString()))
		}
	}
	if resp.Diagnostics.HasError() || !creating && len(resp.RequiresReplace) == 0 {
		return
	}
	r.planNew(ctx, &plan, &resp.Diagnostics)
	for name, v := range map[string]any{
		"size_bytes": types.Int64Unknown(), "sha256": types.StringUnknown(),
		"virtual_size_bytes": plan.VirtualSizeBytes, "image_id": plan.ImageID, "snapshot_id": plan.SnapshotID, "revision": plan.Revision,
	} {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), v)...)
	}
}

// newSnapshot names the attribute that asks for another snapshot, empty where
// the file that is there will do.
//
// A snapshot that is made in this run under the name of the old one is another
// one. One that somebody made of that name is not asked for.
func (r *exportResource) newSnapshot(ctx context.Context, state, plan model, diags *diag.Diagnostics) string {
	same := state.Snapshot.Equal(plan.Snapshot)
	if plan.Snapshot.IsUnknown() || !same && !r.data.CanAsk() {
		return "snapshot"
	}
	if !r.data.CanAsk() {
		return ""
	}
	spec, err := rbd.ParseSpec(plan.Snapshot.ValueString())
	if err == nil {
		id, planned := r.data.Planned.Find(spec)
		switch {
		case planned && state.isOf(id.ImageID, id.SnapshotID), same && !planned:
			return ""
		case planned && same:
			return "snapshot_id"
		case planned:
			return "snapshot"
		}
		var o origin
		if o, err = findOrigin(ctx, r.data, plan.Snapshot.ValueString()); err == nil && state.isOf(o.imageID, o.snapshotID) {
			return ""
		}
	}
	if err != nil {
		report.AttributeError(diags, path.Root("snapshot"), "plan", noun, plan.File.ValueString(), err)
	}
	return "snapshot"
}

// planNew refuses what can't be made, and tells what can be told before it is.
func (r *exportResource) planNew(ctx context.Context, plan *model, diags *diag.Diagnostics) {
	plan.ImageID, plan.Revision = types.StringUnknown(), types.StringUnknown()
	plan.SnapshotID, plan.VirtualSizeBytes = types.Int64Unknown(), types.Int64Unknown()
	if !plan.File.IsUnknown() {
		if err := checkTarget(*plan); err != nil {
			report.AttributeError(diags, path.Root("file"), "plan", noun, plan.File.ValueString(), err)
		}
	}
	if !r.data.CanAsk() {
		return
	}
	fail := func(err error) {
		report.AttributeError(diags, path.Root("snapshot"), "plan", noun, plan.File.ValueString(), err)
	}
	// Also while the snapshot is not known yet: a wrong cluster stops here.
	if _, err := r.data.Ceph.FSID(ctx); err != nil {
		fail(err)
		return
	}
	if plan.Snapshot.IsUnknown() {
		return
	}
	spec, err := rbd.ParseSpec(plan.Snapshot.ValueString())
	if err != nil {
		fail(err)
		return
	}
	id, planned := r.data.Planned.Find(spec)
	o, err := findOrigin(ctx, r.data, plan.Snapshot.ValueString())
	if planned && (rbd.IsNotFound(err) || err == nil && (id.ImageID != o.imageID || id.SnapshotID != o.snapshotID)) {
		return // made, or renamed, in this run
	}
	if err == nil {
		err = o.checkFormat(plan.Format.ValueString())
	}
	if err != nil {
		fail(err)
		return
	}
	plan.setOrigin(o)
}

// checkTarget refuses a name that is taken, unless by the file of this state: a
// tainted one, or one that is to be replaced, is planned like a first one.
// Creating looks again.
func checkTarget(plan model) error {
	file, err := plan.path()
	if err != nil {
		return err
	}
	if err := checkFree(file); !errors.Is(err, errFileExists) || !providerdata.WasRefreshed(refreshedFile, file) {
		return err
	}
	return nil
}

// refreshedFile stands for the cluster in what was refreshed.
const refreshedFile = "file"

func noteRefreshed(state model) {
	if file, err := state.path(); err == nil {
		providerdata.NoteRefreshed(refreshedFile, file)
	}
}

// checkDestroy refuses to remove a file that is not as it was written. A plan
// that makes it anew passes: it shows what it does.
func checkDestroy(ctx context.Context, state model, kept record, diags *diag.Diagnostics) {
	if state.OnDestroy.ValueString() == onDestroyRetain {
		return
	}
	if err := expect(ctx, state, kept, kept.SHA256); err != nil {
		report.Error(diags, "delete", noun, state.File.ValueString(), err)
	}
}
