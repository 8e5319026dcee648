// SPDX-License-Identifier: MPL-2.0

package namespace

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func (r *namespaceResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An RBD namespace in a pool, whose images are apart from all others and to which a Ceph user's caps can be limited: `rbd namespace create`. " +
			"An image whose `namespace` refers to this resource's `name` is made after it and destroyed before it.\n\n" +
			"Glance, Nova and Cinder can't read images in a namespace.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`, not limited to a namespace.",
		Attributes: map[string]schema.Attribute{
			"timeouts": deadline.Attribute(ctx, deadline.Defaults{Create: defaultTimeout, Read: defaultTimeout, Delete: defaultTimeout}),
			"name": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the namespace. It can't be renamed: a change makes a new one.",
				Validators:          []validator.String{nameCheck{}},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"pool": schema.StringAttribute{
				Optional: true, Computed: true,
				MarkdownDescription: "Pool of the namespace. Default: `pool` of the provider's `ceph` argument. A change makes a new namespace.",
				Validators:          []validator.String{namecheck.Pool()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
			},
			"on_destroy": ondestroy.Attribute("What happens to the namespace when the resource is destroyed: `delete` (default, `rbd namespace rm`), which refuses while images are in it or in its trash, or `retain` (left as it is). "+
				"The plan passes over images that this provider holds, as those are usually destroyed first; the apply does not.", ondestroy.Retain),
			"spec": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "`pool/namespace`.",
			},
		},
	}
}

// nameCheck accepts what can be a namespace's name.
type nameCheck struct{}

func (nameCheck) Description(context.Context) string               { return "must be an RBD namespace name" }
func (c nameCheck) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

func (nameCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !known(req.ConfigValue) {
		return
	}
	if err := rbd.CheckNamespaceName(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not an RBD namespace name", err.Error()+".")
	}
}
