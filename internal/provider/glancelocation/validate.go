// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// ValidateConfig refuses what does not go together.
func (r *locationResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if len(m.Members.Elements()) > 0 && !m.Visibility.IsUnknown() && m.Visibility.ValueString() != shared {
		resp.Diagnostics.AddAttributeError(path.Root("members"), "Members of an image that is not shared",
			"Glance lets nobody see or change the members of an image whose visibility is not \"shared\". Set visibility = \"shared\", or leave out members.")
	}
	if !m.AliasPool.IsNull() && !m.Protection.IsUnknown() && !m.wantsAlias() {
		resp.Diagnostics.AddAttributeError(path.Root("alias_pool"), "A pool for no alias",
			"alias_pool is where an alias is made. Set protection = \"alias\", or leave out alias_pool.")
	}
}
