// SPDX-License-Identifier: MPL-2.0

package sysprep

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"regexp"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
)

const description = "The guest of an RBD image, cleared of what belongs to the machine that it was taken from: `virt-sysprep`. That is ssh host keys, the machine id, logs, DHCP leases and the like.\n\n" +
	"It runs once, and again when `operations`, `disabled_operations` or `triggers` change, or with another image; what the guest gathers later is not looked for. " +
	"After an import the next apply runs it.\n\n" +
	guestresource.Atomic + "The appliance has no network. Destroying the resource leaves the guest as it is.\n\n" +
	"Needs libguestfs and qemu (Debian: `libguestfs-tools`, `qemu-utils`, `qemu-block-extra`; for xfs `libguestfs-xfs`).\n\n" + guestresource.Caps

func (work) Schema(ctx context.Context) schema.Schema {
	names := []validator.Set{
		setvalidator.SizeAtLeast(1),
		setvalidator.ValueStringsAre(stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`), "must be an operation's name")),
	}
	return guestresource.Schema(ctx, description, "whose guest is prepared", "Changes with the image, the operations and the triggers.", map[string]schema.Attribute{
		"operations": schema.SetAttribute{
			Optional: true, ElementType: types.StringType, Validators: names,
			MarkdownDescription: "What is done, as `virt-sysprep --list-operations` names it, which the plan checks. `defaults` stands for what virt-sysprep does by default, and is the default: " +
				"`[\"defaults\", \"user-account\"]` does more, `[\"machine-id\", \"ssh-hostkeys\"]` these two alone. " +
				"`customize` is left out of `defaults` unless it is named: it would give the guest a machine id again, the same for all clones.",
		},
		"disabled_operations": schema.SetAttribute{
			Optional: true, ElementType: types.StringType, Validators: names,
			MarkdownDescription: "What is not done of these.",
		},
		"triggers": schema.MapAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Any values; a change has it run again. `{ edit = rbd_guest_file_edit.golden.revision }` has it follow what was edited before.",
		},
		"performed": schema.ListAttribute{
			Computed: true, ElementType: types.StringType,
			MarkdownDescription: "The operations that were performed, in order; those that do not apply to the guest are not among them.",
		},
	})
}
