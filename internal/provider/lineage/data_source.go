// SPDX-License-Identifier: MPL-2.0

// Package lineage is the data source rbd_image_lineage.
package lineage

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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var kind = report.NewKind("lineage of RBD image")

var _ datasource.DataSourceWithConfigure = &lineageDataSource{}

// NewDataSource is the data source rbd_image_lineage.
func NewDataSource() datasource.DataSource { return &lineageDataSource{} }

type lineageDataSource struct{ lookup.Base }

func (d *lineageDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image_lineage"
}

func (d *lineageDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "What an RBD image was cloned from, and what was cloned from it, as `rbd info`, `rbd children --all` and `rbd du` tell it image by image: " +
			"over pools and namespaces, through v1 and v2 clones, through images in the trash and snapshots that were removed under their clones. " +
			"Nothing is opened with a watch. A clone that is removed meanwhile is left out.\n\n" +
			"The used bytes are counted of each image, which is quick with the feature `fast-diff`; without it Ceph is asked for every object that there can be.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd-read-only'` for all pools, since Ceph looks for clones in each. " +
			"`osd 'profile rbd pool=POOL'` is enough where all parents and clones are in pools that it names. " +
			"Where a pool that is needed can't be read, that is an error with the names of the pools that the user may not read.",
		Attributes: map[string]schema.Attribute{
			"image": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.AnySpec()},
				MarkdownDescription: "Spec of the image, `pool[/namespace]/image`, or of a snapshot, `pool[/namespace]/image@snapshot`: then only what was cloned from that one descends from it. It is an error where there is none."},
			"whole_tree": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Also show what else was cloned from the image's ancestors and other snapshots, and what from that, as far as it goes: everything below the root. By default `false`."},
			"root": schema.StringAttribute{Computed: true, MarkdownDescription: "Spec of the first ancestor, which is no clone itself."},
			"nodes": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "The images, depth first from the root, the clones of an image by their specs.",
				NestedObject: schema.NestedAttributeObject{Attributes: nodeAttributes},
			},
			"mermaid": schema.StringAttribute{Computed: true, MarkdownDescription: "The same as a [Mermaid](https://mermaid.js.org) flowchart, which GitLab, GitHub and others draw in a Markdown block `mermaid`. " +
				"Edges bear the snapshots' names; images in the trash have a dashed frame, the image asked for a thick one, and dashed edges lead to flattened clones."},
			"dot": schema.StringAttribute{Computed: true, MarkdownDescription: "The same in the language of [Graphviz](https://graphviz.org), for `dot -Tsvg`."},
		},
	}
}

var nodeAttributes = map[string]schema.Attribute{
	"spec":               schema.StringAttribute{Computed: true, MarkdownDescription: "`pool[/namespace]/image`; of an image in the trash, what it was."},
	"pool":               schema.StringAttribute{Computed: true, MarkdownDescription: "Pool of the image."},
	"namespace":          schema.StringAttribute{Computed: true, MarkdownDescription: "RBD namespace in the pool; empty for the default one."},
	"name":               schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the image; of one in the trash, the name that it had."},
	"image_id":           schema.StringAttribute{Computed: true, MarkdownDescription: "RBD image id."},
	"depth":              schema.Int64Attribute{Computed: true, MarkdownDescription: "How many clones away from the root, which has `0`."},
	"relation":           schema.StringAttribute{Computed: true, MarkdownDescription: "To the image asked for: `ancestor`, `self`, `descendant`, or `relative` for what only has an ancestor in common, or comes from another snapshot than the one asked for."},
	"parent":             schema.StringAttribute{Computed: true, MarkdownDescription: "Spec of the snapshot that the image is a clone of, as `rbd info` shows it; null for the root. A snapshot that was removed has a UUID there; the snapshots of the node with `parent_image_id` tell its former name by `parent_snapshot_id`."},
	"parent_image_id":    schema.StringAttribute{Computed: true, MarkdownDescription: "RBD image id of the parent."},
	"parent_snapshot_id": schema.Int64Attribute{Computed: true, MarkdownDescription: "Snapshot id in the parent."},
	"flattened":          schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the image was flattened, and only its own snapshots depend on the parent still."},
	"size_bytes":         schema.Int64Attribute{Computed: true, MarkdownDescription: "Size in bytes."},
	"used_bytes":         schema.Int64Attribute{Computed: true, MarkdownDescription: "What the image and its snapshots take up, in bytes, as `rbd du --merge-snapshots` counts: each object that holds something as a whole, without what a clone has from its parent."},
	"trashed":            schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the image is in the trash."},
	"watchers":           schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Who has the image open for writing, as `rbd status` shows it: `ADDRESS (client.N)`."},
	"locks":              schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Advisory locks, as `rbd lock ls` shows those of `rbd lock add`: `\"COOKIE\" of client.N at ADDRESS`."},
	"managed":            schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether a resource of this provider holds the image, in whatever state. It says so from the first refresh after the creation on."},
	"snapshots": schema.ListNestedAttribute{
		Computed: true, MarkdownDescription: "Snapshots, oldest first.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"name":        schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the snapshot; of one of the kind `trash`, the name that it had."},
			"snapshot_id": schema.Int64Attribute{Computed: true, MarkdownDescription: "Snapshot id."},
			"kind":        schema.StringAttribute{Computed: true, MarkdownDescription: "`user`, `group` (of the snapshot of a group), `trash` (removed, and kept by Ceph until its last v2 clone is gone) or `mirror`."},
			"protected":   schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the snapshot is protected."},
			"children":    schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Specs of all its clones, sorted, also of those that are no nodes here."},
		}},
	},
}

func (d *lineageDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "read", At: lookup.Attribute[model]("image"),
		Name: func(m model) string { return m.Image.ValueString() },
		Ask:  readLineage,
	}.Read(ctx, d.Data, req, resp)
}

func readLineage(ctx context.Context, d *providerdata.Data, m *model, _ *diag.Diagnostics) error {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return err
	}
	nodes, err := d.Ceph.Lineage(ctx, spec, m.WholeTree.ValueBool())
	if err == nil {
		m.set(nodes)
	}
	return err
}
