// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"
	"fmt"
	"maps"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const description = "An image of Glance whose data is an RBD snapshot: the record and its location, as " +
	"`glance image-create --disk-format raw --container-format bare` and `glance location-add --url rbd://…` make them. " +
	"Nothing is copied; Nova and Cinder clone the snapshot.\n\n" +
	"~> **Glance deletes data that it never wrote.** Whoever deletes the record with `openstack image delete` makes Glance remove the registered snapshot " +
	"and the RBD image behind it. With `protection = \"guard\"` (the default) a clone of the snapshot in the old format (v1), " +
	"`guard.IMAGE_ID` in the same pool, prevents that: the answer is 409 Conflict, and record, snapshot and image stay. " +
	"The guard takes up no space. `protection = \"alias\"` registers a clone instead, `alias.IMAGE_ID@snap`, which Glance may remove: the golden snapshot is not in its reach, and may be in a pool that Glance can't write. Snapshots in a newer format, locks, a second snapshot or the record's own `protected` do not prevent it.\n\n" +
	"**Destroying this resource never destroys data of RBD.** The record is deactivated first. Glance then hides the location from a non-admin, " +
	"from its own deletion too, and the record goes alone. For an admin, the RBD image is moved aside for about a second: it is renamed to `IMAGE.detach-RBD_IMAGE_ID`, " +
	"an empty image has its name while the record is deleted, and then it gets its name back. What a crash left half done is noted on the RBD image " +
	"(`rbd image-meta ls`), and the next apply or destroy puts it right. Records that refer to another snapshot of the same RBD image don't matter; " +
	"one that refers to the same snapshot and is not managed by this provider does, since the guard is removed in the end: destroying refuses, and names it. " +
	"Private records of other projects can't be seen, except by an admin. Where Glance has `delayed_delete` on, only a non-admin can destroy.\n\n" +
	"**Which Glance.** The Keystone (its ID and address), region and Glance that have the record are noted on the RBD image. They are compared whenever the record is read, changed or destroyed: " +
	"through another cloud, region or endpoint that is an error, which names both. The addresses of one Glance in Keystone's catalogue count as one. " +
	"An `endpoint` that is not in it, such as a tunnel, is good for reading and changing a record that is found as it was noted. It is not good for removing what protects its data. " +
	"Where Glance has moved, `terraform state rm` and `terraform import` note it anew.\n\n" +
	"**A record that is not found may only be hidden**: an admin may have given it to another project, whose DELETE would cost the data. A refresh removes nothing. Guard or alias stay until an admin of this cloud can tell that the record is gone. " +
	"That happens when an image that is registered of the same RBD image, or of the snapshot, is made, changed or destroyed. " +
	"A non-admin removes them by hand (`rbd rm`) when it is; `rbd_snapshot` says which image's guard is in the way.\n\n" +
	"A run that was killed is finished by the next one of the same state, which says so in its plan. A state is told by its backend or folder, and its workspace. What another state's run has begun is left alone.\n\n" +
	"Glance must run with `show_multiple_locations = True` (best on an API server that only trusted users reach). Where that is off, Glance 2024.2 and newer takes locations " +
	"by its newer API from a user who has the role `service` besides `member`. It then hashes the data by itself. This takes `protection = \"guard\"`, as Glance removes the data " +
	"of such a location when it fails half-way. The policies `set_image_location`, " +
	"`get_image_location`, `deactivate` and `reactivate` must allow the caller; of the newer API also `add_image_location` and `fetch_image_location`. By default they allow a member of the project that owns the image. " +
	"A public image needs the role admin by default. The pool must be one that a store of Glance uses.\n\n" +
	"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`."

const (
	diskFormat      = "raw"
	containerFormat = "bare"
)

// imageID is a UUID as Glance writes it.
var imageID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (r *locationResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: description,
		Attributes: map[string]schema.Attribute{
			"timeouts": deadline.Attribute(ctx, deadline.Defaults{Create: defaultTimeout, Read: defaultTimeout, Update: defaultTimeout, Delete: defaultTimeout, Hashing: hashTimeout}),
		},
	}
	for _, part := range []map[string]schema.Attribute{recordAttributes(), sharingAttributes(), dataAttributes(), protectionAttributes(), hashAttributes()} {
		maps.Copy(resp.Schema.Attributes, part)
	}
}

