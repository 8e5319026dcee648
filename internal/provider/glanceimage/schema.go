// SPDX-License-Identifier: MPL-2.0

package glanceimage

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
)

// imageID is a UUID as Glance writes it.
var imageID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var words = []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues()}

func (d *imageDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An image of Glance, whoever made it, as `glance image-show` shows it, with its location taken to pieces: " +
			"`spec` is the RBD snapshot behind it, where a clone, a copy or a new golden image can begin.\n\n" +
			"It is found by `image_id`, or by the rest: of the images that are active and that fit all that is said, there must be exactly one, or `most_recent` takes the newest.\n\n" +
			"Glance shows the location if its operator has set `show_multiple_locations = True` (then `locations`) or `show_image_direct_url = True` (then `direct_url`), " +
			"and of a deactivated image to an admin only. Where it shows none, `location_url` and what follows from it are null, and a warning says why.\n\n" +
			"Caps: `mon 'profile rbd'`, to compare the location's cluster with this one.",
		Attributes: attributes,
	}
}

var attributes = map[string]schema.Attribute{
	"image_id": schema.StringAttribute{
		Optional: true, Computed: true, MarkdownDescription: "ID of the image in Glance. Nothing else is looked for then, and its status may be any.",
		Validators: []validator.String{
			stringvalidator.RegexMatches(imageID, "must be a UUID in small letters"),
			siblings.Conflict("name", "owner", "tags", "properties", "hidden", "most_recent"), // it says it all
			siblings.AtLeastOne("name", "owner", "tags", "properties"),
		},
	},
	"name":       schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "Name of the image.", Validators: []validator.String{stringvalidator.LengthBetween(1, 255)}},
	"owner":      schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "ID of the project that owns it.", Validators: []validator.String{stringvalidator.LengthAtLeast(1)}},
	"tags":       schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "Tags that it must have; see `all_tags` for those that it has.", Validators: words},
	"properties": schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "Additional properties that it must have, with these values; see `all_properties` for those that it has.", Validators: []validator.Map{mapvalidator.SizeAtLeast(1), mapvalidator.NoNullValues()}},
	"hidden":     schema.BoolAttribute{Optional: true, Computed: true, MarkdownDescription: "Look among the hidden images (`os_hidden`) instead of the others. By default `false`."},
	"most_recent": schema.BoolAttribute{
		Optional: true, MarkdownDescription: "Take the newest (`created_at`) of several. By default `false`: several are an error that names them.",
	},

	"status":              lookup.Text("Status, such as `active` or `deactivated`. Glance says `active` even where the data is gone."),
	"visibility":          lookup.Text("`private`, `shared`, `community` or `public`."),
	"disk_format":         lookup.Text("Format of the data, such as `raw`."),
	"container_format":    lookup.Text("What is around it, such as `bare`."),
	"min_disk":            lookup.Number("Smallest root disk that it boots from, in GiB."),
	"min_ram":             lookup.Number("Least memory that it boots with, in MiB."),
	"protected":           lookup.Bool("Whether Glance refuses to delete it."),
	"all_tags":            schema.SetAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "All tags."},
	"all_properties":      schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "All additional properties."},
	"size_bytes":          lookup.Number("Size of the data in bytes; null where it has none."),
	"virtual_size_bytes":  lookup.Number("Size of the disk in bytes; null where Glance does not know it, as of a location that was added by hand."),
	"checksum":            lookup.Text("MD5 of the data; null where Glance has none."),
	"os_hash_algo":        lookup.Text("Algorithm of `os_hash_value`; null where Glance has none."),
	"os_hash_value":       lookup.Text("Hash of the data; null where Glance has none."),
	"stores":              schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "IDs of the stores that it is in; empty where Glance has but one, without a name."},
	"created_at":          lookup.Text("When it was made (RFC 3339, UTC)."),
	"updated_at":          lookup.Text("When it was changed last (RFC 3339, UTC)."),
	"nova_base_file_name": lookup.Text("Name under which a compute node keeps it in `_base` where it can't clone it."),

	"location_url": lookup.Text("`rbd://FSID/POOL/IMAGE/SNAPSHOT`: its location in this cluster, or else the first in RBD. Null where it has none, or Glance shows none."),
	"fsid":         lookup.Text("Cluster of the location, in small letters."),
	"pool":         lookup.Text("Pool of the location."),
	"image":        lookup.Text("Name of the RBD image."),
	"snapshot":     lookup.Text("Name of the snapshot."),
	"spec":         lookup.Text("`pool/image@snapshot`; null where the location is in another cluster, where it would name something else."),
	"image_spec":   lookup.Text("`pool/image`; null as `spec` is."),
	"this_cluster": lookup.Bool("Whether the location is in the cluster of the provider's `ceph` argument; null where there is none."),
}
