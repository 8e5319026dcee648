package image

import (
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
)

type model struct {
	target.Model
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// afterRead gives an imported image the size that it has.
func (m *model) afterRead() {
	if m.Size.IsNull() && !m.SizeBytes.IsNull() {
		m.Size = sizetype.New(uint64(m.SizeBytes.ValueInt64())) //nolint:gosec // never negative
	}
}

func (m model) token() string {
	if m.Name.IsUnknown() || m.Pool.IsUnknown() || m.Namespace.IsUnknown() || !m.Size.Known() {
		return ""
	}
	return target.Token("image", m.RBDSpec(), m.Size.Bytes())
}
