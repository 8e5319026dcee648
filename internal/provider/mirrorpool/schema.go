// SPDX-License-Identifier: MPL-2.0

package mirrorpool

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func (r *poolResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	all := maps.Clone(attributes)
	all["timeouts"] = deadline.Attribute(ctx, deadline.Defaults{Create: defaultTimeout, Read: defaultTimeout, Update: defaultTimeout, Delete: defaultTimeout})
	resp.Schema = schema.Schema{
		MarkdownDescription: "The mirroring of a pool as one cluster has it: `rbd mirror pool enable POOL image`, `rbd mirror pool peer bootstrap import`, `rbd mirror pool peer remove` and `rbd mirror pool disable`. " +
			"It does not make the pool. Its images are mirrored by [`rbd_image_mirror`](image_mirror.md).\n\n" +
			"One resource is for each of the two clusters, through an alias of the provider, and the pool has the same name in both. One of them has `peer`, with the token that " +
			"[`rbd_mirror_bootstrap_token`](../ephemeral-resources/mirror_bootstrap_token.md) makes in the other cluster: the token is in no plan, state or log. " +
			"With `direction = \"rx-tx\"` each becomes a peer of the other by that. A pool that is mirrored already is brought into the state with `terraform import`; see [the guide](../guides/mirroring.md).\n\n" +
			"A namespace is mirrored by itself, with a resource of its own, over the peers of its pool.\n\n" +
			"Caps: `osd 'profile rbd pool=POOL'`, `mon 'profile rbd'`; for `site_name` and `peer`, `mon 'allow *'`. A refresh needs no more than `profile rbd-read-only`; without `mon 'allow *'` it does not see whether the site name is still what it was.",
		Attributes: all,
	}
}

var attributes = map[string]schema.Attribute{
	"pool": schema.StringAttribute{
		Required: true, Validators: []validator.String{namecheck.Pool()},
		MarkdownDescription: "The pool, which must be there. A change makes a new resource.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
	},
	"namespace": schema.StringAttribute{
		Optional: true, Validators: []validator.String{namecheck.Namespace()},
		MarkdownDescription: "An RBD namespace of the pool, in place of the default one. `site_name` and `peer` are the pool's. A change makes a new resource.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplaceIf(func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
			resp.RequiresReplace = req.PlanValue.IsUnknown() || req.PlanValue.ValueString() != req.StateValue.ValueString()
		}, "", "")},
	},
	"mode": schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString(modeImage), Validators: []validator.String{modeCheck{}},
		MarkdownDescription: "`image` (default): what is mirrored is said image by image. A pool in the mode `pool`, which mirrors every image that has the feature journaling, can be imported, and is brought to `image` in place: what it mirrors stays mirrored.",
	},
	"site_name": schema.StringAttribute{
		Optional: true, Computed: true, Validators: []validator.String{namecheck.Given(), stringvalidator.LengthAtMost(maxSiteName)},
		MarkdownDescription: "Name that the peers see this cluster by. It is the cluster's, for all its pools, and stays when the resource is destroyed. Default: left as it is, at first the fsid.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	},
	"peer": schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "The other cluster, where its token is imported here. Leave it out where the token of this cluster is imported there. Without it, a peer that was imported here is removed in this cluster; that is refused while images are copied from it. A peer that is gone is imported again.",
		Attributes:          peerAttributes,
	},
	"on_destroy": schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString(onDestroyDisable),
		MarkdownDescription: "What happens when the resource is destroyed: `disable` (default) removes all peers of the pool in this cluster and disables the mirroring, and is refused while images in the pool or its namespaces are mirrored; `retain` leaves all as it is. " +
			"Secondaries are waited for, two minutes, as rbd-mirror removes them when their primaries are not mirrored any more. The Ceph user of the token, `client.rbd-mirror-peer`, stays: it is for all pools.",
		Validators: []validator.String{stringvalidator.OneOf(onDestroyDisable, ondestroy.Retain)},
	},
	"spec": schema.StringAttribute{
		Computed: true, MarkdownDescription: "`pool[/namespace]`, known once it is mirrored: what needs that refers to it.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	},
	"peers": schema.ListNestedAttribute{
		Computed: true, MarkdownDescription: "All peers of the pool, also those that came to be by an import in the other cluster.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"uuid":      schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the peer in this cluster (`rbd mirror pool peer`)."},
			"site_name": schema.StringAttribute{Computed: true, MarkdownDescription: "Its site name."},
			"direction": schema.StringAttribute{Computed: true, MarkdownDescription: "`rx-tx`, `rx-only` or `tx-only`, as seen from here."},
		}},
	},
}

var peerAttributes = map[string]schema.Attribute{
	"bootstrap_token_wo": schema.StringAttribute{
		Optional: true, Sensitive: true, WriteOnly: true, Validators: []validator.String{tokenCheck{}, siblings.Need("bootstrap_token_wo_version")},
		MarkdownDescription: "The token that the other cluster has made for the pool of the same name. It is in no plan, state or log, and on no command line. Once it is imported it can be null. Needs Terraform 1.11 or OpenTofu 1.11.",
	},
	"bootstrap_token_wo_version": schema.Int64Attribute{
		Required: true, MarkdownDescription: "Change it to import the token once more, as after a new key, which nothing else shows. The token must be of the same cluster.",
	},
	"direction": schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString(rbd.MirrorBoth), Validators: []validator.String{stringvalidator.OneOf(rbd.MirrorBoth, rbd.MirrorReceives)},
		MarkdownDescription: "`rx-tx` (default): images are mirrored in both directions, as a failover and back needs, and this cluster becomes a peer in the other. `rx-only`: this cluster only receives.",
	},
	"fsid":      schema.StringAttribute{Computed: true, MarkdownDescription: "Fsid of the other cluster."},
	"uuid":      schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the peer in this cluster."},
	"site_name": schema.StringAttribute{Computed: true, MarkdownDescription: "Its site name."},
}

// modeCheck accepts what rbd_image_mirror can work with.
type modeCheck struct{}

func (modeCheck) Description(context.Context) string               { return "must be \"image\"" }
func (c modeCheck) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

func (modeCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	switch mode := req.ConfigValue.ValueString(); {
	case req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || mode == modeImage:
	case mode == "pool":
		resp.Diagnostics.AddAttributeError(req.Path, "Not by image", "In the mode \"pool\" whatever has the feature journaling is mirrored, and nothing else: every temporary image of a run too, and no image in snapshot mode. rbd_image_mirror needs \"image\".")
	case mode == "disabled":
		resp.Diagnostics.AddAttributeError(req.Path, "Not a mirror mode", "Leave the resource out where the pool is not to be mirrored: what is destroyed is disabled.")
	default:
		resp.Diagnostics.AddAttributeError(req.Path, "Not a mirror mode", fmt.Sprintf("%q is none: it must be \"image\".", mode))
	}
}

// tokenCheck accepts a bootstrap token, and does not show what is none.
type tokenCheck struct{}

func (tokenCheck) Description(context.Context) string               { return "must be a bootstrap token" }
func (c tokenCheck) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

func (tokenCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := rbd.ParseBootstrapToken(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a bootstrap token", kind.Detail(err))
	}
}
