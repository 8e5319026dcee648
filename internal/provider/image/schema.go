// SPDX-License-Identifier: MPL-2.0

package image

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
)

const description = "An RBD image: an empty one, as `rbd create` makes it, or with `parent` a copy-on-write clone of a snapshot, as `rbd clone` does. " +
	"What can be changed without touching its content is changed in place: name, size, features, metadata, configuration, its place in the trash, and whether a clone is flattened.\n\n" +
	"~> **Destroying this resource removes the image with all its data**, unless `on_destroy` says `trash` or `retain`. " +
	"It is refused while the image has snapshots or clones, or anything has it open or locked.\n\n" +
	"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`, for a clone also at least `profile rbd-read-only` on the parent's pool; " +
	"to flatten in the background, `mgr 'profile rbd'`."

func (r *imageResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: description,
		Attributes: target.Attributes(schema.StringAttribute{
			Optional: true, Computed: true,
			MarkdownDescription: "Size of the image. It is grown in place, and shrunk only with `allow_shrink`. A clone may leave it out and then has its parent's; where it is left out it is not managed.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), target.KeepEqualSize()},
		}, map[string]schema.Attribute{
			"timeouts": deadline.Attribute(ctx, deadline.Defaults{Create: defaultTimeout, Read: target.ReadTimeout, Update: target.ChangeTimeout, Delete: target.ChangeTimeout}),
			"allow_shrink": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether a smaller `size` shrinks the image (`rbd resize --allow-shrink`), which cuts off what lies beyond, for good. Default: `false`: the plan is refused.",
			},
			"parent": schema.StringAttribute{
				Optional: true, Computed: true,
				MarkdownDescription: "Snapshot that the image is a clone of: `pool[/namespace]/image@snapshot`. Another spec of the same snapshot, as after a rename, is no change; another snapshot means a new image. " +
					"A clone that somebody flattened is planned anew, as nothing makes it a clone again; set `flatten` to keep it. Where it is left out it is not managed.",
				Validators: []validator.String{namecheck.SnapshotSpec()},
			},
			"clone_format": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Format of the clone: `1`, whose parent must be protected, or `2`, whose parent need not be and can even be removed. " +
					"Default: `rbd_default_clone_format` of the cluster, usually `2` as soon as `ceph osd require-min-compat-client` is `mimic` or newer.",
				Validators: []validator.Int64{int64validator.OneOf(1, 2)},
				PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplaceIf(
					// It is not read from the cluster: an import has none.
					func(_ context.Context, req planmodifier.Int64Request, resp *int64planmodifier.RequiresReplaceIfFuncResponse) {
						resp.RequiresReplace = !req.StateValue.IsNull() && !req.ConfigValue.IsNull()
					},
					"Another format makes a new image.", "Another format makes a new image.")},
			},
			"flatten": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether the clone is made independent of its parent (`rbd flatten`), in place. The manager does it in the background (`ceph rbd task add flatten`) where the user may ask it to, and librbd here where not. Default: `false`.",
			},
		}),
	}
}
