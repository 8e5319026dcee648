package image

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var _ datasource.DataSourceWithConfigure = &imageDataSource{}

// NewDataSource is the data source rbd_image.
func NewDataSource() datasource.DataSource { return &imageDataSource{} }

type imageDataSource struct{ data *providerdata.Data }

type dataModel struct {
	Spec            types.String        `tfsdk:"spec"`
	Name            types.String        `tfsdk:"name"`
	Pool            types.String        `tfsdk:"pool"`
	Namespace       types.String        `tfsdk:"namespace"`
	ImageID         types.String        `tfsdk:"image_id"`
	FSID            types.String        `tfsdk:"fsid"`
	Size            sizetype.Value      `tfsdk:"size"`
	SizeBytes       types.Int64         `tfsdk:"size_bytes"`
	ObjectSizeBytes types.Int64         `tfsdk:"object_size_bytes"`
	Features        []string            `tfsdk:"features"`
	Parent          types.String        `tfsdk:"parent"`
	Snapshots       []dataSnapshotModel `tfsdk:"snapshots"`
	Metadata        map[string]string   `tfsdk:"metadata"`
	CreatedAt       types.String        `tfsdk:"created_at"`
}

type dataSnapshotModel struct {
	Name        types.String `tfsdk:"name"`
	SnapshotID  types.Int64  `tfsdk:"snapshot_id"`
	SizeBytes   types.Int64  `tfsdk:"size_bytes"`
	Protected   types.Bool   `tfsdk:"protected"`
	LocationURL types.String `tfsdk:"location_url"`
}

func (d *imageDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image"
}

func (d *imageDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An RBD image that exists, as `rbd info`, `rbd snap ls` and `rbd image-meta ls` show it. It is read without a watch.\n\nCaps: `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'`.",
		Attributes: map[string]schema.Attribute{
			"spec":              schema.StringAttribute{Required: true, MarkdownDescription: "`pool[/namespace]/image`.", Validators: []validator.String{namecheck.ImageSpec()}},
			"name":              schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the image."},
			"pool":              schema.StringAttribute{Computed: true, MarkdownDescription: "Pool of the image."},
			"namespace":         schema.StringAttribute{Computed: true, MarkdownDescription: "RBD namespace in the pool; empty for the default one."},
			"image_id":          schema.StringAttribute{Computed: true, MarkdownDescription: "RBD image id."},
			"fsid":              schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster the image lies in."},
			"size":              schema.StringAttribute{Computed: true, CustomType: sizetype.Type{}, MarkdownDescription: "Size with the largest unit that says it exactly."},
			"size_bytes":        schema.Int64Attribute{Computed: true, MarkdownDescription: "Size in bytes."},
			"object_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the objects that hold the data, in bytes."},
			"features":          schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Features that are on, sorted."},
			"parent":            schema.StringAttribute{Computed: true, MarkdownDescription: "Spec of the snapshot that the image is a clone of; null where it is none."},
			"metadata":          schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Image metadata, without the entries that this provider keeps for itself."},
			"created_at":        schema.StringAttribute{Computed: true, MarkdownDescription: "When the image was made (RFC 3339, UTC)."},
			"snapshots": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "Snapshots, oldest first.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":         schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the snapshot."},
					"snapshot_id":  schema.Int64Attribute{Computed: true, MarkdownDescription: "Snapshot id."},
					"size_bytes":   schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the image when the snapshot was taken, in bytes."},
					"protected":    schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the snapshot is protected."},
					"location_url": schema.StringAttribute{Computed: true, MarkdownDescription: "`rbd://FSID/POOL/IMAGE/SNAPSHOT`."},
				}},
			},
		},
	}
}

func (d *imageDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (d *imageDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m dataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !d.data.CanAsk() {
		resp.Diagnostics.AddError(report.Unable("read", noun, m.Spec.ValueString()), "The provider's configuration is not known yet.")
		return
	}
	spec, err := rbd.ParseSpec(m.Spec.ValueString())
	var img rbd.Image
	if err == nil {
		img, err = d.data.Ceph.Image(ctx, spec)
	}
	if err != nil {
		report.AttributeError(&resp.Diagnostics, path.Root("spec"), "read", noun, m.Spec.ValueString(), err)
		return
	}
	m.set(img)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *dataModel) set(img rbd.Image) {
	m.Name = types.StringValue(img.Spec.Image)
	m.Pool = types.StringValue(img.Spec.Pool)
	m.Namespace = types.StringValue(img.Spec.Namespace)
	m.ImageID = types.StringValue(img.ID)
	m.FSID = types.StringValue(img.FSID)
	m.Size = sizetype.New(img.SizeBytes)
	m.SizeBytes = types.Int64Value(int64(img.SizeBytes))             //nolint:gosec // signed in librbd
	m.ObjectSizeBytes = types.Int64Value(int64(img.ObjectSizeBytes)) //nolint:gosec // 32 MiB at the most
	m.Features = img.Features
	m.Metadata = img.UserMetadata()
	m.CreatedAt = types.StringValue(img.CreatedAt.Format("2006-01-02T15:04:05Z07:00"))
	m.Parent = types.StringNull()
	if img.Parent != nil {
		m.Parent = types.StringValue(img.Parent.String())
	}
	m.Snapshots = make([]dataSnapshotModel, 0, len(img.Snapshots))
	for _, s := range img.Snapshots {
		if s.Kind != rbd.UserSnapshot {
			continue
		}
		m.Snapshots = append(m.Snapshots, dataSnapshotModel{
			Name:        types.StringValue(s.Name),
			SnapshotID:  types.Int64Value(int64(s.ID)),        //nolint:gosec // a counter
			SizeBytes:   types.Int64Value(int64(s.SizeBytes)), //nolint:gosec // signed in librbd
			Protected:   types.BoolValue(s.Protected),
			LocationURL: types.StringValue(rbd.LocationURL(img.FSID, img.Spec.WithSnapshot(s.Name))),
		})
	}
}
