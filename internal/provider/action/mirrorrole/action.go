// SPDX-License-Identifier: MPL-2.0

// Package mirrorrole is the actions rbd_image_mirror_promote, rbd_image_mirror_demote
// and rbd_image_mirror_resync.
package mirrorrole

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

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/mirroring"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// timeout is enough for a resync of some dozens of GiB.
const timeout = 2 * time.Hour

var kind = report.NewKind("mirrored RBD image", []report.Advice{
	{Is: mirroring.ErrPrimaryUp, Do: "Demote it there first (rbd_image_mirror_demote), and leave force out: two primaries would go apart. Where that site is cut off and must not go on, stop its rbd-mirror: its report counts until half a minute later. Nothing was changed."},
	{Is: mirroring.ErrNeverSynced, Do: "Wait until rbd-mirror has copied the image once (data source rbd_mirror_status, synced_at). Nothing was changed."},
	{Is: mirroring.ErrUnhealthy, Do: "See `rbd mirror image status` at both sites. After a split-brain, demote the one that is given up, and invoke rbd_image_mirror_resync there; force goes on all the same. Nothing was changed."},
	{Is: mirroring.ErrNoPeer, Do: "Start the rbd-mirror of the peer, and see `rbd mirror image status`. Where that cluster is gone, set force = true. Nothing was changed."},
	{Is: mirroring.ErrNoPrimary, Do: "A resync removes what is here first. Promote the image at another site, or start the rbd-mirror that reports it. Nothing was changed."},
	{Is: rbd.ErrPrimaryElsewhere, Do: "Demote it there first (rbd_image_mirror_demote), and see in `rbd mirror image status` whether rbd-mirror runs here, which brings that over. Where the other cluster is gone, force = true promotes to the last state that arrived here."},
	{Is: rbd.ErrPrimary, Do: "A primary is never copied anew: invoke rbd_image_mirror_demote first. Nothing was changed."},
	{Is: rbd.ErrNotMirrored, Do: "Enable it at the primary first, with rbd_image_mirror or `rbd mirror image enable IMAGE snapshot`. Nothing was changed."},
	{Is: rbd.ErrMirrorBusy, Do: "Invoke it again when that has ended; `rbd mirror image status` says what rbd-mirror does."},
	{Is: rbd.ErrInUse, Do: "End what uses it first (see `rbd status`): what it wrote after the demotion would be refused. An rbd-mirror that is up does not count. Nothing was changed."},
})

// model is what all have.
type model interface {
	at() string
	force() bool
	limits() timeouts.Value
}

type unforced struct {
	Image    types.String   `tfsdk:"image"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

func (m unforced) at() string             { return m.Image.ValueString() }
func (m unforced) force() bool            { return false }
func (m unforced) limits() timeouts.Value { return m.Timeouts }

type forced struct {
	Image    types.String   `tfsdk:"image"`
	Force    types.Bool     `tfsdk:"force"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

func (m forced) at() string             { return m.Image.ValueString() }
func (m forced) force() bool            { return m.Force.ValueBool() }
func (m forced) limits() timeouts.Value { return m.Timeouts }

// role is one of the three.
type role struct {
	verb        string
	description string
	force       string // the description of the argument
	primary     bool   // what the image is to be
	resync      bool
}

var (
	promote = role{
		verb: "promote", primary: true,
		description: "Makes the secondary of a mirror the primary, as `rbd mirror image promote` does, and waits up to ten minutes for the demotion of the primary to arrive. " +
			"An image that is primary already is no error.",
		force: "Promote though the primary was not demoted, as its cluster is gone: the image becomes what it was at the last state that has arrived as a whole, and the plan says which. Refused while a site reports that it has the primary and is up. By default `false`.",
	}
	demote = role{
		verb: "demote",
		description: "Makes the primary of a mirror a secondary, which is read-only, as `rbd mirror image demote` does. An image in use is refused. So is one that no peer's rbd-mirror is up for: what was written last would arrive nowhere. " +
			"An image that is a secondary already is no error.",
		force: "Demote though no peer is up. By default `false`.",
	}
	resync = role{
		verb: "resync", resync: true,
		description: "Copies the primary of a mirror anew into its secondary, as `rbd mirror image resync` does, and waits for the end: **what is here is removed first**. A primary is refused.",
	}
)

// NewPromote is the action rbd_image_mirror_promote.
func NewPromote() frameworkaction.Action { return action.New(way[forced](promote)) }

// NewDemote is the action rbd_image_mirror_demote.
func NewDemote() frameworkaction.Action { return action.New(way[forced](demote)) }

// NewResync is the action rbd_image_mirror_resync.
func NewResync() frameworkaction.Action { return action.New(way[unforced](resync)) }

func (r role) arguments(ctx context.Context) schema.Schema {
	out := schema.Schema{
		MarkdownDescription: r.description + "\n\n" +
			"It is for images whose mirroring no state has. Where a state has it, the plan warns: change `primary` or `resync` of its `rbd_image_mirror`, as the next apply changes it back otherwise.\n\n" +
			"Invoked again after Ctrl-C or `timeouts`, it goes on from where it was.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`.",
		Attributes: map[string]schema.Attribute{
			"image":    schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.ImageSpec()}, MarkdownDescription: "Spec of the image, `pool[/namespace]/image`."},
			"timeouts": deadline.ActionAttribute(ctx, timeout),
		},
	}
	if r.force != "" {
		out.Attributes["force"] = schema.BoolAttribute{Optional: true, MarkdownDescription: r.force}
	}
	return out
}

