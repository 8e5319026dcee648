// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"context"
	"maps"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/boolvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/fileedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/mounts"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
)

const description = "Files inside the guest of an RBD image, edited all at once: what `guestfish` does by hand.\n\n" +
	"What each file must be is compared first, without an appliance where the guest allows it (ext4 and xfs on partitions or linear LVM); " +
	"where all of it holds, nothing is started. What is written is read back.\n\n" +
	"ext4 is edited with its own tools: `debugfs`, and `e2fsck -fn` before anything reaches the image. That takes one or two seconds. " +
	"The machine must have them, `qemu-storage-daemon` and `/dev/fuse`, and the user must be allowed to make namespaces. " +
	"Everywhere else one libguestfs session makes all of the edits: on xfs, where a path has blanks or quotes, where a file has several names, or extended attributes other than its SELinux label. " +
	"The log says which, and why.\n\n" +
	"Other file systems are read and edited in an appliance, so each refresh starts one: btrfs with its subvolumes, and Windows guests. " +
	"In Windows guests paths begin with `/` for the drive of the root file system, `/Windows/System32/drivers/etc/hosts`, and upper and lower case are the same. " +
	"`mode`, `uid`, `gid` and `link_target` are refused there. A file that exists keeps its access control list; a new one gets what its folder hands down, as in Windows. " +
	"An NTFS that is hibernated (also by fast startup), dirty or not cleanly unmounted is refused, never forced.\n\n" +
	"What a later step removes, as `rbd_guest_sysprep` does with logs and IDs, is to be edited after it, by that step's `spec`: " +
	"an edit that no longer holds is planned again, and the plan names the steps that came after it.\n\n" +
	guestresource.Atomic + "Destroying the resource, or taking a file out of `files`, leaves the guest as it is.\n\n" +
	"Needs libguestfs and qemu (Debian: `libguestfs-tools`, `qemu-utils`, `qemu-block-extra`; for xfs `libguestfs-xfs`, for Windows guests `ntfs-3g`; for ext4 without an appliance `qemu-system-common`, `e2fsprogs`).\n\n" +
	guestresource.Caps + "\n\n" +
	"## Secrets\n\n" +
	"`content_wo` is in no plan, state, log or error, and on no command line. `revision` has its version alone. It may come from an ephemeral variable or resource. " +
	"It is written when the file is first edited, when `content_wo_version` changes, and when the file is not what was written. Another value alone changes nothing.\n\n" +
	"For a refresh to see that somebody changed the file, the private state has an HMAC-SHA256 of the content. " +
	"Its key is random and new each time the content is written. It is kept in the image's metadata, as `terraform-provider-rbd.content-key.…`. " +
	"Nobody can try out passwords against a state alone, and whoever can read the key can read the file. Where the key is gone, the next apply writes the file again.\n\n" +
	"All other arguments are kept in the state, `content` and lines included. " +
	"The guide [Secrets](../guides/secrets.md) has where each one is, and what lies on the machine during an edit."

func (work) Schema(ctx context.Context) schema.Schema {
	const revision = "Changes with the image and with `files`, but not when an edit is done again after somebody undid it."
	return guestresource.Schema(ctx, description, "whose guest is edited", revision, map[string]schema.Attribute{
		"root_device": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "The guest's root file system as libguestfs names it, `/dev/sda1`, `/dev/vgsys/lvroot`, or `btrfsvol:/dev/sda2/root` for a subvolume of btrfs. " +
				"Default: found by inspection; needed where there is more than one operating system.",
			Validators: []validator.String{namecheck.GuestDevice()},
		},
		"mounts": schema.MapAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: mounts.Description,
			Validators:          []validator.Map{namecheck.GuestMounts(), siblings.Conflict("root_device")},
		},
		"files": schema.MapNestedAttribute{
			Required:            true,
			MarkdownDescription: "What each file, directory or link must be, by its absolute path in the guest. A file of the machine that runs Terraform goes in with `file`, `filebase64` or `templatefile`. Symbolic links in a path are refused: name the file itself.",
			Validators:          []validator.Map{mapvalidator.SizeAtLeast(1), mapvalidator.KeysAre(namecheck.EditedPath())},
			NestedObject: schema.NestedAttributeObject{
				Attributes: fileAttributes(),
				Validators: []validator.Object{meaningful{}},
			},
		},
		"drift": schema.MapAttribute{
			Computed: true, ElementType: types.ListType{ElemType: types.StringType},
			MarkdownDescription: "By path, what does not hold in the guest now; the next apply puts it right. The content is not shown, as it may be secret.",
		},
	})
}

// fileAttributes are what a file can be made to be.
func fileAttributes() map[string]schema.Attribute {
	all := contentAttributes()
	maps.Copy(all, secretAttributes())
	maps.Copy(all, lineAttributes())
	maps.Copy(all, ownerAttributes())
	return all
}

// secretAttributes say the same of what no plan and no state may have.
func secretAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"content_wo": schema.StringAttribute{
			Optional: true, Sensitive: true, WriteOnly: true,
			MarkdownDescription: "The whole content, where it is secret: in no plan and no state, see [Secrets](#secrets). A new file gets the mode `0600` unless `mode` says otherwise. " +
				"Needs Terraform 1.11 or OpenTofu 1.11.",
			Validators: []validator.String{
				stringvalidator.LengthAtMost(fileedit.MaxFile),
				siblings.Need("content_wo_version"),
				siblings.Conflict("content", "content_base64", "copy_from", "link_target", "directory", "empty", "absent", "replace_lines", "remove_lines", "append_lines"),
			},
		},
		"content_wo_version": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "Change it when `content_wo` changes, which nothing else shows. The file is then written again.",
			Validators:          []validator.Int64{siblings.Need("content_wo")},
		},
	}
}

