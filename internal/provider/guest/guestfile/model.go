// SPDX-License-Identifier: MPL-2.0

package guestfile

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

type model struct {
	Image         types.String   `tfsdk:"image"`
	Path          types.String   `tfsdk:"path"`
	RootDevice    types.String   `tfsdk:"root_device"`
	Mounts        types.Map      `tfsdk:"mounts"`
	Type          types.String   `tfsdk:"type"`
	Mode          types.String   `tfsdk:"mode"`
	UID           types.Int64    `tfsdk:"uid"`
	GID           types.Int64    `tfsdk:"gid"`
	SizeBytes     types.Int64    `tfsdk:"size_bytes"`
	LinkTarget    types.String   `tfsdk:"link_target"`
	Content       types.String   `tfsdk:"content"`
	ContentBase64 types.String   `tfsdk:"content_base64"`
	SHA256        types.String   `tfsdk:"sha256"`
	Timeouts      timeouts.Value `tfsdk:"timeouts"`
}

// found is what is at the path.
type found struct {
	guest.FileInfo
	root    string
	content []byte // of a regular file
}

func (m *model) set(f found) {
	m.RootDevice = types.StringValue(f.root)
	m.Type = types.StringValue(string(f.Type))
	m.Mode = types.StringValue(fmt.Sprintf("%04o", f.Mode))
	m.UID, m.GID = types.Int64Value(int64(f.UID)), types.Int64Value(int64(f.GID))
	m.SizeBytes, m.LinkTarget = types.Int64Null(), types.StringNull()
	m.Content, m.ContentBase64, m.SHA256 = types.StringNull(), types.StringNull(), types.StringNull()
	switch f.Type {
	case guest.Symlink:
		m.LinkTarget = types.StringValue(f.LinkTarget)
	case guest.Regular:
		sum := sha256.Sum256(f.content)
		m.SizeBytes = types.Int64Value(int64(len(f.content)))
		m.ContentBase64 = types.StringValue(base64.StdEncoding.EncodeToString(f.content))
		m.SHA256 = types.StringValue(hex.EncodeToString(sum[:]))
		if utf8.Valid(f.content) {
			m.Content = types.StringValue(string(f.content))
		}
	}
}
