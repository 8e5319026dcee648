// SPDX-License-Identifier: MPL-2.0

// Package flattenchildren is the action rbd_image_flatten_children.
package flattenchildren

import (
	"context"
	"fmt"
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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// timeout is enough for some dozens of clones.
const timeout = 4 * time.Hour

var kind = report.NewKind("clones of RBD snapshot")

type model struct {
	Snapshot types.String   `tfsdk:"snapshot"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// NewAction is the action rbd_image_flatten_children.
func NewAction() frameworkaction.Action { return action.New(way) }

func arguments(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Flattens all clones of a snapshot, in all pools and namespaces and in the trash, as `rbd flatten` does for one: " +
			"each gets a copy of what it had from its parent, and the snapshot can go. The manager does it where it takes tasks (`ceph rbd task add flatten`), one clone after the other.\n\n" +
			"The plan names each clone, and those that are in use: a guest may run on, and is slower meanwhile. What the clones take up in the cluster grows, to as much as the snapshot has for each.\n\n" +
			"The guard or alias of an image in Glance is never flattened, and is an error: the data would be lost with a delete in Glance.\n\n" +
			"What is flat when Ctrl-C or `timeouts` ends it stays so, and a clone that is half done stays a clone; invoked again, it goes on. " +
			"As part of a destroy, `flatten_children_on_destroy` of `rbd_snapshot` does the same, and `flatten = true` of `rbd_image` for one clone.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd'` for the pools of the clones, and at least `profile rbd-read-only` for all pools, since Ceph looks for clones in each; `mgr 'profile rbd'`, so that the manager does it.",
		Attributes: map[string]schema.Attribute{
			"snapshot": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.SnapshotSpec()}, MarkdownDescription: "Spec of the snapshot, `pool[/namespace]/image@snapshot`."},
			"timeouts": deadline.ActionAttribute(ctx, timeout),
		},
	}
}

var way = action.Action[model]{
	TypeName: "image_flatten_children", Arguments: arguments,
	Kind: kind, Verb: "flatten",
	Name:     func(_ *providerdata.Data, m model) string { return m.Snapshot.ValueString() },
	At:       func(model, error) path.Path { return path.Root("snapshot") },
	Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: timeout,
	Check: check, Do: do,
}

type clones struct {
	spec rbd.Spec
	id   uint64
	all  []rbd.Child
}

func find(ctx context.Context, d *providerdata.Data, m model) (c clones, err error) {
	if c.spec, err = rbd.ParseSpec(m.Snapshot.ValueString()); err != nil {
		return c, err
	}
	_, s, children, err := d.Ceph.ReadSnapshot(ctx, c.spec, "", 0)
	c.id, c.all = s.ID, children
	if err == nil {
		err = rbd.CheckFlattened(c.spec, children)
	}
	return c, err
}

func check(ctx context.Context, d *providerdata.Data, m model, diags *diag.Diagnostics) error {
	c, err := find(ctx, d, m)
	if d.Planned.Explains(c.spec, err) {
		return nil // this run makes it
	}
	if err != nil || len(c.all) == 0 {
		return err
	}
	var names, inUse []string
	for _, child := range c.all {
		names = append(names, child.String())
		used, err := d.Ceph.ChildUsers(ctx, child)
		if err != nil {
			return err
		}
		if used != nil {
			inUse = append(inUse, used.Error())
		}
	}
	text := fmt.Sprintf("%d clones of %q get a copy of what they have from it: %s.", len(c.all), c.spec, rbd.Named(names, ", ", action.MostNamed))
	if len(inUse) > 0 {
		text += " These go on meanwhile, and are slower: " + rbd.Named(inUse, "; ", action.MostNamed) + "."
	}
	diags.AddAttributeWarning(path.Root("snapshot"), "Clones will take up more in the cluster", text)
	return nil
}

func do(ctx context.Context, d *providerdata.Data, m model, say action.Say) error {
	c, err := find(ctx, d, m)
	if err != nil {
		return err
	}
	flat := 0
	err = d.Ceph.FlattenChildren(ctx, c.spec, c.id, func(child rbd.Child, by string) {
		flat++
		switch by {
		case "":
			say("%d of %d: %s is flat already", flat, len(c.all), child)
		default:
			say("%d of %d: %s is flattened, by the %s", flat, len(c.all), child, by)
		}
	})
	say("%d of %d clones are flat", flat, len(c.all))
	return err
}