func way[M model](r role) action.Action[M] {
	return action.Action[M]{
		TypeName: "image_mirror_" + r.verb, Arguments: r.arguments,
		Kind: kind, Verb: r.verb,
		Name:     func(_ *providerdata.Data, m M) string { return m.at() },
		At:       func(M, error) path.Path { return path.Root("image") },
		Timeouts: func(m M) timeouts.Value { return m.limits() }, Timeout: timeout,
		Check: func(ctx context.Context, d *providerdata.Data, m M, diags *diag.Diagnostics) error {
			return r.check(ctx, d, m, diags)
		},
		Do: func(ctx context.Context, d *providerdata.Data, m M, say action.Say) error {
			return r.do(ctx, d, m, say)
		},
	}
}

func (r role) check(ctx context.Context, d *providerdata.Data, m model, diags *diag.Diagnostics) error {
	spec, err := rbd.ParseSpec(m.at())
	if err != nil {
		return err
	}
	img, is, err := mirroring.Mirrored(ctx, d.Ceph, spec)
	if d.Planned.Explains(spec, err) {
		return nil // this run makes it
	}
	if err == nil {
		err = r.possible(is, m.force())
	}
	if err != nil {
		return err
	}
	at := path.Root("image")
	if img.Label("mirror") != "" {
		diags.AddAttributeWarning(at, "A state has the mirroring", fmt.Sprintf(
			"An rbd_image_mirror has the mirroring of %q: its next apply changes this back, unless its configuration says the same.", spec))
	}
	switch {
	case r.resync:
		diags.AddAttributeWarning(at, "The secondary is copied anew", fmt.Sprintf("What was written to %q in this cluster and is not in the primary is lost.", spec))
	case r.primary && !is.Primary && !is.Demoted() && m.force():
		diags.AddAttributeWarning(at, "Promoted by force", fmt.Sprintf(
			"%q becomes what its primary was at %s. What the primary got since then is lost, and must not be written to any more.", spec, is.Synced().Format(time.RFC3339)))
	case r.primary && !is.Primary && !is.Demoted():
		diags.AddAttributeWarning(at, "The promotion waits for a demotion", fmt.Sprintf("%q is primary in another cluster, as far as is known here.", spec))
	}
	return nil
}

// possible tells what is against it, but for what is waited for.
func (r role) possible(is rbd.Mirroring, force bool) error {
	switch {
	case r.resync:
		return mirroring.CheckResync(is)
	case r.primary:
		return mirroring.CheckPromote(is, force)
	}
	err := mirroring.CheckDemote(is, force)
	if mirroring.Unreported(err) {
		return nil
	}
	return err
}

func (r role) do(ctx context.Context, d *providerdata.Data, m model, say action.Say) error {
	spec, err := rbd.ParseSpec(m.at())
	if err != nil {
		return err
	}
	_, is, err := mirroring.Mirrored(ctx, d.Ceph, spec)
	if err != nil {
		return err
	}
	if r.resync && is.Primary { // which an update would demote first
		return fmt.Errorf("image %s: %w", spec, rbd.ErrPrimary)
	}
	if !r.resync && is.Primary == r.primary {
		say("%s is so already: primary = %t", spec, is.Primary)
		return nil
	}
	err = mirroring.Update(ctx, d.Ceph, mirroring.Request{Spec: spec, Primary: r.primary, Force: m.force(), Resync: r.resync})
	if err == nil && r.resync {
		say("%s is copied anew", spec)
	} else if err == nil {
		say("%s: primary = %t", spec, r.primary)
	}
	return err
}
