// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
)

type infoModel struct {
	File          types.String `tfsdk:"file"`
	Image         types.String `tfsdk:"image"`
	ArchiveMember types.String `tfsdk:"archive_member"`
	Format        types.String `tfsdk:"format"`

	Content          types.String    `tfsdk:"content"`
	VirtualSizeBytes types.Int64     `tfsdk:"virtual_size_bytes"`
	SizeBytes        types.Int64     `tfsdk:"size_bytes"`
	DiskSizeBytes    types.Int64     `tfsdk:"disk_size_bytes"`
	ClusterSizeBytes types.Int64     `tfsdk:"cluster_size_bytes"`
	Compat           types.String    `tfsdk:"compat"`
	CompressionType  types.String    `tfsdk:"compression_type"`
	ExtendedL2       types.Bool      `tfsdk:"extended_l2"`
	Encrypted        types.Bool      `tfsdk:"encrypted"`
	Dirty            types.Bool      `tfsdk:"dirty"`
	Corrupt          types.Bool      `tfsdk:"corrupt"`
	BackingFile      types.String    `tfsdk:"backing_file"`
	BackingFormat    types.String    `tfsdk:"backing_format"`
	DataFile         types.String    `tfsdk:"data_file"`
	CreateType       types.String    `tfsdk:"create_type"`
	Snapshots        []snapshotModel `tfsdk:"snapshots"`
}

type snapshotModel struct {
	ID               types.String `tfsdk:"id"`
	Name             types.String `tfsdk:"name"`
	VMStateSizeBytes types.Int64  `tfsdk:"vm_state_size_bytes"`
	CreatedAt        types.String `tfsdk:"created_at"`
}

// reference is the source for the operation.
func (m infoModel) reference() conversion.Reference {
	return conversion.Reference{
		File: m.File.ValueString(), Image: m.Image.ValueString(), ArchiveMember: m.ArchiveMember.ValueString(), Format: m.Format.ValueString(),
	}
}

func (m *infoModel) set(d conversion.Details) {
	text := func(s string) types.String {
		if s == "" {
			return types.StringNull()
		}
		return types.StringValue(s)
	}
	m.Content = text(d.Content.Name)
	m.VirtualSizeBytes = types.Int64Value(int64(d.VirtualSizeBytes)) //nolint:gosec // qemu's disks are smaller
	m.SizeBytes = types.Int64Value(int64(d.SizeBytes))               //nolint:gosec // of a file, or signed in librbd
	m.DiskSizeBytes = types.Int64Value(d.UsedBytes)
	m.ClusterSizeBytes = types.Int64Null()
	if d.ClusterBytes > 0 {
		m.ClusterSizeBytes = types.Int64Value(int64(d.ClusterBytes)) //nolint:gosec // qemu bounds it
	}
	m.Compat, m.CompressionType, m.CreateType = text(d.Compat), text(d.Compression), text(d.CreateType)
	m.BackingFile, m.BackingFormat, m.DataFile = text(d.BackingFile), text(d.BackingFormat), text(d.DataFile)
	m.ExtendedL2, m.Corrupt = types.BoolPointerValue(d.ExtendedL2), types.BoolPointerValue(d.Corrupt)
	m.Encrypted, m.Dirty = types.BoolValue(d.Encrypted), types.BoolValue(d.Dirty)
	m.Snapshots = nil
	if d.Snapshots != nil {
		m.Snapshots = []snapshotModel{}
	}
	for _, s := range d.Snapshots {
		m.Snapshots = append(m.Snapshots, snapshotModel{
			types.StringValue(s.ID), types.StringValue(s.Name), types.Int64Value(s.VMStateBytes),
			types.StringValue(s.CreatedAt.Format(time.RFC3339)),
		})
	}
}
