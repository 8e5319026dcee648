// SPDX-License-Identifier: MPL-2.0

package export

import (
	"context"
	"maps"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/export"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

const description = "An RBD snapshot written to a file on the machine that runs Terraform: `rbd export SNAPSHOT FILE`, or `qemu-img convert -O qcow2 rbd:SNAPSHOT FILE`.\n\n" +
	"The content goes into a private folder beside the file (`FILE.tfpending`), is checked and gets its name only when all of it is there. " +
	"An interrupted run leaves nothing but that folder, and the next one of the same state removes it. A file that is there already is never overwritten. The exceptions are the file of this state that the plan replaces, and one that a run of this state wrote before it was cut off. An extended attribute of the file notes that; where the file system has none, a replacement can't be created before the old file is destroyed. " +
	"What is zero in the image is a hole in the file, and takes no space.\n\n" +
	"A file that is gone is written again. One that somebody changed, by its size, its modification time and its hash, " +
	"is shown with another `sha256`, and the plan makes it anew; destroying it is refused. " +
	"The snapshot is needed when the file is written, and not any more after that.\n\n" +
	"A raw file is read through librbd, several objects at a time. A qcow2 file is written by qemu-img, which for that time has the image open as if it wrote to it. " +
	"Meanwhile `rbd status` shows a watcher, and what must not happen to an image in use is refused. After an interruption that lasts about 30 seconds more. It needs qemu-img with the rbd driver (Debian: `qemu-utils`, `qemu-block-extra`).\n\n" +
	"Caps: `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'` for raw, `osd 'profile rbd pool=POOL'` for qcow2 " +
	"(qemu-img can't read with `profile rbd-read-only`); the same for the pools of the image's parents."

func (r *exportResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	anew := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: description,
		Attributes: attributes(map[string]schema.Attribute{
			"timeouts": deadline.Attribute(ctx, deadline.Defaults{Create: createTimeout, Read: hashTimeout, Update: defaultTimeout, Delete: hashTimeout}),
			"snapshot": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "The snapshot to write: `pool[/namespace]/image@snapshot`. Another spec of the same snapshot, as after a rename, is no change; another snapshot means a new file. " +
					"One that was removed, or removed and taken again by others, leaves the file as it is; to write it anew then, use `replace_triggered_by`.",
				Validators: []validator.String{namecheck.SnapshotSpec()},
			},
			"file": schema.StringAttribute{
				Required: true, PlanModifiers: anew,
				MarkdownDescription: "Path of the file, which must not exist, in a folder that must. A change writes a new file.",
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"format": schema.StringAttribute{
				Required: true, PlanModifiers: anew,
				MarkdownDescription: "Format of the file, as qemu-img calls it: `raw` or `qcow2`. A size that is not a multiple of 512 bytes can only be `raw`. A change writes a new file.",
				Validators:          []validator.String{stringvalidator.OneOf(export.FormatRaw, export.FormatQcow2)},
			},
			"compression": schema.StringAttribute{
				Optional: true, Computed: true, Default: stringdefault.StaticString(export.CompressionNone), PlanModifiers: anew,
				MarkdownDescription: "Compression of a `qcow2`: `none` (default), `zlib`, which everything can read, or `zstd`, which takes a fifth of the time and needs QEMU 5.1 to be read. A change writes a new file.",
				Validators:          []validator.String{stringvalidator.OneOf(append([]string{export.CompressionNone}, qemu.Compressions()...)...)},
			},
			"file_mode": schema.StringAttribute{
				Optional: true, Computed: true, Default: stringdefault.StaticString("0600"),
				MarkdownDescription: "Mode of the file in octal. Default: `0600`. Changed in place.",
				Validators:          []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^0?[0-7]{3}$`), "must be a mode in octal, such as 0644")},
			},
			"on_destroy": ondestroy.Attribute("What happens to the file when the resource is destroyed: `delete` (default), which refuses a file that somebody changed, or `retain` (left as it is).", ondestroy.Retain),
		}),
	}
}

// ValidateConfig refuses to compress what has no compression.
func (r *exportResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	if resp.Diagnostics.Append(req.Config.Get(ctx, &config)...); resp.Diagnostics.HasError() {
		return
	}
	c := config.Compression
	if config.Format.ValueString() == export.FormatRaw && !c.IsNull() && !c.IsUnknown() && c.ValueString() != export.CompressionNone {
		resp.Diagnostics.AddAttributeError(path.Root("compression"), "Nothing compresses a raw file",
			"Only a qcow2 can be compressed: set format = \"qcow2\", or leave compression out.")
	}
}

// attributes are the arguments, and what is known of the file and its snapshot.
func attributes(arguments map[string]schema.Attribute) map[string]schema.Attribute {
	kept := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	keptNumber := []planmodifier.Int64{int64planmodifier.UseStateForUnknown()}
	maps.Copy(arguments, map[string]schema.Attribute{
		"size_bytes": schema.Int64Attribute{
			Computed: true, PlanModifiers: keptNumber,
			MarkdownDescription: "Size of the file in bytes, holes included.",
		},
		"virtual_size_bytes": schema.Int64Attribute{
			Computed: true, PlanModifiers: keptNumber,
			MarkdownDescription: "Size in bytes of the image when the snapshot was taken.",
		},
		"sha256": schema.StringAttribute{
			Computed: true, PlanModifiers: kept,
			MarkdownDescription: "SHA-256 of the file, as `sha256sum` prints it. It costs a processor about a second per GiB of the file, holes included: " +
				"of a raw file while it is written, of a qcow2 when it has been written. The same content gives the same raw file, but not always the same qcow2.",
		},
		"image_id": schema.StringAttribute{
			Computed: true, PlanModifiers: kept,
			MarkdownDescription: "RBD image id of the image.",
		},
		"snapshot_id": schema.Int64Attribute{
			Computed: true, PlanModifiers: keptNumber,
			MarkdownDescription: "Snapshot id.",
		},
		"revision": schema.StringAttribute{
			Computed: true, PlanModifiers: kept,
			MarkdownDescription: "Changes with the snapshot and the format, for the names and triggers of what comes next. It stays when the same is written again.",
		},
	})
	return arguments
}
