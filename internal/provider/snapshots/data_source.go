// SPDX-License-Identifier: MPL-2.0

// Package snapshots is the data source rbd_snapshots.
package snapshots

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/nameregex"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var kind = report.NewKind("RBD snapshots of")

var _ datasource.DataSourceWithConfigure = &snapshotsDataSource{}

// NewDataSource is the data source rbd_snapshots.
func NewDataSource() datasource.DataSource { return &snapshotsDataSource{} }

type snapshotsDataSource struct{ lookup.Base }

func (d *snapshotsDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_snapshots"
}

func (d *snapshotsDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The snapshots of an RBD image, as `rbd snap ls --all` shows them, and the clones of each, as `rbd children --all` does. The image is read without a watch.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd-read-only'` for all pools, since Ceph looks for clones in each. " +
			"`osd 'profile rbd pool=POOL'` is enough where all clones are in pools that it names.",
		Attributes: map[string]schema.Attribute{
			"image":      schema.StringAttribute{Required: true, MarkdownDescription: "Spec of the image, `pool[/namespace]/image`. It is an error where there is none.", Validators: []validator.String{namecheck.ImageSpec()}},
			"name_regex": nameregex.Attribute("snapshots"),
			"snapshots": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "The snapshots, oldest first (by snapshot id). The list may be empty.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":         schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the snapshot; of one of the kind `trash`, the name that it had."},
					"spec":         schema.StringAttribute{Computed: true, MarkdownDescription: "`pool[/namespace]/image@snapshot`; null unless `kind` is `user`, as others have no spec."},
					"snapshot_id":  schema.Int64Attribute{Computed: true, MarkdownDescription: "Snapshot id."},
					"kind":         schema.StringAttribute{Computed: true, MarkdownDescription: "`user`, `group` (of the snapshot of a group), `trash` (removed, and kept by Ceph until its last v2 clone is gone) or `mirror`."},
					"size_bytes":   schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the image when the snapshot was taken, in bytes."},
					"protected":    schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the snapshot is protected."},
					"created_at":   schema.StringAttribute{Computed: true, MarkdownDescription: "When the snapshot was taken (RFC 3339, UTC)."},
					"location_url": schema.StringAttribute{Computed: true, MarkdownDescription: "`rbd://FSID/POOL/IMAGE/SNAPSHOT`; null unless `kind` is `user`."},
					"children":     schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Specs of the clones in all pools and namespaces, sorted; those in the trash with the names that they had."},
					"managed":      schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether this provider made or imported the snapshot, for whatever state."},
				}},
			},
		},
	}
}

func (d *snapshotsDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "list", At: lookup.Attribute[model]("image"),
		Name: func(m model) string { return m.Image.ValueString() },
		Ask:  listSnapshots,
	}.Read(ctx, d.Data, req, resp)
}

func listSnapshots(ctx context.Context, d *providerdata.Data, m *model, _ *diag.Diagnostics) error {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return err
	}
	img, err := d.Ceph.Details(ctx, spec, rbd.ReadChildren)
	if err != nil {
		return err
	}
	return m.set(img)
}
