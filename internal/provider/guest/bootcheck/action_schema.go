// SPDX-License-Identifier: MPL-2.0

package bootcheck

import (
	"context"
	"fmt"
	"maps"

	actionschema "github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
)

const actionDescription = "Boots a snapshot of an RBD image once in qemu on the machine that runs Terraform, to see that it comes up, " +
	"as [`rbd_guest_boot_check`](../resources/guest_boot_check.md) does, but with nothing in a state: by hand, or after a resource is made or changed. " +
	"While it boots, the last line of the guest's console is shown every ten seconds; where it does not come up in time, the invocation fails and shows the end of the console.\n\n" +
	"Nothing is written to the cluster: what the guest writes goes to a private temporary file, and is thrown away. " +
	"While it runs, `rbd status` shows qemu as a watcher. The guest has no network, unless it is asked for; " +
	"the machine counts as one of the appliances that the provider's `guestfs` argument allows, and has its accelerator. Ctrl-C and `timeouts` end it.\n\n" +
	"Needs qemu (Debian: `qemu-system-x86`, `qemu-block-extra`; for `firmware = \"uefi\"` `ovmf`; for `architecture = \"aarch64\"` `qemu-system-arm`, `qemu-efi-aarch64`).\n\n" +
	"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'` (qemu can't read with `profile rbd-read-only`)."

func actionArguments(ctx context.Context) actionschema.Schema {
	all := signAttributes()
	maps.Copy(all, seedAttributes())
	maps.Copy(all, machineAttributes())
	delete(all, "user_data_wo")
	delete(all, "user_data_wo_version")
	out := map[string]actionschema.Attribute{}
	for name, a := range all {
		out[name] = asArgument(a)
	}
	out["snapshot"] = actionschema.StringAttribute{
		Required: true, Validators: all["snapshot"].(schema.StringAttribute).Validators, //nolint:forcetypeassert // it is written down above
		MarkdownDescription: "The snapshot to boot: `pool[/namespace]/image@snapshot`.",
	}
	out["user_data"] = actionschema.StringAttribute{
		Optional: true,
		MarkdownDescription: "cloud-init user data. With any of `user_data`, `meta_data` and `network_config` the guest gets a NoCloud seed: a second disk, read-only, with the label `cidata`. " +
			"A plan shows it, and a file of the plan has it: nothing secret belongs there. Actions have no write-only arguments; the resource has `user_data_wo`.",
	}
	out["timeouts"] = deadline.ActionAttribute(ctx, defaultTimeout)
	return actionschema.Schema{MarkdownDescription: actionDescription, Attributes: out}
}

// asArgument is an attribute of the resource as one of the action, which has no
// defaults: resource of actionModel has them.
func asArgument(a schema.Attribute) actionschema.Attribute {
	switch a := a.(type) {
	case schema.StringAttribute:
		return actionschema.StringAttribute{Required: a.Required, Optional: a.Optional, CustomType: a.CustomType, Validators: a.Validators, MarkdownDescription: a.MarkdownDescription}
	case schema.Int64Attribute:
		return actionschema.Int64Attribute{Required: a.Required, Optional: a.Optional, Validators: a.Validators, MarkdownDescription: a.MarkdownDescription}
	}
	panic(fmt.Sprintf("an argument of type %T", a))
}
