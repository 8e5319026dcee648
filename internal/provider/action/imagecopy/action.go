// SPDX-License-Identifier: MPL-2.0

// Package imagecopy is the action rbd_image_copy.
package imagecopy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	frameworkaction "github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// timeout is enough for some TiB.
const timeout = 6 * time.Hour

const flattenName = "flatten"

var kind = report.NewKind("RBD image", []report.Advice{
	{Is: rbd.ErrOntoItself, Do: "Give target another name, pool or namespace."},
	{Is: rbd.ErrEditCutOff, Do: "Let it end, or apply the configuration that edits the image again, which puts it in order. Nothing was copied."},
	{Is: rbd.ErrParentGone, Do: "Set flatten = true: the copy then has all the content itself, and no parent."},
	{Is: rbd.ErrEncryptedClone, Do: "Leave flatten out: only a client that has the keys can flatten it."},
	{Is: errPlanned, Do: "Give target another name, or leave the resource out."},
	{Is: rbd.ErrOtherArguments, Do: "Invoke it with the arguments that it had, or remove the copy with the rbd command."},
	{Is: rbd.ErrExists, Do: "Choose another name for target. Nothing was copied."},
	{Is: rbd.ErrInUse, Do: "End what uses the source first (see `rbd status` and `rbd lock ls`): a copy of what is written to meanwhile is no state of it. To copy while it runs, take a snapshot, and copy that with rbd_image_replica."},
	{Is: rbd.ErrNotTheSame, Do: "The copy was removed. Look at the health of the cluster (`ceph health detail`), and invoke it again."},
})

var errPlanned = errors.New("a resource of this configuration makes an image of this name")

type model struct {
	Image    types.String   `tfsdk:"image"`
	Target   types.String   `tfsdk:"target"`
	DataPool types.String   `tfsdk:"data_pool"`
	Flatten  types.Bool     `tfsdk:"flatten"`
	Verify   types.Bool     `tfsdk:"verify_content"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// NewAction is the action rbd_image_copy.
func NewAction() frameworkaction.Action { return action.New(way) }

var way = action.Action[model]{
	TypeName: "image_copy", Arguments: arguments,
	Kind: kind, Verb: "copy",
	Name:     func(_ *providerdata.Data, m model) string { return m.Image.ValueString() },
	At:       at,
	Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: timeout,
	Check: check, Do: do,
}

// at is the argument that an error is about.
func at(_ model, err error) path.Path {
	switch {
	case errors.As(err, new(*rbd.CopyTargetError)), errors.Is(err, rbd.ErrOtherNamespace), errors.Is(err, errPlanned):
		return path.Root("target")
	case errors.Is(err, rbd.ErrEncryptedClone):
		return path.Root(flattenName)
	}
	return path.Root("image")
}

func find(ctx context.Context, d *providerdata.Data, m model) (rbd.DeepCopy, error) {
	source, err1 := rbd.ParseSpec(m.Image.ValueString())
	target, err2 := rbd.ParseSpec(m.Target.ValueString())
	if err := errors.Join(err1, err2); err != nil {
		return rbd.DeepCopy{}, err
	}
	return d.Ceph.CheckDeepCopy(ctx, source, target, m.DataPool.ValueString(), m.Flatten.ValueBool())
}

func check(ctx context.Context, d *providerdata.Data, m model, diags *diag.Diagnostics) error {
	c, err := find(ctx, d, m)
	if errors.As(err, new(*rbd.CopyTargetError)) && errors.Is(err, rbd.ErrNamespaceNotFound) {
		if _, planned := d.Planned.Find(rbd.Spec{Pool: c.Target.Pool, Namespace: c.Target.Namespace}); planned {
			return nil // this run makes it
		}
	}
	if source, e := rbd.ParseSpec(m.Image.ValueString()); e == nil && d.Planned.Explains(source, err) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, planned := d.Planned.Find(c.Target); planned && !c.Made {
		return fmt.Errorf("copy to %s: %w", c.Target, errPlanned)
	}
	if c.Left {
		diags.AddAttributeWarning(path.Root("target"), "What a copy that was cut off has left is removed", fmt.Sprintf(
			"%q was to become %q. It is removed, and the copy begins anew.", c.Target.WithImage(rbd.PendingName(c.Target.Image)), c.Target))
	}
	return nil
}

func do(ctx context.Context, d *providerdata.Data, m model, say action.Say) error {
	c, err := find(ctx, d, m)
	if err != nil {
		return err
	}
	if c.Made {
		say("%s was complete when the run that made it was cut off", c.Target)
	}
	options := rbd.DeepCopyOptions{Compare: m.Verify.ValueBool(), State: func(spec rbd.Spec) (func(done, total uint64), func()) {
		say("copying %s", spec)
		log := progress.Start(ctx, "copy", spec.String())
		return log.Set, log.Stop
	}}
	if err := d.Ceph.CopyImage(ctx, c, options); err != nil {
		return err
	}
	say("%s is a copy of %s, with %d snapshots", c.Target, c.Source.Spec, c.SnapshotCount())
	return nil
}