// recordAttributes are what Glance shows of the record.
func recordAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"image_id": schema.StringAttribute{
			Optional: true, Computed: true,
			MarkdownDescription: "ID of the image in Glance, a UUID in small letters; made where none is given. An ID that any image ever had can't be used again, " +
				"so a fixed one must be changed with everything that makes a new record.",
			Validators:    []validator.String{stringvalidator.RegexMatches(imageID, "must be a UUID in small letters")},
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
		},
		"name": schema.StringAttribute{
			Required: true, MarkdownDescription: "Name of the image in Glance; more than one image may have it.",
			Validators: []validator.String{stringvalidator.LengthBetween(1, 255)},
		},
		"visibility": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString("private"),
			MarkdownDescription: "`private` (default), `shared`, `community` or `public`.",
			Validators:          []validator.String{stringvalidator.OneOf("private", "shared", "community", "public")},
		},
		"tags": schema.SetAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Tags. Those that others add are left alone.",
			Validators:          []validator.Set{setvalidator.NoNullValues(), setvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 255))},
		},
		"properties": schema.MapAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Additional properties, such as `hw_scsi_model`, `hw_disk_bus`, `hw_qemu_guest_agent`, `os_type` or `hw_firmware_type`. " +
				"Those that others add are left alone.",
			Validators: []validator.Map{mapvalidator.NoNullValues(), propertyNames{}},
		},
		"min_disk": schema.Int64Attribute{
			Optional: true, Computed: true,
			MarkdownDescription: "Smallest root disk that the image boots from, in GiB. Default: the snapshot's size, rounded up; `0` where `disk_format` is not `raw`.",
			Validators:          []validator.Int64{int64validator.Between(0, 1<<31-1)},
		},
		"min_ram": schema.Int64Attribute{
			Optional: true, Computed: true, Default: int64default.StaticInt64(0),
			MarkdownDescription: "Least memory that the image boots with, in MiB. Default: `0`.",
			Validators:          []validator.Int64{int64validator.Between(0, 1<<31-1)},
		},
		"protected": schema.BoolAttribute{
			Optional: true, Computed: true, Default: booldefault.StaticBool(false),
			MarkdownDescription: "Whether Glance refuses to delete the record (`--protected`). Anyone who may change the record can switch it off, " +
				"and destroying this resource does. It is no substitute for `protection`. Default: `false`.",
		},
		"hidden": schema.BoolAttribute{
			Optional: true, Computed: true, Default: booldefault.StaticBool(false),
			MarkdownDescription: "Whether the image is left out of lists (`os_hidden`). Default: `false`.",
		},
		"status": schema.StringAttribute{
			Computed: true, MarkdownDescription: "Status of the record. One that was deactivated is reactivated.",
		},
		"created_at": schema.StringAttribute{
			Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			MarkdownDescription: "When the record was made (RFC 3339, UTC). When it was changed last, the data source `rbd_glance_image` tells: here it would be drift whatever it was that changed.",
		},
	}
}

// sharingAttributes are who has the record, and with whom it is shared.
func sharingAttributes() map[string]schema.Attribute {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	return map[string]schema.Attribute{
		"members": schema.SetAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "IDs of the projects that the image is shared with, with `visibility = \"shared\"`. Where this is given, it is all of them: others that were added are removed. " +
				"Left out, members are not managed. Each project accepts or rejects for itself (`glance member-update`), see `member_status`.",
			Validators: []validator.Set{setvalidator.NoNullValues(), setvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 255))},
		},
		"member_status": schema.MapAttribute{
			Computed: true, ElementType: types.StringType,
			MarkdownDescription: "What the members said, by project: `pending`, `accepted` or `rejected`. A project that has not accepted finds the image by its ID only. Null where the image is not shared.",
		},
		"owner": schema.StringAttribute{
			Optional: true, Computed: true, PlanModifiers: keep,
			MarkdownDescription: "ID of the project that owns the image. By default that of whoever makes it; only an admin can give another.",
			Validators:          []validator.String{stringvalidator.LengthBetween(1, 255)},
		},
	}
}

