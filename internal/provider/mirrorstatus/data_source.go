// SPDX-License-Identifier: MPL-2.0

// Package mirrorstatus is the data source rbd_mirror_status.
package mirrorstatus

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var kind = report.NewKind("mirror status of")

var _ datasource.DataSourceWithConfigure = &statusDataSource{}

// NewDataSource is the data source rbd_mirror_status.
func NewDataSource() datasource.DataSource { return &statusDataSource{} }

type statusDataSource struct{ lookup.Base }

func (d *statusDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_mirror_status"
}

func (d *statusDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "How a pool, or one image in it, is mirrored, as this cluster knows it: `rbd mirror pool info`, `rbd mirror pool status` and `rbd mirror image status`. " +
			"What an rbd-mirror reports may be half a minute old. An image or a pool that is not mirrored is no error: `enabled` is `false`.\n\n" +
			"A `check` block with `health` tells of a mirror that stands still.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'`.",
		Attributes: map[string]schema.Attribute{
			"image": schema.StringAttribute{
				Optional: true, Validators: []validator.String{namecheck.ImageSpec(), stringvalidator.ExactlyOneOf(path.MatchRoot("image"), path.MatchRoot("pool"))},
				MarkdownDescription: "Spec of an image, `pool[/namespace]/image`. Either this or `pool`.",
			},
			"pool":            schema.StringAttribute{Optional: true, Validators: []validator.String{namecheck.Pool()}, MarkdownDescription: "A pool: then what is about one image is null."},
			"namespace":       schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("pool"))}, MarkdownDescription: "RBD namespace in `pool`, which is mirrored by itself. Default: the pool's default one."},
			"enabled":         lookup.Bool("Whether the image, or the pool, is mirrored."),
			"health":          lookup.Text("`OK`, `WARNING` or `ERROR`; null where nothing is mirrored. `WARNING`: a report is missing, or says that something is being waited for. `ERROR`: an rbd-mirror reports one, as a split-brain, or two sites have a primary."),
			"pool_mode":       lookup.Text("Mirror mode of the pool: `image`, `pool` or `disabled`."),
			"site_name":       lookup.Text("Name of this cluster among its peers; its fsid where it has none, or the user may not read it."),
			"images_by_state": schema.MapAttribute{Computed: true, ElementType: types.Int64Type, MarkdownDescription: "How many images of the pool are in each state, as `replaying`, `stopped` (as a primary is) or `error`."},
			"mode":            lookup.Text("`snapshot` or `journal`."),
			"global_id":       lookup.Text("Id of the mirrored image, the same in all clusters."),
			"primary":         lookup.Bool("Whether the image is primary here."),
			"demoted":         lookup.Bool("Whether the demotion of the primary has arrived, so that this image can be promoted and nothing is lost."),
			"up":              lookup.Bool("Whether the rbd-mirror of this cluster runs for the image. One whose peers only receive (`tx-only`) needs none."),
			"state":           lookup.Text("What the rbd-mirror of this cluster reports: `replaying`, `syncing`, `stopped` (as of a primary), `error`, `unknown` …"),
			"description":     lookup.Text("What it says of that, as `local image is primary` or `split-brain`."),
			"updated_at":      lookup.Text("When it said so (RFC 3339)."),
			"synced_at":       lookup.Text("When the latest state of the primary was taken that is here as a whole (RFC 3339); null on a primary."),
			"seconds_behind":  lookup.Number("In snapshot mode, how much older that is than the latest mirror snapshot of the primary, as last reported; null where nothing is reported."),
			"entries_behind":  lookup.Number("In journal mode, how many entries have not arrived; null in snapshot mode."),
			"syncing_percent": lookup.Number("How much of the next mirror snapshot is here, while one is being copied; else null."),
			"peers": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "The other clusters that the pool is mirrored with, and what their rbd-mirrors have reported here about the image.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":        lookup.Text("Its site name."),
					"uuid":        lookup.Text("Id of the peer (`rbd mirror pool peer`)."),
					"direction":   lookup.Text("`rx-tx`, `rx-only` or `tx-only`, as seen from here."),
					"up":          lookup.Bool("Whether its rbd-mirror runs for the image and reaches this cluster; null for a pool."),
					"primary":     lookup.Bool("Whether it is up and has the primary; null for a pool."),
					"state":       lookup.Text("State of the image there; null where it was never reported."),
					"description": lookup.Text("What is said of that."),
					"updated_at":  lookup.Text("When it was reported (RFC 3339)."),
				}},
			},
		},
	}
}

func (d *statusDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "read",
		Name: func(m model) string {
			if !m.Image.IsNull() {
				return m.Image.ValueString()
			}
			return rbd.Spec{Pool: m.Pool.ValueString(), Namespace: m.Namespace.ValueString()}.PoolSpec()
		},
		At: func(m model, _ error) path.Path {
			if !m.Image.IsNull() {
				return path.Root("image")
			}
			return path.Root("pool")
		},
		Ask: ask,
	}.Read(ctx, d.Data, req, resp)
}

func ask(ctx context.Context, d *providerdata.Data, m *model, _ *diag.Diagnostics) error {
	spec := rbd.Spec{Pool: m.Pool.ValueString(), Namespace: m.Namespace.ValueString()}
	if !m.Image.IsNull() {
		var err error
		if spec, err = rbd.ParseSpec(m.Image.ValueString()); err != nil {
			return err
		}
	}
	pool, err := d.Ceph.MirrorPool(ctx, spec.Pool, spec.Namespace)
	if err != nil {
		return err
	}
	m.setPool(pool)
	if m.Image.IsNull() {
		return nil
	}
	_, image, err := d.Ceph.Mirroring(ctx, spec)
	if err == nil {
		m.setImage(image)
	}
	return err
}
