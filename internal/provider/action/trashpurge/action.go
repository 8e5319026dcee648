// SPDX-License-Identifier: MPL-2.0

// Package trashpurge is the action rbd_trash_purge.
package trashpurge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	frameworkaction "github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// timeout is enough for some hundred images.
const timeout = 2 * time.Hour

// errKept says that what was asked for by name or id can't go.
var errKept = errors.New("what was asked for can't be removed")

var kind = report.NewKind("RBD trash of", []report.Advice{
	{Is: action.ErrNoPool, Do: "Set pool, here or in the provider's ceph argument."},
	{Is: rbd.ErrNotInTrash, Do: "Look for a typing error with `rbd trash ls`, or leave out what is gone. Nothing was removed."},
	{Is: errKept, Do: "Leave it out of names and ids, or see to what is in the way: a state that has it destroys it (`terraform destroy`, or on_destroy = \"delete\"); its time comes by itself; clones are flattened (`rbd flatten`) or removed; snapshots go along with remove_snapshots = true. Nothing was removed."},
})

type model struct {
	Pool            types.String       `tfsdk:"pool"`
	Namespace       types.String       `tfsdk:"namespace"`
	OlderThan       durationtype.Value `tfsdk:"older_than"`
	Names           types.Set          `tfsdk:"names"`
	IDs             types.Set          `tfsdk:"image_ids"`
	RemoveSnapshots types.Bool         `tfsdk:"remove_snapshots"`
	Timeouts        timeouts.Value     `tfsdk:"timeouts"`
}

// NewAction is the action rbd_trash_purge.
func NewAction() frameworkaction.Action { return action.New(way) }

func arguments(ctx context.Context) schema.Schema {
	some := []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(namecheck.Given())}
	return schema.Schema{
		MarkdownDescription: "Removes images from the trash of a pool and namespace, **for good**, as `rbd trash purge` and `rbd trash rm` do. The plan names each that goes, and each that stays with the reason.\n\n" +
			"These stay: what a state has, by its labels (`trashed = true` of `rbd_image`, a snapshot that is a resource); " +
			"what is to be kept for a while (`trash_delay`, `rbd trash mv --expires-at`), as `--force` is never used; what a clone hangs on, has open, or mirrors. " +
			"Images that a destroy with `on_destroy = \"trash\"` has put there are in no state any more, and go when their time has come.\n\n" +
			"An image asked for by name or id that would have to stay is an error, before anything is removed.\n\n" +
			"What was removed when Ctrl-C or `timeouts` ends it is gone; invoked again, it goes on. Leave out of `names` and `image_ids` what is gone then.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd'` for the pool, and at least `profile rbd-read-only` for all pools, since Ceph looks for clones in each; `mgr 'profile rbd'`, so that the manager removes images with many objects.",
		Attributes: map[string]schema.Attribute{
			"pool": action.PoolAttribute, "namespace": action.NamespaceAttribute,
			"older_than": schema.StringAttribute{Optional: true, CustomType: durationtype.Type{},
				Validators:          []validator.String{stringvalidator.AtLeastOneOf(path.MatchRoot("older_than"), path.MatchRoot("names"), path.MatchRoot("image_ids"))},
				MarkdownDescription: "How long an image must have been in the trash, as `720h`; `0s` is any time. At least one of this, `names` and `image_ids` is given, and all that are given must hold."},
			"names":            schema.SetAttribute{Optional: true, ElementType: types.StringType, Validators: some, MarkdownDescription: "Names that the images had: all in the trash that had one of these."},
			"image_ids":        schema.SetAttribute{Optional: true, ElementType: types.StringType, Validators: some, MarkdownDescription: "RBD image ids, as `rbd trash ls` has them in its first column."},
			"remove_snapshots": schema.BoolAttribute{Optional: true, MarkdownDescription: "Also remove images that have snapshots, protected ones too, unless clones hang on these. By default `false`: such an image stays, as with `rbd trash purge`."},
			"timeouts":         deadline.ActionAttribute(ctx, timeout),
		},
	}
}

var way = action.Action[model]{
	TypeName: "trash_purge", Arguments: arguments,
	Kind: kind, Verb: "purge",
	Name: func(d *providerdata.Data, m model) string {
		at, err := action.Place(d, m.Pool, m.Namespace)
		if err != nil {
			return ""
		}
		return at.PoolSpec()
	},
	Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: timeout,
	Check: check, Do: do,
}

// find is what goes and what stays. What is asked for and stays is an error.
func find(ctx context.Context, d *providerdata.Data, m model) (rbd.Purge, error) {
	at, err := action.Place(d, m.Pool, m.Namespace)
	if err != nil {
		return rbd.Purge{}, err
	}
	r := rbd.PurgeRequest{
		Pool: at.Pool, Namespace: at.Namespace, Names: values.Sorted(m.Names.Elements()), IDs: values.Sorted(m.IDs.Elements()),
		Snapshots: m.RemoveSnapshots.ValueBool(),
	}
	if m.OlderThan.Known() {
		r.OlderThan = m.OlderThan.Amount()
	}
	p, err := d.Ceph.CheckPurge(ctx, r)
	if err == nil && len(p.Kept) > 0 && len(r.Names)+len(r.IDs) > 0 {
		err = fmt.Errorf("%w: %s", errKept, kept(p))
	}
	return p, err
}

func kept(p rbd.Purge) string {
	var out []string
	for _, k := range p.Kept {
		out = append(out, k.String())
	}
	return rbd.Named(out, "; ", action.MostNamed)
}

func check(ctx context.Context, d *providerdata.Data, m model, diags *diag.Diagnostics) error {
	p, err := find(ctx, d, m)
	if err != nil {
		return err
	}
	if len(p.Go) > 0 {
		var names []string
		for _, i := range p.Go {
			names = append(names, fmt.Sprintf("%s (id %s)", i.Spec, i.ID))
		}
		diags.AddWarning("Images in the trash are removed for good", fmt.Sprintf(
			"%d images with %d MiB of virtual size: %s.", len(p.Go), p.Bytes()>>20, rbd.Named(names, ", ", action.MostNamed)))
	}
	if len(p.Kept) > 0 {
		diags.AddWarning("Images stay in the trash", kept(p)+".")
	}
	return nil
}

func do(ctx context.Context, d *providerdata.Data, m model, say action.Say) error {
	p, err := find(ctx, d, m)
	if err != nil {
		return err
	}
	for _, k := range p.Kept {
		say("stays: %s", k)
	}
	gone := 0
	err = d.Ceph.PurgeTrash(ctx, p, func(i rbd.Image) {
		gone++
		say("removed %d of %d: %s (id %s)", gone, len(p.Go), i.Spec, i.ID)
	})
	say("%d images were removed, %d stay", gone, len(p.Kept)+len(p.Go)-gone)
	return err
}
