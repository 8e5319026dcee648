// SPDX-License-Identifier: MPL-2.0

package growth

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/growth"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
)

type model struct {
	guestresource.Model

	Device         types.String   `tfsdk:"device"`
	Size           sizetype.Value `tfsdk:"size"`
	FileSystem     types.String   `tfsdk:"filesystem"`
	FileSystemSize types.Int64    `tfsdk:"filesystem_size_bytes"`
	PartitionSize  types.Int64    `tfsdk:"partition_size_bytes"`
	VolumeSize     types.Int64    `tfsdk:"volume_size_bytes"`
}

// request is what the plan asks of the image.
func (m *model) request() (r growth.Request, err error) {
	r = growth.Request{Device: m.Device.ValueString(), Size: m.wantedSize()}
	if !m.PartitionSize.IsUnknown() {
		size := m.PartitionSize.ValueInt64()
		r.PartitionSize = &size
	}
	r.Image, err = m.Ref()
	return r, err
}

// set fills in what the image has. A device that is known stays: /dev/mapper has
// another name for a volume.
func (m *model) set(r growth.Result) {
	device := m.Device
	m.Spec, m.ImageID = types.StringValue(r.Spec.String()), types.StringValue(r.ImageID)
	m.setLayout(r.Layout)
	if !device.IsUnknown() {
		m.Device = device
	}
}

func (m *model) wantedSize() int64 {
	if !m.Size.Known() {
		return 0
	}
	return int64(m.Size.Amount()) //nolint:gosec // Parse bounds it
}

// setLayout fills in where the file system lies.
func (m *model) setLayout(l guestread.Layout) {
	m.Device = types.StringValue(l.Device)
	m.FileSystem = types.StringValue(l.FileSystem.Kind)
	m.FileSystemSize = types.Int64Value(l.FileSystem.Size)
	m.PartitionSize, m.VolumeSize = types.Int64Null(), types.Int64Null()
	if l.Partition != nil {
		m.PartitionSize = types.Int64Value(l.Partition.Size)
	}
	if l.Volume != nil {
		m.VolumeSize = types.Int64Value(l.Volume.Size)
	}
	m.Revision = types.StringValue(growth.Revision(m.ImageID.ValueString(), l))
}

// forget has all of it be told by the apply.
func (m *model) forget() {
	if m.Device.IsNull() {
		m.Device = types.StringUnknown()
	}
	m.FileSystem, m.Revision = types.StringUnknown(), types.StringUnknown()
	m.FileSystemSize, m.PartitionSize, m.VolumeSize = types.Int64Unknown(), types.Int64Unknown(), types.Int64Unknown()
}

// expect fills in what the image will have when g is done, as far as that can
// be told: how a file system uses its last blocks is its own affair.
func (m *model) expect(l guestread.Layout, g growth.Goal) {
	m.setLayout(l)
	if g.Holds() {
		return
	}
	m.Revision, m.FileSystemSize = types.StringUnknown(), types.Int64Unknown()
	if g.Volume {
		m.VolumeSize = types.Int64Unknown()
	}
	if g.Partition != 0 {
		m.PartitionSize = types.Int64Value(g.Partition)
	}
}

func (m *model) computed() map[string]attr.Value {
	return map[string]attr.Value{
		"device": m.Device, "filesystem": m.FileSystem, "filesystem_size_bytes": m.FileSystemSize,
		"partition_size_bytes": m.PartitionSize, "volume_size_bytes": m.VolumeSize, "revision": m.Revision,
	}
}
