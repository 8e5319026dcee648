// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// identity is the ID of the record. A Glance never gives it to another one, also after
// it was deleted; which Glance it is, the provider's configuration says.
type identity struct {
	ImageID types.String `tfsdk:"image_id"`
}

func (r *locationResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"image_id": identityschema.StringAttribute{RequiredForImport: true, Description: "ID of the image in Glance, a UUID."},
	}}
}

// setIdentity does nothing under a CLI that knows no identities.
func setIdentity(ctx context.Context, m model, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to != nil {
		diags.Append(to.Set(ctx, identity{m.ImageID})...)
	}
}

// ImportState takes the ID of the image in Glance, or an identity.
func (r *locationResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	id := req.ID
	if id == "" && req.Identity != nil {
		var at identity
		if resp.Diagnostics.Append(req.Identity.Get(ctx, &at)...); resp.Diagnostics.HasError() {
			return
		}
		id = at.ImageID.ValueString()
	}
	if !imageID.MatchString(id) {
		resp.Diagnostics.AddError("Invalid import id", "Want the ID of the image in Glance, a UUID, not "+`"`+id+`".`)
		return
	}
	m := model{ImageID: types.StringValue(id)}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("image_id"), m.ImageID)...)
	setIdentity(ctx, m, resp.Identity, &resp.Diagnostics)
}