// dataAttributes are what is registered, and how.
func dataAttributes() map[string]schema.Attribute {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	keepNumber := []planmodifier.Int64{int64planmodifier.UseStateForUnknown()}
	return map[string]schema.Attribute{
		"snapshot": schema.StringAttribute{
			Required: true,
			MarkdownDescription: "Spec of the snapshot: `pool/image@snapshot`. Glance can't read images in an RBD namespace. " +
				"Another spec, and a snapshot that was removed and taken anew, mean a new record, as a location can't be changed.",
			Validators:    []validator.String{namecheck.SnapshotSpec(), noNamespace{}},
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"store": schema.StringAttribute{
			Optional: true, Computed: true,
			MarkdownDescription: "ID of Glance's store that the location is in (`metadata.store`), where Glance has several backends. By default Glance finds it by the pool; " +
				"needed for a pool that is none of its stores' own. Another one means a new record.",
			Validators:    []validator.String{stringvalidator.LengthBetween(1, 255)},
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplaceIfConfigured()},
		},
		"copy_to_stores": schema.SetAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "IDs of further stores of Glance that have a copy of the image (`glance image-import --import-method copy-image`), as for compute nodes far from the location's. Glance reads the snapshot and writes each copy, " +
				"and has hashes of the data from then on; the apply waits for it, `2h` by default. A copy that is lost is made again. One that is taken out here, or destroyed, is removed from its store (`glance stores-delete`). Only a copy that Glance has made is, and never the only one. " +
				"Copies that others have made are left alone. Glance's policy `copy_image` allows only an admin by default.",
			Validators: []validator.Set{setvalidator.NoNullValues(), setvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 255))},
		},
		"disk_format": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(diskFormat),
			MarkdownDescription: "What the snapshot's data is: `raw` (default), `qcow2`, `vmdk`, `vdi`, `vhd`, `vhdx`, `ploop` or `iso`. " +
				"Only what is raw is cloned by Nova and Cinder; all else is downloaded and converted by them. Another one means a new record.",
			Validators:    []validator.String{stringvalidator.OneOf(diskFormat, "qcow2", "vmdk", "vdi", "vhd", "vhdx", "ploop", "iso")},
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"container_format": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(containerFormat),
			MarkdownDescription: "What is around it: `bare` (default), `ovf`, `ova`, `docker` or `compressed`; Glance must allow it. Another one means a new record.",
			Validators:          []validator.String{stringvalidator.OneOf(containerFormat, "ovf", "ova", "docker", "compressed")},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"location_url": schema.StringAttribute{
			Computed: true, MarkdownDescription: "`rbd://FSID/POOL/IMAGE/SNAPSHOT`, the location. One that is missing is added again.",
		},
		"size_bytes": schema.Int64Attribute{
			Computed: true, MarkdownDescription: "Size of the image in bytes, as Glance read it from the snapshot.", PlanModifiers: keepNumber,
		},
		"rbd_image_id": schema.StringAttribute{
			Computed: true, MarkdownDescription: "RBD image id of the snapshot's image when it was registered.", PlanModifiers: keep,
		},
		"snapshot_id": schema.Int64Attribute{
			Computed: true, MarkdownDescription: "Snapshot id when it was registered.", PlanModifiers: keepNumber,
		},
		"nova_base_file_name": schema.StringAttribute{
			Computed: true, PlanModifiers: keep,
			MarkdownDescription: "Name under which a compute node keeps the image in `_base` where it can't clone it: the SHA-1 of the image's ID.",
		},
	}
}

