// SPDX-License-Identifier: MPL-2.0

// Package imagesparsify is the action rbd_image_sparsify.
package imagesparsify

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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// timeout is enough for some TiB.
const timeout = 2 * time.Hour

var kind = report.NewKind("RBD image", []report.Advice{
	{Is: rbd.ErrInUse, Do: "End what uses the image first (see `rbd status` and `rbd lock ls`), or have the guest do it, as `fstrim` does where its disk has discard. Nothing was changed."},
})

type model struct {
	Image    types.String   `tfsdk:"image"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// NewAction is the action rbd_image_sparsify.
func NewAction() frameworkaction.Action { return action.New(way) }

func arguments(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Lets go of runs of zeros from 4 KiB on in an RBD image, as `rbd sparsify` does. The OSDs look for them, so no data passes through here. " +
			"The content stays what it is, also where Ctrl-C or `timeouts` cut it off; invoked again, it begins anew.\n\n" +
			"What snapshots of the image have stays in the cluster until they go, and the plan says so: sparsify first, and take the snapshot then, as `sparsify` of `rbd_image_conversion` does.\n\n" +
			"An image in use is refused: it must have no watcher (`rbd status`) and no lock (`rbd lock ls`). The secondary of a mirror and an image under migration are refused too.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`.",
		Attributes: map[string]schema.Attribute{
			"image":    schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.ImageSpec()}, MarkdownDescription: "Spec of the image, `pool[/namespace]/image`."},
			"timeouts": deadline.ActionAttribute(ctx, timeout),
		},
	}
}

var way = action.Action[model]{
	TypeName: "image_sparsify", Arguments: arguments,
	Kind: kind, Verb: "sparsify",
	Name:     func(_ *providerdata.Data, m model) string { return m.Image.ValueString() },
	At:       func(model, error) path.Path { return path.Root("image") },
	Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: timeout,
	Check: check, Do: do,
}

func check(ctx context.Context, d *providerdata.Data, m model, diags *diag.Diagnostics) error {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return err
	}
	img, err := d.Ceph.CheckSparsify(ctx, spec)
	if d.Planned.Explains(spec, err) {
		return nil // this run makes it
	}
	if err == nil && len(img.Snapshots) > 0 {
		diags.AddAttributeWarning(path.Root("image"), "Snapshots keep what is let go of", fmt.Sprintf(
			"%q has %d snapshots, which keep zeros that are in them. What it takes up in the cluster shrinks when they go.", spec, len(img.Snapshots)))
	}
	return err
}

func do(ctx context.Context, d *providerdata.Data, m model, _ action.Say) error {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return err
	}
	img, err := d.Ceph.CheckSparsify(ctx, spec)
	if err != nil {
		return err
	}
	log := progress.Start(ctx, "sparsify", spec.String())
	defer log.Stop()
	return d.Ceph.SparsifyImage(ctx, img, log.Set)
}
