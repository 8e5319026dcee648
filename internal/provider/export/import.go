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

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var errOther = errors.New("the file does not have the content of the snapshot")

// ImportState takes over a file, after all of it was compared with the snapshot.
func (r *exportResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	m, found, err := r.adopt(ctx, req.ID)
	if err != nil {
		report.Error(&resp.Diagnostics, "import", noun, req.ID, err)
		return
	}
	for name, v := range map[string]any{
		"snapshot": m.Snapshot, "file": m.File, "format": m.Format, "compression": m.Compression,
		"file_mode": m.FileMode, "on_destroy": types.StringValue(onDestroyDelete),
		"size_bytes": m.SizeBytes, "virtual_size_bytes": m.VirtualSizeBytes, "sha256": m.SHA256,
		"image_id": m.ImageID, "snapshot_id": m.SnapshotID, "revision": m.Revision,
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), v)...)
	}
	resp.Diagnostics.Append(found.keep(ctx, resp.Private)...)
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

func (r *exportResource) adopt(ctx context.Context, id string) (m model, found record, err error) {
	if !r.data.CanAsk() {
		return m, found, errors.New("the provider's configuration is not known yet")
	}
	file, snapshot, err := splitID(id)
	if err != nil {
		return m, found, err
	}
	o, err := findOrigin(ctx, r.data, snapshot)
	if err != nil {
		return m, found, err
	}
	m.File, m.Snapshot = types.StringValue(file), types.StringValue(snapshot)
	if file, err = filepath.Abs(file); err != nil {
		return m, found, err
	}
	fi, err := lstat(file)
	if err != nil {
		return m, found, err
	}
	found = record{SizeBytes: fi.Size(), Modified: fi.ModTime()}
	if found.SHA256, err = hashFile(ctx, file); err != nil {
		return m, found, err
	}
	format, compression, err := r.compare(ctx, o, file, found)
	if err != nil {
		return m, found, err
	}
	if now, err := lstat(file); err != nil || !found.matches(now) {
		return m, found, errors.Join(err, errChanged)
	}
	if err := o.unchanged(ctx, r.data); err != nil {
		return m, found, err
	}
	m.Format, m.Compression = types.StringValue(format), types.StringValue(compression)
	m.setOrigin(o)
	m.setFile(found.SizeBytes, found.SHA256, fi.Mode().Perm())
	return m, found, nil
}

// compare reads file and snapshot, and tells in which format the file has the
// snapshot's content. No format is guessed from what a file looks like: it is
// raw if its bytes are those of the snapshot.
func (r *exportResource) compare(ctx context.Context, o origin, file string, found record) (format, compression string, err error) {
	size := int64(o.sizeBytes) //nolint:gosec // signed in librbd
	if found.SizeBytes == size {
		extents, err := r.data.Ceph.Extents(ctx, o.spec, false)
		if err != nil {
			return "", "", err
		}
		sha, err := writeRaw(ctx, r.data, o.spec, size, extents, nil)
		if err != nil {
			return "", "", err
		}
		if sha == found.SHA256 {
			return formatRaw, compressionNone, nil
		}
	}
	src, err := qcow2Source(file)
	if err == nil {
		err = src.CheckHead()
	}
	if errors.Is(err, qemuimg.ErrFormat) {
		err = fmt.Errorf("%w: it is not raw, as its size or hash is another, and no qcow2", errOther)
	}
	if err != nil {
		return "", "", err
	}
	info, compressed, err := readQcow2(ctx, file)
	if err != nil {
		return "", "", err
	}
	if info.VirtualSizeBytes != o.sizeBytes {
		return "", "", fmt.Errorf("%w: its virtual size is %d bytes, that of %s %d", errOther, info.VirtualSizeBytes, o.spec, o.sizeBytes)
	}
	if err := r.compareQcow2(ctx, o, src); err != nil {
		return "", "", err
	}
	if !compressed {
		return formatQcow2, compressionNone, nil
	}
	return formatQcow2, info.Compression, nil
}

func (r *exportResource) compareQcow2(ctx context.Context, o origin, src qemuimg.Source) (err error) {
	if o.sizeBytes == 0 {
		return nil
	}
	rd, err := newReader(ctx, r.data, o.spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rd.close()) }()
	src.Env = rd.env
	err = qemuimg.Compare(ctx, src, rd.RBD)
	if errors.Is(err, qemuimg.ErrDiffer) {
		err = fmt.Errorf("%w: %w", errOther, err)
	}
	return err
}
