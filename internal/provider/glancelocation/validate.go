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
	if !m.HashAlgo.IsNull() && !m.Hash.IsUnknown() && !m.wantsHash() {
		resp.Diagnostics.AddAttributeError(path.Root("os_hash_algo"), "An algorithm without a hash",
			"os_hash_algo says with what the data is hashed, and hash is \"off\". Set hash to \"once\" or \"eager\", or leave out os_hash_algo.")
	}
}
