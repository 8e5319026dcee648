// SPDX-License-Identifier: MPL-2.0

package customization

import (
	"context"
	"maps"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
)

const description = "The guest of an RBD image, changed by `virt-customize`: packages installed, scripts run, files brought in.\n\n" +
	"The order is always this: `mkdir`, `copy_in`, `upload`, `packages`, `install`, `append_line`, `hostname`, `timezone`, `root_password_wo`, `ssh_inject`, " +
	"`enable_services`, `disable_services`, `run`, `run_command`, `delete`, `truncate`, `selinux_relabel`; within a list that of the list. " +
	"A script that fails ends all of it: the image then stays as it was, and the error shows what the script printed. " +
	"An `/etc/machine-id` that was empty is empty again at the end, whatever virt-customize and the packages made of it: clones must not share one.\n\n" +
	"It runs once, and again when any argument, the content of a local file, or `triggers` change, or with another image; what others change in the guest later is not looked for " +
	"(see `rbd_guest_file_edit` for that). After an import the next apply runs it. Scripts must be idempotent.\n\n" +
	guestresource.Atomic + "The guest's programs run in the appliance, with the kernel of this machine, and without a network unless that is asked for. Destroying the resource leaves the guest as it is.\n\n" +
	"Needs libguestfs and qemu (Debian: `libguestfs-tools`, `qemu-utils`, `qemu-block-extra`; for xfs `libguestfs-xfs`).\n\n" + guestresource.Caps

var (
	guestPath = stringvalidator.RegexMatches(regexp.MustCompile(`^/[^\x00-\x1f]*$`), "must be an absolute path in the guest")
	oneLine   = stringvalidator.RegexMatches(regexp.MustCompile(`^[^\n\r\x00]+$`), "must be one line")
	service   = stringvalidator.RegexMatches(regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9:_.@-]*$`), "must be the name of a systemd unit")
	script    = stringvalidator.RegexMatches(regexp.MustCompile(`^[^\x00]*\S[^\x00]*$`), "must not be empty")
)

func list(text string, element validator.String) schema.ListAttribute {
	return schema.ListAttribute{
		Optional: true, ElementType: types.StringType, MarkdownDescription: text,
		Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(element)},
	}
}

func matching(text, pattern, message string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, MarkdownDescription: text,
		Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(pattern), message)},
	}
}

func nested(text string, attributes map[string]schema.Attribute) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		Optional: true, MarkdownDescription: text, NestedObject: schema.NestedAttributeObject{Attributes: attributes},
		Validators: []validator.List{listvalidator.SizeAtLeast(1)},
	}
}

func (work) Schema(ctx context.Context) schema.Schema {
	attributes := fileAttributes()
	maps.Copy(attributes, machineAttributes())
	maps.Copy(attributes, programAttributes())
	return guestresource.Schema(ctx, description, "whose guest is customized", "Changes with the image, the arguments, the content of local files and the triggers.", attributes)
}

// fileAttributes bring something in.
func fileAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"mkdir": list("Directories to make in the guest, parents too.", guestPath),
		"copy_in": nested("Local files or folders to copy into directories of the guest, as a whole: `--copy-in`.", map[string]schema.Attribute{
			"source": schema.StringAttribute{
				Required: true, MarkdownDescription: "Path of the local file or folder.",
				Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^[^:\x00-\x1f]+$`), "must be a path without a colon, which virt-customize can't take")},
			},
			"directory": schema.StringAttribute{Required: true, Validators: []validator.String{guestPath}, MarkdownDescription: "The directory of the guest, which must exist."},
		}),
		"upload": schema.MapAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Local files by the path that they get in the guest: `--upload`. The mode is that of the local file. `revision` is a hash of its content too, against which a short password can be tried out. `content_wo` of `rbd_guest_file_edit` is for such files.",
			Validators:          []validator.Map{mapvalidator.SizeAtLeast(1), mapvalidator.KeysAre(guestPath)},
		},
		"packages": list("Local package files, all `.deb` or all `.rpm`, installed at once with the guest's `dpkg -i` or `rpm -U`. What they depend on must be in the guest or among them.",
			stringvalidator.RegexMatches(regexp.MustCompile(`\.(deb|rpm)$`), "must end with .deb or .rpm")),
		"install": list("Names of packages that the guest's package manager installs from the network: `--install`. Needs `network = true`.",
			stringvalidator.RegexMatches(regexp.MustCompile(`^[A-Za-z0-9@][^,\s]*$`), "must be a package's name")),
		"append_line": nested("Lines to append to files: `--append-line`. They are kept in the state and stand on virt-customize's command line: no place for secrets.", map[string]schema.Attribute{
			"path": schema.StringAttribute{
				Required: true, MarkdownDescription: "The file, which is made where it does not exist.",
				Validators: []validator.String{guestPath, stringvalidator.RegexMatches(regexp.MustCompile(`^[^:]*$`), "must not contain a colon, which virt-customize can't take")},
			},
			"line": schema.StringAttribute{Required: true, Validators: []validator.String{oneLine}, MarkdownDescription: "The line, without its end."},
		}),
	}
}

