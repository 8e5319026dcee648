package growth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
)

type model struct {
	Image          types.String   `tfsdk:"image"`
	Device         types.String   `tfsdk:"device"`
	Size           sizetype.Value `tfsdk:"size"`
	FileSystem     types.String   `tfsdk:"filesystem"`
	FileSystemSize types.Int64    `tfsdk:"filesystem_size_bytes"`
	PartitionSize  types.Int64    `tfsdk:"partition_size_bytes"`
	VolumeSize     types.Int64    `tfsdk:"volume_size_bytes"`
	Spec           types.String   `tfsdk:"spec"`
	ImageID        types.String   `tfsdk:"image_id"`
	Revision       types.String   `tfsdk:"revision"`
	Timeouts       timeouts.Value `tfsdk:"timeouts"`
}

func (m model) subject() *change.Subject { return &change.Subject{Image: m.Image, ImageID: m.ImageID} }

func (m model) wantedSize() int64 {
	if !m.Size.Known() {
		return 0
	}
	return int64(m.Size.Bytes()) //nolint:gosec // Parse bounds it
}

// set fills in what the image has.
func (m *model) set(l guestread.Layout) {
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
	m.Revision = types.StringValue(revision(m.ImageID.ValueString(), l))
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
func (m *model) expect(l guestread.Layout, g goal) {
	m.set(l)
	if g.holds() {
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

func (m model) computed() map[string]attr.Value {
	return map[string]attr.Value{
		"device": m.Device, "filesystem": m.FileSystem, "filesystem_size_bytes": m.FileSystemSize,
		"partition_size_bytes": m.PartitionSize, "volume_size_bytes": m.VolumeSize, "revision": m.Revision,
	}
}

// revision tells results apart.
func revision(imageID string, l guestread.Layout) string {
	sizes := [3]int64{l.FileSystem.Size}
	if l.Partition != nil {
		sizes[1] = l.Partition.Size
	}
	if l.Volume != nil {
		sizes[2] = l.Volume.Size
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%v", imageID, l.Device, sizes))
	return hex.EncodeToString(sum[:6])
}
