package conversion

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
)

type model struct {
	target.Model
	Source        types.Object `tfsdk:"source"`
	VerifyContent types.Bool   `tfsdk:"verify_content"`
}

type sourceModel struct {
	File   types.String `tfsdk:"file"`
	Image  types.String `tfsdk:"image"`
	Format types.String `tfsdk:"format"`
}

func (s sourceModel) known() bool {
	return !s.File.IsUnknown() && !s.Image.IsUnknown() && !s.Format.IsUnknown()
}

func (m model) token(s sourceModel) string {
	return m.Token("conversion", s.File.ValueString(), s.Image.ValueString(), s.Format.ValueString())
}
