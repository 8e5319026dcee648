// SPDX-License-Identifier: MPL-2.0

package bootcheck

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

const description = "A snapshot of an RBD image, booted once in qemu on the machine that runs Terraform, to see that it comes up: " +
	"`qemu-system-x86_64 -drive file=rbd:SNAPSHOT,snapshot=on -serial stdio`, until a line on the serial console matches, or ssh answers with its banner. " +
	"Where it does not come up in time, the apply fails and shows the end of the console.\n\n" +
	"Nothing is written to the cluster: what the guest writes goes to a private temporary file, and is thrown away. " +
	"While it runs, `rbd status` shows qemu as a watcher. The guest has no network, unless it is asked for; " +
	"the machine counts as one of the appliances that the provider's `guestfs` argument allows, and has its accelerator.\n\n" +
	"It is booted again when the snapshot is another one, or any argument changes but `timeouts`. Destroying the resource does nothing.\n\n" +
	"Needs qemu (Debian: `qemu-system-x86`, `qemu-block-extra`; for `firmware = \"uefi\"` `ovmf`; for `architecture = \"aarch64\"` `qemu-system-arm`, `qemu-efi-aarch64`).\n\n" +
	"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'` (qemu can't read with `profile rbd-read-only`)."

func (r *bootCheckResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := signAttributes()
	maps.Copy(attributes, seedAttributes())
	maps.Copy(attributes, machineAttributes())
	maps.Copy(attributes, resultAttributes())
	attributes["timeouts"] = deadline.Attribute(ctx, deadline.Defaults{Create: defaultTimeout, Read: defaultTimeout, Update: defaultTimeout})
	resp.Schema = schema.Schema{
		MarkdownDescription: description,
		Attributes:          attributes,
	}
}

// signAttributes say what is booted, and how it is seen to be up.
func signAttributes() map[string]schema.Attribute {
	const re2 = "Regular expression ([RE2](https://github.com/google/re2/wiki/Syntax))"
	return map[string]schema.Attribute{
		"snapshot": schema.StringAttribute{
			Required: true, Validators: []validator.String{namecheck.SnapshotSpec()},
			MarkdownDescription: "The snapshot to boot: `pool[/namespace]/image@snapshot`. Another spec of the same snapshot, as after a rename, is no change.",
		},
		"console_pattern": schema.StringAttribute{
			Optional: true,
			Validators: []validator.String{
				namecheck.LinePattern(), siblings.AtLeastOne("ssh_banner"),
			},
			MarkdownDescription: re2 + " for a line on the first serial console, `login:` for example. " +
				"Escape sequences and other control characters are taken out before; the beginning of a line counts when nothing has followed for a second. " +
				"The guest must write to it (`console=ttyS0`; on aarch64 `console=ttyAMA0`).",
		},
		"ssh_banner": schema.StringAttribute{
			Optional: true, Validators: []validator.String{namecheck.Pattern()},
			MarkdownDescription: re2 + " for the banner that the guest's port 22 sends, `^SSH-2\\.0-` for any. Needs a guest that configures its first network card by DHCP. " +
				"With `console_pattern` as well, both are waited for.",
		},
		"failure_pattern": schema.StringAttribute{
			Optional: true, Validators: []validator.String{namecheck.LinePattern()},
			MarkdownDescription: re2 + " for a line on the console that makes the check fail at once, `Kernel panic|emergency mode` for example.",
		},
	}
}

// seedAttributes say what cloud-init finds.
func seedAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"user_data": schema.StringAttribute{
			Optional: true, Sensitive: true,
			MarkdownDescription: "cloud-init user data. With any of `user_data`, `user_data_wo`, `meta_data` and `network_config` the guest gets a NoCloud seed: a second disk, read-only, with the label `cidata`. " +
				"It is kept in the state: `user_data_wo` is for secrets.",
			Validators: []validator.String{siblings.Conflict("user_data_wo")},
		},
		"user_data_wo": schema.StringAttribute{
			Optional: true, Sensitive: true, WriteOnly: true,
			MarkdownDescription: "cloud-init user data with secrets, in place of `user_data`. It is in no plan, state or log, and on no command line. It may come from an ephemeral variable or resource. " +
				"While the guest runs, it lies in the seed and in the guest's overlay: in a folder below `TMPDIR` that only the user may read. A killed run leaves that there until the next run. " +
				"What the guest prints is in `console` all the same. Needs Terraform 1.11 or OpenTofu 1.11.",
			Validators: []validator.String{siblings.Need("user_data_wo_version")},
		},
		"user_data_wo_version": schema.Int64Attribute{
			Optional: true, MarkdownDescription: "Change it when `user_data_wo` changes, which nothing else shows. The snapshot is then booted again.",
			Validators: []validator.Int64{siblings.Need("user_data_wo")},
		},
		"meta_data": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "cloud-init meta data. Default with a seed: an `instance-id` of its own for each snapshot.",
		},
		"network_config": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "cloud-init network configuration.",
		},
	}
}

