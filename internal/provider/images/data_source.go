// SPDX-License-Identifier: MPL-2.0

// Package images is the data source rbd_images.
package images

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/nameregex"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var kind = report.NewKind("RBD images of")

var _ datasource.DataSourceWithConfigure = &imagesDataSource{}

// NewDataSource is the data source rbd_images.
func NewDataSource() datasource.DataSource { return &imagesDataSource{} }

type imagesDataSource struct{ lookup.Base }

func (d *imagesDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_images"
}

func (d *imagesDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The RBD images of a pool and namespace, as `rbd ls --long` shows them. " +
			"They are read on one connection, ten at a time and without a watch. " +
			"An image that is removed meanwhile is left out; one that can't be read is an error.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'`, also for the pools of the images' parents.",
		Attributes: map[string]schema.Attribute{
			"pool":       schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "Pool. By default that of the provider's `ceph` argument.", Validators: []validator.String{namecheck.Pool()}},
			"namespace":  schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "RBD namespace in the pool, `\"\"` for the default one. By default that of the provider's `ceph` argument.", Validators: []validator.String{namecheck.Namespace()}},
			"name_regex": nameregex.Attribute("images"),
			"trash":      schema.BoolAttribute{Optional: true, MarkdownDescription: "Also list the images in the trash, as `rbd trash ls --all` does. By default `false`."},
			"used": schema.BoolAttribute{Optional: true, MarkdownDescription: "Also count the used bytes, as `rbd du` does. By default `false`. " +
				"With the feature `fast-diff` this is quick; without it Ceph is asked for every object that there can be, which gives the same number and takes long for a large image."},
			"images": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "The images, sorted by name. The list may be empty.",
				NestedObject: schema.NestedAttributeObject{Attributes: imageAttributes},
			},
		},
	}
}

var imageAttributes = map[string]schema.Attribute{
	"spec":              schema.StringAttribute{Computed: true, MarkdownDescription: "`pool[/namespace]/image`; of an image in the trash, what it was."},
	"name":              schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the image; of one in the trash, the name that it had."},
	"image_id":          schema.StringAttribute{Computed: true, MarkdownDescription: "RBD image id."},
	"size_bytes":        schema.Int64Attribute{Computed: true, MarkdownDescription: "Size in bytes."},
	"used_bytes":        schema.Int64Attribute{Computed: true, MarkdownDescription: "What the image and its snapshots take up, in bytes, as `rbd du --merge-snapshots` counts: each object that holds something as a whole, without what a clone has from its parent. Null unless `used` is `true`."},
	"object_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the objects that hold the data, in bytes."},
	"features":          schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Features that are on, sorted."},
	"parent":            schema.StringAttribute{Computed: true, MarkdownDescription: "Spec of the snapshot that the image is a clone of, as `rbd info` shows it; null where it is none."},
	"snapshot_count":    schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of snapshots of all kinds, as `rbd snap ls --all` shows them."},
	"data_pool":         schema.StringAttribute{Computed: true, MarkdownDescription: "Pool that the data is in; empty where that is the image's own."},
	"managed":           schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether a resource of this provider holds the image, in whatever state. It says so from the first refresh after the creation on."},
	"trashed":           schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the image is in the trash."},
	"created_at":        schema.StringAttribute{Computed: true, MarkdownDescription: "When the image was made (RFC 3339, UTC)."},
	"modified_at":       schema.StringAttribute{Computed: true, MarkdownDescription: "When it was last written to, as far as Ceph notes it (RFC 3339, UTC; once in `rbd_mtime_update_interval`)."},
	"accessed_at":       schema.StringAttribute{Computed: true, MarkdownDescription: "When it was last read or written, as far as Ceph notes it (RFC 3339, UTC; once in `rbd_atime_update_interval`)."},
}

func (d *imagesDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "list", At: attributeOf,
		Name: func(m model) string {
			return rbd.Spec{Pool: m.Pool.ValueString(), Namespace: m.Namespace.ValueString()}.PoolSpec()
		},
		Ask: listImages,
	}.Read(ctx, d.Data, req, resp)
}

// attributeOf is the attribute that an error is about.
func attributeOf(_ model, err error) path.Path {
	switch {
	case errors.Is(err, rbd.ErrPoolNotFound):
		return path.Root("pool")
	case errors.Is(err, rbd.ErrNamespaceNotFound):
		return path.Root("namespace")
	}
	return path.Empty()
}

func listImages(ctx context.Context, d *providerdata.Data, m *model, diags *diag.Diagnostics) error {
	m.withDefaults(d.Pool, d.Namespace)
	if m.Pool.ValueString() == "" {
		diags.AddAttributeError(path.Root("pool"), "No pool",
			"Neither this data source nor the provider's ceph argument names a pool. Set pool here, or a default pool there.")
		return nil
	}
	listing, err := m.listing()
	if err != nil {
		return err
	}
	found, err := d.Ceph.Images(ctx, listing)
	if err == nil {
		m.set(found)
	}
	return err
}
