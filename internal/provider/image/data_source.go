// SPDX-License-Identifier: MPL-2.0

package image

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var _ datasource.DataSourceWithConfigure = &imageDataSource{}

// NewDataSource is the data source rbd_image.
func NewDataSource() datasource.DataSource { return &imageDataSource{} }

type imageDataSource struct{ lookup.Base }

func (d *imageDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image"
}

func (d *imageDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An RBD image that exists, as `rbd info`, `rbd snap ls --all`, `rbd image-meta ls` and `rbd status` show it. It is read without a watch.\n\nCaps: `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'`, also for the pool of its parent.",
		Attributes: map[string]schema.Attribute{
			"spec": schema.StringAttribute{Required: true, MarkdownDescription: "`pool[/namespace]/image`.", Validators: []validator.String{namecheck.ImageSpec()}},
			"used": schema.BoolAttribute{Optional: true, MarkdownDescription: "Also count the used bytes, as `rbd du` does. By default `false`. " +
				"With the feature `fast-diff` this is quick; without it Ceph is asked for every object that there can be, which gives the same number and takes long for a large image."},
			"name":              schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the image."},
			"pool":              schema.StringAttribute{Computed: true, MarkdownDescription: "Pool of the image."},
			"namespace":         schema.StringAttribute{Computed: true, MarkdownDescription: "RBD namespace in the pool; empty for the default one."},
			"image_id":          schema.StringAttribute{Computed: true, MarkdownDescription: "RBD image id."},
			"fsid":              schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster the image lies in."},
			"size":              schema.StringAttribute{Computed: true, CustomType: sizetype.Type{}, MarkdownDescription: "Size with the largest unit that says it exactly."},
			"size_bytes":        schema.Int64Attribute{Computed: true, MarkdownDescription: "Size in bytes."},
			"used_bytes":        schema.Int64Attribute{Computed: true, MarkdownDescription: "What the image and its snapshots take up, in bytes, as `rbd du --merge-snapshots` counts: each object that holds something as a whole, without what a clone has from its parent. Null unless `used` is `true`."},
			"object_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the objects that hold the data, in bytes."},
			"stripe_unit_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Stripe unit in bytes; the object size where nothing is striped."},
			"stripe_count":      schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of objects that a stripe goes over; `1` where nothing is striped."},
			"data_pool":         schema.StringAttribute{Computed: true, MarkdownDescription: "Pool that the data is in; empty where that is the image's own."},
			"block_name_prefix": schema.StringAttribute{Computed: true, MarkdownDescription: "What the names of the objects with its data begin with."},
			"features":          schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Features that are on, sorted."},
			"parent":            schema.StringAttribute{Computed: true, MarkdownDescription: "Spec of the snapshot that the image is a clone of; null where it is none."},
			"metadata":          schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Image metadata, without `conf` and the entries that this provider keeps for itself."},
			"conf":              schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Options of librbd for this image alone, as `rbd config image ls` shows them with the source `image`."},
			"watchers":          schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Who has the image open for writing: `ADDRESS (client.N)`."},
			"created_at":        schema.StringAttribute{Computed: true, MarkdownDescription: "When the image was made (RFC 3339, UTC)."},
			"modified_at":       schema.StringAttribute{Computed: true, MarkdownDescription: "When it was last written to, as far as Ceph notes it (RFC 3339, UTC; once in `rbd_mtime_update_interval`)."},
			"accessed_at":       schema.StringAttribute{Computed: true, MarkdownDescription: "When it was last read or written, as far as Ceph notes it (RFC 3339, UTC; once in `rbd_atime_update_interval`)."},
			"snapshots": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "Snapshots of all kinds, oldest first.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":         schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the snapshot; of one of the kind `trash`, the name that it had."},
					"snapshot_id":  schema.Int64Attribute{Computed: true, MarkdownDescription: "Snapshot id."},
					"kind":         schema.StringAttribute{Computed: true, MarkdownDescription: "`user`, `group` (of the snapshot of a group), `trash` (removed, and kept by Ceph until its last v2 clone is gone) or `mirror`."},
					"size_bytes":   schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the image when the snapshot was taken, in bytes."},
					"protected":    schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the snapshot is protected."},
					"created_at":   schema.StringAttribute{Computed: true, MarkdownDescription: "When the snapshot was taken (RFC 3339, UTC)."},
					"location_url": schema.StringAttribute{Computed: true, MarkdownDescription: "`rbd://FSID/POOL/IMAGE/SNAPSHOT`; null unless `kind` is `user`."},
				}},
			},
		},
	}
}

func (d *imageDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[dataModel]{
		Kind: kind, Verb: "read", At: lookup.Attribute[dataModel]("spec"),
		Name: func(m dataModel) string { return m.Spec.ValueString() },
		Ask:  readDetails,
	}.Read(ctx, d.Data, req, resp)
}

func readDetails(ctx context.Context, d *providerdata.Data, m *dataModel, _ *diag.Diagnostics) error {
	spec, err := rbd.ParseSpec(m.Spec.ValueString())
	if err != nil {
		return err
	}
	what := rbd.ReadUsers
	if m.Used.ValueBool() {
		what |= rbd.ReadUsed
	}
	img, err := d.Ceph.Details(ctx, spec, what)
	if err == nil {
		m.set(img)
	}
	return err
}
