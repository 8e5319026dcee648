// SPDX-License-Identifier: MPL-2.0

package comparison

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestcompare"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
)

// How many items of each list are told.
const (
	defaultLimit = 500
	maxLimit     = 10_000
)

func (d *comparisonDataSource) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	snapshot := "`pool[/namespace]/image@snapshot`"
	resp.Schema = schema.Schema{
		MarkdownDescription: "What differs between the guests of two snapshots, of one image or of two: packages, files, users, groups, systemd units, kernels and boot parameters, " +
			"as lists and as Markdown for a pull request. It is what `virt-diff --checksum` tells, and more.\n\n" +
			"**What it reads.** ext2 to ext4 and xfs, on partitions or linear LVM and unmounted cleanly, without an appliance; also those that `/etc/fstab` mounts by UUID, label or logical volume. " +
			"Of two snapshots of one image RBD knows which objects differ, and only files that lie there are read; of two images all are. " +
			"Packages are those of dpkg and of rpm (SQLite, ndb and Berkeley DB). Times, extended attributes and access control lists are not compared. " +
			"btrfs, NTFS, encrypted disks and a journal that must be replayed (a guest that was not shut down) are not read: `problem` then says so, and the refresh does not fail. " +
			"What is damaged or mounted from elsewhere is in `not_compared`.\n\n" +
			"**Names.** In all texts of a guest a byte that is no printable character of UTF-8 stands as `\\xNN`, and a backslash as two.\n\n" +
			"Everything told is in the state: names and modes, never the content of a file, nor hashes of passwords. Kernel parameters are told as they stand.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'`.",
		Attributes: map[string]schema.Attribute{
			"timeouts": deadline.DataSourceAttribute(ctx, readTimeout, "The content of two large images may take its time."),
			"before": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.SnapshotSpec()},
				MarkdownDescription: "The earlier one, " + snapshot + "."},
			"after": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.SnapshotSpec()},
				MarkdownDescription: "The later one, " + snapshot + "; on the same cluster."},
			"ignore": schema.ListAttribute{Optional: true, ElementType: types.StringType,
				Validators: []validator.List{listvalidator.SizeAtMost(400), listvalidator.ValueStringsAre(pattern{})},
				MarkdownDescription: "Patterns of paths that are not compared, with all below them: `*` and `?` stand for what is in one name, `**/` for any number of folders. " +
					"Each begins with `/` or `**/`."},
			"ignore_defaults": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether to ignore what always differs. Default: `true`. These are: `" + strings.Join(guestcompare.DefaultIgnore, "`, `") + "`."},
			"limit": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(0, maxLimit)},
				MarkdownDescription: fmt.Sprintf("How many items of each list are told, %d at most, and no more than 2 MiB of each. Default: `%d`. `counts` counts all.", maxLimit, defaultLimit)},
			"problem":         lookup.Text("Why nothing could be compared; null where that is not so."),
			"identical":       lookup.Bool("Whether nothing differs, and all was compared, apart from what is ignored."),
			"packages":        items("Packages that differ, by `NAME:ARCHITECTURE` of dpkg or `NAME.ARCHITECTURE` of rpm: `added`, `removed`, `upgraded` or `downgraded`.", "Version"),
			"users":           items("Users of `/etc/passwd`.", "Numbers, home and shell"),
			"groups":          items("Groups of `/etc/group`.", "Number and members"),
			"units":           items("systemd units that are enabled, masked or have another name, by the links in `/etc/systemd`.", "What the links say"),
			"kernels":         items("Kernels by version, as `/boot` and `/lib/modules` hold them.", "What is there: `kernel`, `initramfs`, `modules`"),
			"boot_parameters": items("Parameters of the kernel, by the file and what names them there: defaults of GRUB, `grub.cfg`, loader entries, `grubenv`, `extlinux.conf`, `/etc/kernel/cmdline`.", "The parameters"),
			"files": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "Files that differ, in the order of their paths.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"path":   lookup.Text("Path in the guest."),
					"change": lookup.Text("`added`, `removed` or `changed`."),
					"differs": schema.ListAttribute{Computed: true, ElementType: types.StringType,
						MarkdownDescription: "Of a changed file those of `content`, `mode`, `owner`, `type` and `target` that differ."},
					"before": fileState("The file before; null where it was not there."),
					"after":  fileState("The file after; null where it is not there."),
				}}},
			"not_compared": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "What was not compared, with all below it.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"path":   lookup.Text("Path in the guest."),
					"reason": lookup.Text("Why."),
				}}},
			"counts": schema.MapAttribute{Computed: true, ElementType: types.MapType{ElemType: types.Int64Type},
				MarkdownDescription: "How many there are, by list and change, with `total`: `counts.packages.total`."},
			"markdown": lookup.Text("All of it as Markdown, at most 60 KB: longer lists end in \"and N more\". Each text of a guest is code in it."),
		},
	}
}

func items(description, value string) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{Computed: true, MarkdownDescription: description,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"name":   lookup.Text("Name."),
			"change": lookup.Text("What has become of it."),
			"before": lookup.Text(value + " before; null where there is none."),
			"after":  lookup.Text(value + " after; null where there is none."),
		}}}
}

func fileState(description string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{Computed: true, MarkdownDescription: description,
		Attributes: map[string]schema.Attribute{
			"type":       lookup.Text("Type, in the words of `stat`."),
			"mode":       lookup.Text("Mode in octal, four digits."),
			"uid":        lookup.Number("Owner, as a number."),
			"gid":        lookup.Number("Group, as a number."),
			"size_bytes": lookup.Number("Size of a regular file in bytes, else null."),
			"target":     lookup.Text("What a symbolic link leads to, or the number of a device; else null."),
		}}
}

// pattern checks a pattern of paths.
type pattern struct{}

func (pattern) Description(context.Context) string             { return "must be a pattern of paths" }
func (p pattern) MarkdownDescription(c context.Context) string { return p.Description(c) }

func (pattern) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := guestcompare.CheckPattern(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a pattern of paths", err.Error()+".")
	}
}