// machineAttributes say what the machine is called, and who may use it.
func machineAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"hostname": matching("Host name.", `^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`, "must be a host name"),
		"timezone": matching("Time zone, `Europe/Berlin` for example.", `^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`, "must be a time zone such as Europe/Berlin"),
		"root_password_wo": schema.StringAttribute{
			Optional: true, Sensitive: true, WriteOnly: true,
			MarkdownDescription: "Password of root. It is in no state or plan, and on no command line: `--root-password file:`. Needs Terraform 1.11 or OpenTofu 1.11.",
			Validators:          []validator.String{namecheck.Secret(), siblings.Need("root_password_wo_version")},
		},
		"root_password_wo_version": schema.Int64Attribute{
			Optional: true, MarkdownDescription: "Change it when the password changes, which nothing else shows.",
			Validators: []validator.Int64{siblings.Need("root_password_wo")},
		},
		"ssh_inject": schema.MapAttribute{
			Optional: true, ElementType: types.ListType{ElemType: types.StringType},
			MarkdownDescription: "Public keys by the user of the guest, who must exist: added to `~/.ssh/authorized_keys`.",
			Validators: []validator.Map{
				mapvalidator.SizeAtLeast(1),
				mapvalidator.KeysAre(stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z_][a-z0-9_.-]*$`), "must be a user's name")),
				mapvalidator.ValueListsAre(listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(oneLine)),
			},
		},
	}
}

// programAttributes run something in the guest, or take away; and say when.
func programAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"enable_services":  list("systemd units to enable: `systemctl enable` in the guest.", service),
		"disable_services": list("systemd units to disable.", service),
		"run":              list("Scripts to run in the guest as root, by their content, which is kept in the state: no place for secrets. Without `#!` on the first line `/bin/sh` runs it.", script),
		"run_command":      list("Commands for the guest's `/bin/sh`, kept in the state as well.", script),
		"delete":           list("Files and directories to delete, with what is in them; may have wildcards.", guestPath),
		"truncate":         list("Files to make empty; they must exist.", guestPath),
		"selinux_relabel":  schema.BoolAttribute{Optional: true, MarkdownDescription: "Give all files the labels of the guest's SELinux policy."},
		"network": schema.BoolAttribute{
			Optional:            true,
			MarkdownDescription: "Give the guest's programs what the machine that runs Terraform can reach. Default: no network. Under emulation (TCG) that is slow.",
		},
		"triggers": schema.MapAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Any values; a change has it run again.",
		},
		"messages": schema.ListAttribute{
			Computed: true, ElementType: types.StringType,
			MarkdownDescription: "What virt-customize said that it did.",
		},
	}
}
