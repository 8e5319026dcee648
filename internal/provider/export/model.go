package export

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

const (
	formatRaw       = "raw"
	formatQcow2     = "qcow2"
	compressionNone = "none"
	onDestroyDelete = "delete"
	onDestroyRetain = "retain"
)

type model struct {
	Snapshot    types.String `tfsdk:"snapshot"`
	File        types.String `tfsdk:"file"`
	Format      types.String `tfsdk:"format"`
	Compression types.String `tfsdk:"compression"`
	FileMode    types.String `tfsdk:"file_mode"`
	OnDestroy   types.String `tfsdk:"on_destroy"`

	SizeBytes        types.Int64    `tfsdk:"size_bytes"`
	VirtualSizeBytes types.Int64    `tfsdk:"virtual_size_bytes"`
	SHA256           types.String   `tfsdk:"sha256"`
	ImageID          types.String   `tfsdk:"image_id"`
	SnapshotID       types.Int64    `tfsdk:"snapshot_id"`
	Revision         types.String   `tfsdk:"revision"`
	Timeouts         timeouts.Value `tfsdk:"timeouts"`
}

// path is the file's absolute path, which is what tools and messages want.
func (m model) path() (string, error) { return filepath.Abs(m.File.ValueString()) }

// mode was validated with the configuration.
func mode(s types.String) fs.FileMode {
	n, err := strconv.ParseUint(s.ValueString(), 8, 9)
	if err != nil {
		panic(fmt.Sprintf("file_mode %s was validated: %v", s, err))
	}
	return fs.FileMode(n)
}

func (m model) job(o origin) (job, error) {
	file, err := m.path()
	j := job{origin: o, file: file, format: m.Format.ValueString(), mode: mode(m.FileMode)}
	if c := m.Compression.ValueString(); c != compressionNone {
		j.compression = c
	}
	return j, err
}

// setOrigin sets what the snapshot says of the file, before it is written.
func (m *model) setOrigin(o origin) {
	m.ImageID = types.StringValue(o.imageID)
	m.SnapshotID = types.Int64Value(int64(o.snapshotID))      //nolint:gosec // a counter
	m.VirtualSizeBytes = types.Int64Value(int64(o.sizeBytes)) //nolint:gosec // signed in librbd
	m.Revision = m.revision(o)
}

// revision tells results apart: it changes with the snapshot and the format, but
// not when a file is written again after somebody changed or removed it.
func (m model) revision(o origin) types.String {
	if m.Format.IsUnknown() || m.Compression.IsUnknown() {
		return types.StringUnknown()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s\n%s", o.imageID, o.snapshotID, m.Format.ValueString(), m.Compression.ValueString()))
	return types.StringValue(hex.EncodeToString(sum[:6]))
}

// isOf tells whether the file was made of the snapshot with these ids.
func (m model) isOf(imageID string, snapshotID uint64) bool {
	return m.ImageID.ValueString() == imageID && m.SnapshotID.ValueInt64() == int64(snapshotID) //nolint:gosec // a counter
}

// setFile sets what was found of the file.
func (m *model) setFile(sizeBytes int64, sha string, perm fs.FileMode) {
	m.SizeBytes = types.Int64Value(sizeBytes)
	m.SHA256 = types.StringValue(sha)
	if m.FileMode.IsNull() || mode(m.FileMode) != perm {
		m.FileMode = types.StringValue(fmt.Sprintf("%04o", perm))
	}
}