// machineAttributes say what machine it is booted in.
func machineAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"network": schema.StringAttribute{
			Optional: true,
			Validators: []validator.String{
				stringvalidator.OneOf(qemu.NoNetwork, qemu.Isolated, qemu.Outside),
			},
			MarkdownDescription: "`none` (default): no network card. `isolated` (default with `ssh_banner`): a card with DHCP, behind which nothing can be reached. " +
				"`outside`: with NAT to all that this machine can reach, which is a risk with a guest that is not trusted.",
		},
		"architecture": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.OneOf(qemu.X8664, qemu.AArch64)},
			MarkdownDescription: "Processor that the guest is for: `x86_64` (default) or `aarch64` (arm64; qemu's machine `virt`). " +
				"A guest for another processor than this machine's has no KVM, and takes several times as long.",
		},
		"firmware": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.OneOf(qemu.BIOS, qemu.UEFI)},
			MarkdownDescription: "What boots the disk: `bios` (default), or `uefi` (on aarch64 always), without Secure Boot. " +
				"UEFI firmware is found by qemu's descriptors (`/usr/share/qemu/firmware`, and `/etc/qemu/firmware` before it). Its variables are fresh, and thrown away: " +
				"the disk must boot without an entry in them, as by `/EFI/BOOT/BOOTX64.EFI`.",
		},
		"disk_bus": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(qemu.VirtioBlk),
			Validators:          []validator.String{stringvalidator.OneOf(qemu.VirtioBlk, qemu.VirtioSCSI, qemu.IDE)},
			MarkdownDescription: "Bus of the disk: `virtio` (default), `scsi` (virtio-scsi) or `ide`, for guests without virtio drivers (with UEFI that is SATA; not on aarch64).",
		},
		"memory": schema.StringAttribute{
			Optional: true, Computed: true, CustomType: sizetype.Type{}, Default: stringdefault.StaticString(defaultMemory),
			MarkdownDescription: "Memory of the machine. Default: `" + defaultMemory + "`. " + sizetype.Description,
		},
		"cpus": schema.Int64Attribute{
			Optional: true, Computed: true, Default: int64default.StaticInt64(1), Validators: []validator.Int64{int64validator.Between(1, 64)},
			MarkdownDescription: "Processors of the machine. Default: `1`.",
		},
		"boot_timeout": schema.StringAttribute{
			Optional: true, Computed: true, CustomType: durationtype.Type{}, Default: stringdefault.StaticString(defaultBootTimeout), Validators: []validator.String{durationtype.Limit()},
			MarkdownDescription: "Time within which the guest must be up, `90s` for example. Without KVM a guest takes several times as long. Default: `" + defaultBootTimeout + "`.",
		},
	}
}

// resultAttributes say when it is booted again, and what was seen.
func resultAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"triggers": schema.MapAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Any values; a change boots the snapshot again.",
		},
		"spec":        schema.StringAttribute{Computed: true, MarkdownDescription: "The snapshot's spec, for what must come after the check."},
		"image_id":    schema.StringAttribute{Computed: true, MarkdownDescription: "RBD image id of the image that was booted."},
		"snapshot_id": schema.Int64Attribute{Computed: true, MarkdownDescription: "Id of the snapshot that was booted."},
		"seconds":     schema.Float64Attribute{Computed: true, MarkdownDescription: "Time from the start of qemu until the guest was up."},
		"accelerator": schema.StringAttribute{Computed: true, MarkdownDescription: "What it ran with: `kvm` or `tcg`."},
		"line":        schema.StringAttribute{Computed: true, MarkdownDescription: "The line of the console that matched; null without `console_pattern`."},
		"banner":      schema.StringAttribute{Computed: true, MarkdownDescription: "The ssh banner; null without `ssh_banner`."},
		"console": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "The end of the console's text, up to 32 KiB, without control characters. It is what the guest prints, secrets included, and is kept in the state.",
		},
	}
}
