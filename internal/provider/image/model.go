package image

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
)

type model struct {
	target.Model
}

func (m model) token() string {
	if m.Name.IsUnknown() || m.Pool.IsUnknown() || m.Namespace.IsUnknown() || !m.Size.Known() {
		return ""
	}
	return target.Token("image", m.RBDSpec(), m.Size.Bytes())
}