// protectionAttributes are what protects the data.
func protectionAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"protection": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(protectionGuard),
			MarkdownDescription: "What keeps the data when somebody else deletes the record: `guard` (default), a v1 clone of the snapshot, which must be protected; " +
				"`alias`: a v1 clone of it, with a protected snapshot of its own, is registered in its place, and Glance removes no more than that; " +
				"or `none`: Glance removes snapshot and image. Between guard and none it is switched in place; an alias has another location, and so needs a new record.",
			Validators: []validator.String{stringvalidator.OneOf(protectionGuard, protectionAlias, protectionNone)},
		},
		"alias_pool": schema.StringAttribute{
			Optional: true, Computed: true,
			MarkdownDescription: "Pool of the alias, such as that of Glance's store for golden images in a pool that Glance can't write. By default the pool of the snapshot. " +
				"Whoever opens the alias reads its parent too: Glance, Nova and Cinder need `profile rbd-read-only` on the snapshot's pool. Another one means a new record. Null without an alias.",
			Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"alias": schema.StringAttribute{
			Computed: true, MarkdownDescription: "Spec of the alias, `alias.IMAGE_ID` in `alias_pool`; null where there is none. One that is missing, or has lost its snapshot `snap`, is made again.",
		},
		"guard": schema.StringAttribute{
			Computed: true, MarkdownDescription: "Spec of the guard; null where there is none. One that is missing is made again.",
		},
		"on_destroy": ondestroy.Attribute("What destroying does: `delete` (default) the record; `hide` it (`os_hidden`), so that it is left out of lists and what uses it goes on as before; "+
			"or `deactivate` it, so that no new instance or volume is made of it by non-admins. In both cases the record, its guard, and a note about it on the RBD image stay, "+
			"so that the snapshot can't be removed: `terraform import` takes the record up again (one that is deactivated must be reactivated before, as Glance hides its location).",
			ondestroy.Hide, ondestroy.Deactivate),
	}
}

// hashAttributes are the hashes of the data.
func hashAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"hash": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(hashOff),
			MarkdownDescription: "Whether Glance gets hashes of the data (`os_hash_value`, `checksum`), as it has of images that were uploaded. Nova and Cinder clone without a look at them; " +
				"who downloads the image (`glance image-download`, a compute node without RBD) verifies them. Counting them reads all allocated data of the snapshot and hashes its holes too, " +
				"a second or two for each GiB of its size. Hence `off` is the default: registering then costs no time, and the hashes are null. " +
				"`once`: counted before the image is registered, and noted on the RBD image; every refresh compares what Glance says with the note, without reading data. " +
				"`eager`: every refresh also reads the data again. Glance takes hashes only while an image has no data yet: switching this on for one without hashes means a new one. The timeouts are `2h` by default with it, or with `copy_to_stores`, and `10m` without.",
			Validators: []validator.String{stringvalidator.OneOf(hashOff, hashOnce, hashEager)},
		},
		"verify_hash": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Reads the data and compares it with the hashes in Glance, once, in the apply that changes this to another value (`true`, a date, …). " +
				"The apply fails where they differ. Works for hashes that others have given too.",
		},
		"os_hash_algo": schema.StringAttribute{
			Optional: true, Computed: true,
			MarkdownDescription: "Algorithm of `os_hash_value`: what Glance's operator has set as `hashing_algorithm`. `sha512` (default), `sha256` or `md5`; only with `hash`, or as it is. Null where Glance has no hash.",
			Validators:          []validator.String{stringvalidator.OneOf("sha512", "sha256", "md5")},
		},
		"os_hash_value": schema.StringAttribute{Computed: true, MarkdownDescription: "Hash of the data as Glance has it; null where it has none."},
		"checksum":      schema.StringAttribute{Computed: true, MarkdownDescription: "MD5 of the data as Glance has it; null where it has none."},
		"hash_matches": schema.BoolAttribute{
			Computed: true, MarkdownDescription: "Whether these were the hashes of the data when it was read last; null where it never was. Where it is false, a new image is planned, unless `hash` is `off`.",
		},
	}
}

// noNamespace refuses specs with an RBD namespace.
type noNamespace struct{}

func (noNamespace) Description(context.Context) string               { return "must not be in an RBD namespace" }
func (v noNamespace) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (noNamespace) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if spec, err := rbd.ParseSpec(req.ConfigValue.ValueString()); err == nil && spec.Namespace != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Snapshot in an RBD namespace",
			fmt.Sprintf("%q is in the namespace %q, and neither Glance nor Nova nor Cinder can read images in a namespace. Keep it in the pool itself.", spec, spec.Namespace))
	}
}

// propertyNames refuses names that Glance keeps for itself.
type propertyNames struct{}

func (propertyNames) Description(context.Context) string {
	return "names must be those of additional properties"
}
func (v propertyNames) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (propertyNames) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	for name := range req.ConfigValue.Elements() {
		if err := glance.CheckPropertyName(name); err != nil {
			resp.Diagnostics.AddAttributeError(req.Path.AtMapKey(name), "Not the name of an image property", err.Error()+".")
		}
	}
}