// contentAttributes say what is there as a whole.
func contentAttributes() map[string]schema.Attribute {
	isTrue := boolvalidator.Equals(true)
	return map[string]schema.Attribute{
		"content": schema.StringAttribute{
			Optional: true, MarkdownDescription: "The whole content. The file is made where it does not exist. It is kept in the state: `content_wo` is for secrets.",
			Validators: []validator.String{
				stringvalidator.LengthAtMost(fileedit.MaxFile),
				siblings.Conflict("content_base64", "copy_from", "link_target", "directory", "empty", "absent", "replace_lines", "remove_lines", "append_lines"),
			},
		},
		"content_base64": schema.StringAttribute{
			Optional: true, MarkdownDescription: "The whole content in Base64, for what is not UTF-8: `filebase64(\"logo.png\")`. It is kept in the state.",
			Validators: []validator.String{
				base64Validator{},
				siblings.Conflict("copy_from", "link_target", "directory", "empty", "absent", "replace_lines", "remove_lines", "append_lines"),
			},
		},
		"copy_from": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Path of a regular file in the guest whose content it must have, now and after every change of that file. " +
				"Mode and owner are not copied. It must not be among `files` itself.",
			Validators: []validator.String{
				namecheck.EditedPath(),
				siblings.Conflict("link_target", "directory", "empty", "absent", "replace_lines", "remove_lines", "append_lines"),
			},
		},
		"link_target": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "A symbolic link that holds this. It takes the place of another link or of a regular file, in one step; of a directory never.",
			Validators: []validator.String{
				stringvalidator.LengthBetween(1, 4095), stringvalidator.RegexMatches(regexp.MustCompile(`^[^\x00\n]*$`), "must have no line break"),
				siblings.Conflict("directory", "empty", "absent", "replace_lines", "remove_lines", "append_lines", "mode", "uid", "gid"),
			},
		},
		"directory": schema.BoolAttribute{
			Optional: true, MarkdownDescription: "`true`: it is a directory. It is made with those above it where it does not exist (`mkdir -p`); its content is left alone.",
			Validators: []validator.Bool{isTrue, siblings.Conflict("empty", "absent", "replace_lines", "remove_lines", "append_lines")},
		},
		"empty": schema.BoolAttribute{
			Optional: true, MarkdownDescription: "`true`: the file exists and is empty.",
			Validators: []validator.Bool{isTrue, siblings.Conflict("absent", "replace_lines", "remove_lines", "append_lines")},
		},
		"absent": schema.BoolAttribute{
			Optional: true, MarkdownDescription: "`true`: the file does not exist.",
			Validators: []validator.Bool{isTrue, siblings.Conflict("replace_lines", "remove_lines", "append_lines", "mode", "uid", "gid")},
		},
	}
}

// lineAttributes say what the lines of a file must be.
func lineAttributes() map[string]schema.Attribute {
	re := namecheck.LinePattern()
	lineText := stringvalidator.RegexMatches(regexp.MustCompile(`^[^\n\r]*$`), "must be one line, without its end")
	return map[string]schema.Attribute{
		"replace_lines": schema.ListNestedAttribute{
			Optional: true, MarkdownDescription: "Lines to replace as a whole; done first, in this order. The file must exist.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"pattern": schema.StringAttribute{
					Required: true, Validators: []validator.String{re},
					MarkdownDescription: "Regular expression ([RE2](https://github.com/google/re2/wiki/Syntax)); every line in which it matches is replaced. An empty one, and one that matches every line, as `x*` does, is refused.",
				},
				"line": schema.StringAttribute{
					Required: true, Validators: []validator.String{lineText},
					MarkdownDescription: "What the line must be, without its end.",
				},
			}},
			Validators: []validator.List{listvalidator.SizeAtLeast(1)},
		},
		"remove_lines": schema.ListAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Regular expressions; every line in which one matches is removed; an empty one, and one that matches every line, as `x*` does, is refused (`empty` is for that). Done after `replace_lines`.",
			Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(re)},
		},
		"append_lines": schema.ListAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Lines that must be in the file; missing ones are appended, with the line end (LF or CR LF) that the file has. Done last.",
			Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(lineText)},
		},
	}
}

// ownerAttributes say who may do what with it.
func ownerAttributes() map[string]schema.Attribute {
	idRange := int64validator.Between(0, 1<<32-2)
	return map[string]schema.Attribute{
		"mode": schema.StringAttribute{
			Optional: true, MarkdownDescription: "Mode in octal, `0644`. Default: as it is, and `0644` for a new file (`0600` with `content_wo`), `0755` for a new directory.",
			Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^0?[0-7]{3,4}$`), "must be a mode in octal, such as 0644")},
		},
		"uid": schema.Int64Attribute{
			Optional: true, MarkdownDescription: "Owner, as a number. Default: as it is, and 0 for a new file.",
			Validators: []validator.Int64{idRange},
		},
		"gid": schema.Int64Attribute{
			Optional: true, MarkdownDescription: "Group, as a number. Default: as it is, and 0 for a new file.",
			Validators: []validator.Int64{idRange},
		},
	}
}
