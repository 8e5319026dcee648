// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// sourceType is the image of the openstack provider.
const sourceType = "openstack_images_image_v2"

// MoveState takes a state over from the openstack provider, for a moved block:
// it is an import of the image's ID, whose first refresh reads all the rest.
func (r *locationResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: move}}
}

func move(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	if req.SourceTypeName != sourceType || req.SourceRawState == nil {
		return // Terraform says that it is not supported
	}
	var source struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(req.SourceRawState.JSON, &source); err != nil || !imageID.MatchString(source.ID) {
		resp.Diagnostics.AddError("Unable to move "+sourceType,
			"Its state has no ID of an image in Glance, a UUID. Use `terraform state rm` for it, and an import block with that ID.")
		return
	}
	resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("image_id"), source.ID)...)
}
