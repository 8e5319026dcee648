// SPDX-License-Identifier: MPL-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/export"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ImportState takes over a file, after all of it was compared with the snapshot.
func (r *exportResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	m, found, err := r.adopt(ctx, req.ID)
	if err != nil {
		kind.Error(&resp.Diagnostics, "import", req.ID, err)
		return
	}
	for name, v := range map[string]any{
		"snapshot": m.Snapshot, "file": m.File, "format": m.Format, "compression": m.Compression,
		"file_mode": m.FileMode, "on_destroy": types.StringValue(ondestroy.Delete),
		"size_bytes": m.SizeBytes, "virtual_size_bytes": m.VirtualSizeBytes, "sha256": m.SHA256,
		"image_id": m.ImageID, "snapshot_id": m.SnapshotID, "revision": m.Revision,
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), v)...)
	}
	resp.Diagnostics.Append(keepRecord(ctx, found, resp.Private)...)
}

// splitID splits FILE,SNAPSHOT. Both may have commas of their own; a spec has
// its pool before its first slash.
func splitID(id string) (file, snapshot string, err error) {
	for i := len(id); ; {
		if i = strings.LastIndexByte(id[:i], ','); i <= 0 {
			return "", "", fmt.Errorf("%q: want FILE,pool[/namespace]/image@snapshot", id)
		}
		if spec, err := rbd.ParseSpec(id[i+1:]); err == nil && spec.Snapshot != "" {
			return id[:i], id[i+1:], nil
		}
	}
}

// adopt compares the file with the snapshot.
func (r *exportResource) adopt(ctx context.Context, id string) (m model, found export.Record, err error) {
	if !r.data.CanAsk() {
		return m, found, errors.New("the provider's configuration is not known yet")
	}
	file, snapshot, err := splitID(id)
	if err != nil {
		return m, found, err
	}
	m.File, m.Snapshot = types.StringValue(file), types.StringValue(snapshot)
	if file, err = filepath.Abs(file); err != nil {
		return m, found, err
	}
	a, err := export.Adopt(ctx, deps(r.data), file, snapshot)
	if err != nil {
		return m, found, err
	}
	m.Format, m.Compression = types.StringValue(a.Format), types.StringValue(a.Compression)
	m.set(a.Result, a.Mode)
	return m, a.Record, nil
}
