// SPDX-License-Identifier: MPL-2.0

package snapshot

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
)

func (r *snapshotResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	all := maps.Clone(attributes)
	all["timeouts"] = deadline.Attribute(ctx, deadline.Defaults{Create: defaultTimeout, Read: defaultTimeout, Update: defaultTimeout, Delete: deleteTimeout})
	resp.Schema = schema.Schema{
		MarkdownDescription: "A snapshot of an RBD image, protected unless told otherwise: `rbd snap create` and `rbd snap protect`. " +
			"Destroying it unprotects and removes it, and refuses while clones depend on it.\n\n" +
			"~> **`flatten_children_on_destroy` writes to disks of others**: all clones of the snapshot get a copy of what they share with it. " +
			"Without it a snapshot that has clones stays.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`; to see and check its children, which may be in any pool, `profile rbd` or `profile rbd-read-only` on those too.",
		Attributes: all,
	}
}

var attributes = map[string]schema.Attribute{
	imageref.Name: imageref.Attribute("to take the snapshot of"),
	"name": schema.StringAttribute{
		Required: true,
		MarkdownDescription: "Name of the snapshot. A change takes a new snapshot unless `on_name_change` says otherwise, as it is the image's content now that is wanted under the new name; " +
			"with the `revision` of an earlier step in the name, a new one is taken exactly when that step's result has changed. " +
			"One that somebody renamed is named back in place.",
		Validators: []validator.String{namecheck.Snapshot()},
	},
	"on_name_change": schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString(onNameChangeReplace),
		MarkdownDescription: "What another `name` means: `replace` (default), a new snapshot of the image as it is now, or `rename`, another name for this one (`rbd snap rename`), in place.",
		Validators:          []validator.String{stringvalidator.OneOf(onNameChangeReplace, onNameChangeRename)},
	},
	"protected": schema.BoolAttribute{
		Optional: true, Computed: true, Default: booldefault.StaticBool(true),
		MarkdownDescription: "Whether the snapshot is protected, which v1 clones need. Default: `true`. Switched in place.",
	},
	"on_destroy": ondestroy.Attribute("What happens to the snapshot when the resource is destroyed: `delete` (default), which refuses while clones depend on it; "+
		"`trash`, which lets v2 clones keep it: it loses its name and goes away with the last of them (`rbd snap ls --all`); or `retain` (left as it is).", ondestroy.Trash, ondestroy.Retain),
	"flatten_children_on_destroy": schema.BoolAttribute{
		Optional: true, Computed: true, Default: booldefault.StaticBool(false),
		MarkdownDescription: "Whether all clones of the snapshot are flattened when it is destroyed. Those of other people, those in use and those in the trash are among them. " +
			"It takes the time to copy all that they share with it, and the space. Default: `false`.",
	},
	"spec": schema.StringAttribute{
		Computed: true, MarkdownDescription: "`pool[/namespace]/image@snapshot`, for every argument that wants a snapshot.",
	},
	"image_id": schema.StringAttribute{
		Computed: true, MarkdownDescription: "RBD image id of the image.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	},
	"snapshot_id": schema.Int64Attribute{
		Computed: true, MarkdownDescription: "Snapshot id.",
		PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
	},
	"children": schema.ListAttribute{
		Computed: true, ElementType: types.StringType,
		MarkdownDescription: "Clones of the snapshot, in all pools and namespaces, those in the trash too (`rbd children --all`), as of the last refresh; null where the user may not read all pools.",
		PlanModifiers:       []planmodifier.List{listplanmodifier.UseStateForUnknown()},
	},
	"size_bytes": schema.Int64Attribute{
		Computed: true, MarkdownDescription: "Size of the image when the snapshot was taken, in bytes.",
		PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
	},
	"location_url": schema.StringAttribute{
		Computed: true, MarkdownDescription: "`rbd://FSID/POOL/IMAGE/SNAPSHOT`, as Glance, Nova and Cinder write it.",
	},
}
