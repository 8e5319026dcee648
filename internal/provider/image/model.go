// SPDX-License-Identifier: MPL-2.0

package image

import (
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	target.Model
	AllowShrink types.Bool   `tfsdk:"allow_shrink"`
	Parent      types.String `tfsdk:"parent"`
	CloneFormat types.Int64  `tfsdk:"clone_format"`
	Flatten     types.Bool   `tfsdk:"flatten"`
}

func (m model) token() string {
	return m.Token("image", m.Parent.ValueString(), m.CloneFormat.ValueInt64())
}

func (m model) settled() bool {
	// A size that is not given is that of the parent.
	size := m.Model
	if !m.Parent.IsNull() && size.Size.IsUnknown() {
		size.Size = sizetype.Null()
	}
	return size.Settled() && !m.Parent.IsUnknown() && !m.CloneFormat.IsUnknown()
}

func (m model) cloneFormat() uint64 {
	return uint64(m.CloneFormat.ValueInt64()) //nolint:gosec // 1 or 2
}

// removedName is what librbd calls a snapshot in the trash namespace.
var removedName = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// setParent puts into a refreshed model what became of the parent. That of an
// image that was to be flattened is where its content is from.
func (m *model) setParent(img rbd.Image) {
	flat := img.Parent == nil
	switch {
	case !flat:
		// A clone never gets another parent: one that was removed and lives on
		// for its v2 clones, under a UUID, keeps the name that it had.
		if m.Parent.IsNull() || !removedName.MatchString(img.Parent.Spec.Snapshot) {
			m.Parent = types.StringValue(img.Parent.Spec.String())
		}
		m.Flatten = types.BoolValue(false)
	case m.Flatten.ValueBool():
	default: // it has none, or somebody flattened it
		m.Parent = types.StringNull()
		m.Flatten = types.BoolValue(false)
	}
	if m.AllowShrink.IsNull() { // just imported
		m.AllowShrink = types.BoolValue(false)
	}
}
