// SPDX-License-Identifier: MPL-2.0

package checksum

import (
	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Spec       types.String   `tfsdk:"spec"`
	Algorithms []string       `tfsdk:"algorithms"`
	MD5        types.String   `tfsdk:"md5"`
	SHA256     types.String   `tfsdk:"sha256"`
	SHA512     types.String   `tfsdk:"sha512"`
	SizeBytes  types.Int64    `tfsdk:"size_bytes"`
	ImageID    types.String   `tfsdk:"image_id"`
	SnapshotID types.Int64    `tfsdk:"snapshot_id"`
	Timeouts   timeouts.Value `tfsdk:"timeouts"`
}

func (m *model) algorithms() []string {
	if m.Algorithms == nil {
		return []string{"sha512"}
	}
	return m.Algorithms
}

func (m *model) set(h rbd.Hashes) {
	sum := func(algorithm string) types.String {
		if s, ok := h.Sums[algorithm]; ok {
			return types.StringValue(s)
		}
		return types.StringNull()
	}
	m.MD5, m.SHA256, m.SHA512 = sum("md5"), sum("sha256"), sum("sha512")
	m.SizeBytes = types.Int64Value(int64(h.SizeBytes)) //nolint:gosec // signed in librbd
	m.ImageID = types.StringValue(h.ImageID)
	m.SnapshotID = types.Int64Null()
	if h.SnapshotID != 0 {
		m.SnapshotID = types.Int64Value(int64(h.SnapshotID)) //nolint:gosec // counted up from 1
	}
}
