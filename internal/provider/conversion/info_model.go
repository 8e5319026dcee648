package conversion

import (
	"os"
	"syscall"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
)

type infoModel struct {
	File   types.String `tfsdk:"file"`
	Image  types.String `tfsdk:"image"`
	Format types.String `tfsdk:"format"`

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

func (m *infoModel) set(d qemuimg.Details, sizeBytes uint64, usedBytes int64) {
	text := func(s string) types.String {
		if s == "" {
			return types.StringNull()
		}
		return types.StringValue(s)
	}
	m.VirtualSizeBytes = types.Int64Value(int64(d.VirtualSizeBytes)) //nolint:gosec // qemu's disks are smaller
	m.SizeBytes = types.Int64Value(int64(sizeBytes))                 //nolint:gosec // of a file, or signed in librbd
	m.DiskSizeBytes = types.Int64Value(usedBytes)
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

// diskUsage is what `du` says of a file, in bytes.
func diskUsage(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	const unit = 512
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * unit, nil
	}
	return info.Size(), nil
}
