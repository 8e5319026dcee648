// SPDX-License-Identifier: MPL-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/export"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func (r *exportResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var plan, state model
	creating, destroying := req.State.Raw.IsNull(), req.Plan.Raw.IsNull()
	kept := export.Record{}
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
	if creating {
		r.planFile(ctx, nil, plan, req, resp)
	} else {
		r.planFile(ctx, &state, plan, req, resp)
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
		var s export.Snapshot
		if s, err = export.FindSnapshot(ctx, r.data.Ceph, plan.Snapshot.ValueString()); err == nil && state.isOf(s.ImageID, s.ID) {
			return ""
		}
	}
	if err != nil {
		kind.AttributeError(diags, path.Root("snapshot"), "plan", plan.File.ValueString(), err)
	}
	return "snapshot"
}

// planNew refuses what can't be made, and tells what can be told before it is.
func (r *exportResource) planNew(ctx context.Context, plan *model, diags *diag.Diagnostics) {
	plan.ImageID, plan.Revision = types.StringUnknown(), types.StringUnknown()
	plan.SnapshotID, plan.VirtualSizeBytes = types.Int64Unknown(), types.Int64Unknown()
	if !plan.File.IsUnknown() {
		if err := checkTarget(*plan, diags); err != nil {
			kind.AttributeError(diags, path.Root("file"), "plan", plan.File.ValueString(), err)
		}
	}
	if !r.data.CanAsk() {
		return
	}
	fail := func(err error) {
		kind.AttributeError(diags, path.Root("snapshot"), "plan", plan.File.ValueString(), err)
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
	_, planned := r.data.Planned.Find(spec)
	s, err := export.FindSnapshot(ctx, r.data.Ceph, plan.Snapshot.ValueString())
	if planned && rbd.IsNotFound(err) || err == nil && r.data.Planned.Anew(spec, s.ImageID, s.ID) {
		return // made, or renamed, in this run
	}
	if err == nil {
		err = s.CheckFormat(plan.Format.ValueString())
	}
	if err != nil {
		fail(err)
		return
	}
	plan.setSnapshot(s)
}

// checkTarget refuses a name that is taken, unless by the file of this state: a
// tainted one, or one that is to be replaced, is planned like a first one. What
// an unfinished run left is told. Creating looks again.
func checkTarget(plan model, diags *diag.Diagnostics) error {
	file, err := plan.path()
	if err != nil {
		return err
	}
	what, err := export.CheckTarget(file, thisRun(), providerdata.WasRefreshed(refreshedFile, file))
	if what != "" {
		diags.AddAttributeWarning(path.Root("file"), "An unfinished run is taken up", what)
	}
	return err
}

// errTwice says that two resources of a configuration have one file.
var errTwice = errors.New("another rbd_image_export of this configuration has the same file")

// planFile refuses two resources with one file, either of which would replace
// that of the other.
func (r *exportResource) planFile(ctx context.Context, state *model, plan model, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.data == nil || plan.File.IsUnknown() {
		return
	}
	had, diags := providerdata.Replaces(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	again := state == nil && had != ""
	if state != nil {
		had = state.File.ValueString() + " " + state.Revision.ValueString()
		resp.Diagnostics.Append(providerdata.NoteReplaces(ctx, resp.Private, had)...)
	}
	file, err := plan.path()
	if err == nil {
		err = r.data.Planned.Claim("file "+realPath(file), had, again)
	}
	if errors.Is(err, providerdata.ErrTwice) {
		err = fmt.Errorf("%s: %w", file, errTwice)
	}
	if err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("file"), "plan", plan.File.ValueString(), err)
	}
}

// realPath is one of the names that a file has through links to its folder.
func realPath(file string) string {
	dir, err := filepath.EvalSymlinks(filepath.Dir(file))
	if err != nil {
		return file // there is no such folder
	}
	return filepath.Join(dir, filepath.Base(file))
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
func checkDestroy(ctx context.Context, state model, kept export.Record, diags *diag.Diagnostics) {
	if state.OnDestroy.ValueString() == ondestroy.Retain {
		return
	}
	file, err := state.exported(kept)
	if err == nil {
		err = file.CheckRemove(ctx, thisRun())
	}
	if err != nil {
		kind.Error(diags, "delete", state.File.ValueString(), err)
	}
}
