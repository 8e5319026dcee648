// SPDX-License-Identifier: MPL-2.0

// Package snapshotrollback is the action rbd_snapshot_rollback.
package snapshotrollback

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	frameworkaction "github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// timeout is enough for some TiB.
const timeout = 2 * time.Hour

const undoName = "keep_undo_snapshot"

var kind = report.NewKind("image to RBD snapshot", []report.Advice{
	{Is: rbd.ErrExists, Do: "Choose another name for keep_undo_snapshot, or leave it out where that snapshot has what is to be kept. Nothing was changed."},
	{Is: rbd.ErrInUse, Do: "End what uses the image first (see `rbd status` and `rbd lock ls`): a guest that runs on would write what it has in memory over what was put back. The watch of a client that died goes away by itself within about 30 seconds. Nothing was changed."},
	{Is: rbd.ErrRollbackCutOff, Do: "Invoke it again with the same arguments, which finishes it; where that asks for keep_undo_snapshot and no snapshot was taken before, leave it out. Until then this provider neither edits the image nor takes a snapshot of it."},
})

type model struct {
	Snapshot types.String   `tfsdk:"snapshot"`
	Undo     types.String   `tfsdk:"keep_undo_snapshot"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// NewAction is the action rbd_snapshot_rollback.
func NewAction() frameworkaction.Action { return action.New(way) }

func arguments(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Puts an RBD image back to what it was at a snapshot, as `rbd snap rollback` does. **What was written since then is lost**, " +
			"unless `keep_undo_snapshot` keeps it: the plan warns, and says how much differs where the feature `fast-diff` tells it. " +
			"The image gets the size that it had, too; all snapshots stay, newer ones as well, and so do clones.\n\n" +
			"An image in use is refused, by the plan and again when it is done: it must have no watcher (`rbd status`) and no lock (`rbd lock ls`). " +
			"The secondary of a mirror and an image under migration are refused too.\n\n" +
			"A rollback that is cut off leaves an image that is half of each. This is noted on the image: until the action is invoked again and has finished it, " +
			"this provider neither edits the image nor takes a snapshot of it. Ctrl-C and `timeouts` cut it off.\n\n" +
			"What a state has of the image changes without it: a size, an edit of the guest. The next plan shows that.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`.",
		Attributes: map[string]schema.Attribute{
			"snapshot": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.SnapshotSpec()},
				MarkdownDescription: "Spec of the snapshot, `pool[/namespace]/image@snapshot`. It must belong to the image itself; to start from the snapshot of another, clone it."},
			undoName: schema.StringAttribute{Optional: true, Validators: []validator.String{namecheck.Snapshot()},
				MarkdownDescription: "Name of a snapshot that is taken before and keeps what the image was. It stays, and no state has it: import it as an `rbd_snapshot`, or remove it with `rbd snap rm`. By default none is taken."},
			"timeouts": deadline.ActionAttribute(ctx, timeout),
		},
	}
}

var way = action.Action[model]{
	TypeName: "snapshot_rollback", Arguments: arguments,
	Kind: kind, Verb: "roll back",
	Name: func(_ *providerdata.Data, m model) string { return m.Snapshot.ValueString() },
	At: func(_ model, err error) path.Path {
		if errors.Is(err, rbd.ErrExists) {
			return path.Root(undoName)
		}
		return path.Root("snapshot")
	},
	Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: timeout,
	Check: check, Do: do,
}

func find(ctx context.Context, d *providerdata.Data, m model) (rbd.Rollback, error) {
	spec, err := rbd.ParseSpec(m.Snapshot.ValueString())
	if err != nil {
		return rbd.Rollback{}, err
	}
	return d.Ceph.CheckRollback(ctx, spec, m.Undo.ValueString())
}

func check(ctx context.Context, d *providerdata.Data, m model, diags *diag.Diagnostics) error {
	r, err := find(ctx, d, m)
	if spec, e := rbd.ParseSpec(m.Snapshot.ValueString()); e == nil && d.Planned.Explains(spec, err) {
		return nil // this run makes it
	}
	if err != nil {
		return err
	}
	summary := "What was written since the snapshot is lost"
	if !m.Undo.IsNull() {
		summary = "The image is put back to a snapshot"
	}
	diags.AddAttributeWarning(path.Root("snapshot"), summary, strings.Join(effects(r, m.Undo.ValueString()), " "))
	return nil
}

// effects says in sentences what it does.
func effects(r rbd.Rollback, undo string) []string {
	spec := r.Image.Spec
	out := []string{fmt.Sprintf("%q becomes what it was at %q, taken %s.", spec, r.Snapshot.Name, r.Snapshot.CreatedAt.Format(time.RFC3339))}
	if r.Resumes {
		out = append(out, "A rollback to it was cut off before, and is finished.")
	}
	switch {
	case r.Counted && r.ChangedBytes == 0:
		out = append(out, "Nothing differs.")
	case r.Counted:
		out = append(out, fmt.Sprintf("The objects that differ have %d MiB.", (r.ChangedBytes+1<<20-1)>>20))
	default:
		out = append(out, "How much differs is not known, as the image has no fast-diff.")
	}
	if r.Image.SizeBytes != r.Snapshot.SizeBytes {
		out = append(out, fmt.Sprintf("Its size goes from %d to %d bytes.", r.Image.SizeBytes, r.Snapshot.SizeBytes))
	}
	if len(r.Newer) > 0 {
		var names []string
		for _, s := range r.Newer {
			names = append(names, s.Name)
		}
		out = append(out, "Newer snapshots stay: "+strings.Join(names, ", ")+".")
	}
	switch {
	case r.KeptUndo != "":
		out = append(out, fmt.Sprintf("What it was before is in the snapshot %q.", r.KeptUndo))
	case undo != "":
		out = append(out, fmt.Sprintf("The snapshot %q keeps what it is now.", undo))
	}
	return out
}

func do(ctx context.Context, d *providerdata.Data, m model, say action.Say) error {
	r, err := find(ctx, d, m)
	if err != nil {
		return err
	}
	say("%s", strings.Join(effects(r, m.Undo.ValueString()), " "))
	log := progress.Start(ctx, "rollback", m.Snapshot.ValueString())
	defer log.Stop()
	return d.Ceph.RollBack(ctx, r, m.Undo.ValueString(), log.Set)
}
