// Package glanceimage is the data source rbd_glance_image.
package glanceimage

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/datasourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const noun = "Glance image"

var (
	errNone    = errors.New("no image fits")
	errSeveral = errors.New("more than one image fits")
)

func init() {
	report.Advise(errNone, "Look for it with `openstack image list`. Only images that are active and that the project can see count; hidden ones with hidden = true. Others are found by image_id.")
	report.Advise(errSeveral, "Say more about it (owner, tags, properties), name its image_id, or take the newest with most_recent = true.")
}

var (
	_ datasource.DataSourceWithConfigure        = &imageDataSource{}
	_ datasource.DataSourceWithConfigValidators = &imageDataSource{}
)

// NewDataSource is the data source rbd_glance_image.
func NewDataSource() datasource.DataSource { return &imageDataSource{} }

type imageDataSource struct{ data *providerdata.Data }

func (d *imageDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_glance_image"
}

// imageID is a UUID as Glance writes it.
var imageID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (d *imageDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	number := func(s string) schema.Int64Attribute {
		return schema.Int64Attribute{Computed: true, MarkdownDescription: s}
	}
	yes := func(s string) schema.BoolAttribute {
		return schema.BoolAttribute{Computed: true, MarkdownDescription: s}
	}
	words := []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "An image of Glance, whoever made it, as `glance image-show` shows it, with its location taken to pieces: " +
			"`spec` is the RBD snapshot behind it, where a clone, a copy or a new golden image can begin.\n\n" +
			"It is found by `image_id`, or by the rest: of the images that are active and that fit all that is said, there must be exactly one, or `most_recent` takes the newest.\n\n" +
			"Glance shows the location if its operator has set `show_multiple_locations = True` (then `locations`) or `show_image_direct_url = True` (then `direct_url`), " +
			"and of a deactivated image to an admin only. Where it shows none, `location_url` and what follows from it are null, and a warning says why.\n\n" +
			"Caps: `mon 'profile rbd'`, to compare the location's cluster with this one.",
		Attributes: map[string]schema.Attribute{
			"image_id": schema.StringAttribute{
				Optional: true, Computed: true, MarkdownDescription: "ID of the image in Glance. Nothing else is looked for then, and its status may be any.",
				Validators: []validator.String{stringvalidator.RegexMatches(imageID, "must be a UUID in small letters")},
			},
			"name":       schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "Name of the image.", Validators: []validator.String{stringvalidator.LengthBetween(1, 255)}},
			"owner":      schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "ID of the project that owns it.", Validators: []validator.String{stringvalidator.LengthAtLeast(1)}},
			"tags":       schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "Tags that it must have; see `all_tags` for those that it has.", Validators: words},
			"properties": schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "Additional properties that it must have, with these values; see `all_properties` for those that it has.", Validators: []validator.Map{mapvalidator.SizeAtLeast(1), mapvalidator.NoNullValues()}},
			"hidden":     schema.BoolAttribute{Optional: true, Computed: true, MarkdownDescription: "Look among the hidden images (`os_hidden`) instead of the others. By default `false`."},
			"most_recent": schema.BoolAttribute{
				Optional: true, MarkdownDescription: "Take the newest (`created_at`) of several. By default `false`: several are an error that names them.",
			},

			"status":              text("Status, such as `active` or `deactivated`. Glance says `active` even where the data is gone."),
			"visibility":          text("`private`, `shared`, `community` or `public`."),
			"disk_format":         text("Format of the data, such as `raw`."),
			"container_format":    text("What is around it, such as `bare`."),
			"min_disk":            number("Smallest root disk that it boots from, in GiB."),
			"min_ram":             number("Least memory that it boots with, in MiB."),
			"protected":           yes("Whether Glance refuses to delete it."),
			"all_tags":            schema.SetAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "All tags."},
			"all_properties":      schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "All additional properties."},
			"size_bytes":          number("Size of the data in bytes; null where it has none."),
			"virtual_size_bytes":  number("Size of the disk in bytes; null where Glance does not know it, as of a location that was added by hand."),
			"checksum":            text("MD5 of the data; null where Glance has none."),
			"os_hash_algo":        text("Algorithm of `os_hash_value`; null where Glance has none."),
			"os_hash_value":       text("Hash of the data; null where Glance has none."),
			"stores":              schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "IDs of the stores that it is in; empty where Glance has but one, without a name."},
			"created_at":          text("When it was made (RFC 3339, UTC)."),
			"updated_at":          text("When it was changed last (RFC 3339, UTC)."),
			"nova_base_file_name": text("Name under which a compute node keeps it in `_base` where it can't clone it."),

			"location_url": text("`rbd://FSID/POOL/IMAGE/SNAPSHOT`: its location in this cluster, or else the first in RBD. Null where it has none, or Glance shows none."),
			"fsid":         text("Cluster of the location, in small letters."),
			"pool":         text("Pool of the location."),
			"image":        text("Name of the RBD image."),
			"snapshot":     text("Name of the snapshot."),
			"spec":         text("`pool/image@snapshot`; null where the location is in another cluster, where it would name something else."),
			"image_spec":   text("`pool/image`; null as `spec` is."),
			"this_cluster": yes("Whether the location is in the cluster of the provider's `ceph` block; null where there is none."),
		},
	}
}

// ConfigValidators: an ID says it all.
func (d *imageDataSource) ConfigValidators(context.Context) []datasource.ConfigValidator {
	id := path.MatchRoot("image_id")
	all := []path.Expression{id}
	validators := []datasource.ConfigValidator{}
	for _, name := range []string{"name", "owner", "tags", "properties"} {
		all = append(all, path.MatchRoot(name))
	}
	for _, name := range []string{"name", "owner", "tags", "properties", "hidden", "most_recent"} {
		validators = append(validators, datasourcevalidator.Conflicting(id, path.MatchRoot(name)))
	}
	return append(validators, datasourcevalidator.AtLeastOneOf(all...))
}

func (d *imageDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (d *imageDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !d.data.CanAsk() {
		resp.Diagnostics.AddError(report.Unable("read", noun, m.wanted()), "The provider's configuration is not known yet.")
		return
	}
	rec, err := d.find(ctx, m)
	var fsid string
	if err == nil {
		fsid, err = d.data.Ceph.FSID(ctx)
	}
	if err != nil {
		report.Error(&resp.Diagnostics, "read", noun, m.wanted(), err)
		return
	}
	m.set(rec)
	at, why := locationOf(rec, fsid, func() string { return d.data.Glance.WhyHidden(ctx) })
	m.setLocation(at)
	if why != "" {
		resp.Diagnostics.AddWarning(fmt.Sprintf("The location of Glance image %q is of no use here", rec.ID), why)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// location is where the data is.
type location struct {
	url  string
	fsid string
	spec rbd.Spec
	here bool
}
