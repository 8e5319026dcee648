// SPDX-License-Identifier: MPL-2.0

// Package trashrestore is the action rbd_trash_restore.
package trashrestore

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
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

const timeout = 10 * time.Minute

var kind = report.NewKind("image from the RBD trash", []report.Advice{
	{Is: action.ErrNoPool, Do: "Set pool, here or in the provider's ceph argument."},
	{Is: rbd.ErrAmbiguous, Do: "Name the one that is meant by image_id."},
	{Is: rbd.ErrExists, Do: "Choose another name with new_name, or rename the image that has it. Nothing was changed."},
	{Is: rbd.ErrRemovalBegun, Do: "It is not restored. Let the removal end with `rbd trash rm`, or the destroy that began it; to look at what is left of it, restore it by hand."},
})

type model struct {
	Pool      types.String   `tfsdk:"pool"`
	Namespace types.String   `tfsdk:"namespace"`
	Name      types.String   `tfsdk:"name"`
	ImageID   types.String   `tfsdk:"image_id"`
	NewName   types.String   `tfsdk:"new_name"`
	Timeouts  timeouts.Value `tfsdk:"timeouts"`
}

// NewAction is the action rbd_trash_restore.
func NewAction() frameworkaction.Action { return action.New(way) }

func arguments(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Brings an image back from the trash, as `rbd trash restore` does, with all its snapshots and clones. It is for images that no state has: " +
			"of an `rbd_image`, `trashed = false` does it. Bring the image into a state afterwards with an `import` block, or by `terraform query`.\n\n" +
			"A name that is taken is refused, and so is one that several images in the trash had: then `image_id` says which. " +
			"An image whose removal was begun is refused too, as some of its content may be gone.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`.",
		Attributes: map[string]schema.Attribute{
			"pool": action.PoolAttribute, "namespace": action.NamespaceAttribute,
			"name": schema.StringAttribute{Optional: true, Validators: []validator.String{namecheck.Given(), stringvalidator.ExactlyOneOf(path.MatchRoot("name"), path.MatchRoot("image_id"))},
				MarkdownDescription: "Name that the image had. Either this or `image_id`."},
			"image_id": schema.StringAttribute{Optional: true, Validators: []validator.String{namecheck.Given()}, MarkdownDescription: "RBD image id, as `rbd trash ls` has it in its first column."},
			"new_name": schema.StringAttribute{Optional: true, Validators: []validator.String{namecheck.Image()}, MarkdownDescription: "Name that the image gets. By default the one that it had."},
			"timeouts": deadline.ActionAttribute(ctx, timeout),
		},
	}
}

var way = action.Action[model]{
	TypeName: "trash_restore", Arguments: arguments,
	Kind: kind, Verb: "restore",
	Name: func(_ *providerdata.Data, m model) string { return m.Name.ValueString() + m.ImageID.ValueString() },
	At: func(m model, err error) path.Path {
		switch {
		case errors.Is(err, action.ErrNoPool):
			return path.Root("pool")
		case errors.Is(err, rbd.ErrExists) && !m.NewName.IsNull():
			return path.Root("new_name")
		case m.Name.IsNull():
			return path.Root("image_id")
		}
		return path.Root("name")
	},
	Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: timeout,
	Check: func(ctx context.Context, d *providerdata.Data, m model, _ *diag.Diagnostics) error {
		_, _, err := find(ctx, d, m)
		return err
	},
	Do: func(ctx context.Context, d *providerdata.Data, m model, say action.Say) error {
		img, spec, err := find(ctx, d, m)
		if err == nil {
			err = d.Ceph.RestoreImage(ctx, spec, img.ID)
		}
		if err == nil {
			say("%s (id %s) is back as %s", img.Spec, img.ID, spec)
		}
		return err
	},
}

// find is the image, and the spec that it gets.
func find(ctx context.Context, d *providerdata.Data, m model) (rbd.Image, rbd.Spec, error) {
	at, err := action.Place(d, m.Pool, m.Namespace)
	if err != nil {
		return rbd.Image{}, at, err
	}
	img, err := d.Ceph.FindTrashed(ctx, at.WithImage(m.Name.ValueString()), m.ImageID.ValueString())
	if err != nil {
		return img, at, err
	}
	name := m.NewName.ValueString()
	if name == "" {
		name = img.Spec.Image
	}
	spec := at.WithImage(name)
	return img, spec, d.Ceph.CheckRestore(ctx, img, spec)
}
