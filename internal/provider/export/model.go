// SPDX-License-Identifier: MPL-2.0

package export

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/export"
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

// request is what is to be written. Of a snapshot that is planned, the ids are
// known where it was there.
func (m model) request(file string) export.Request {
	return export.Request{
		Snapshot: m.Snapshot.ValueString(), ImageID: m.ImageID.ValueString(), SnapshotID: uint64(m.SnapshotID.ValueInt64()), //nolint:gosec // a counter
		File: file, Format: m.Format.ValueString(), Compression: m.Compression.ValueString(), Mode: mode(m.FileMode),
	}
}

// exported is the file that a state has.
func (m model) exported(kept export.Record) (export.Exported, error) {
	file, err := m.path()
	return export.Exported{
		Name: m.File.ValueString(), Path: file, Revision: m.Revision.ValueString(), SHA256: m.SHA256.ValueString(), Record: kept,
	}, err
}

// set sets what the operation tells of a file with this mode.
func (m *model) set(r export.Result, mode fs.FileMode) {
	m.setSnapshot(r.Snapshot)
	m.setFile(r.Record.SizeBytes, r.Record.SHA256, mode)
}

// setSnapshot sets what the snapshot says of the file, before it is written.
func (m *model) setSnapshot(s export.Snapshot) {
	m.ImageID = types.StringValue(s.ImageID)
	m.SnapshotID = types.Int64Value(int64(s.ID))              //nolint:gosec // a counter
	m.VirtualSizeBytes = types.Int64Value(int64(s.SizeBytes)) //nolint:gosec // signed in librbd
	m.Revision = types.StringUnknown()
	if !m.Format.IsUnknown() && !m.Compression.IsUnknown() {
		m.Revision = types.StringValue(s.Revision(m.Format.ValueString(), m.Compression.ValueString()))
	}
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
