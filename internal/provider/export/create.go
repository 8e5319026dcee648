package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// errSectors is a rule of qcow2 as qemu knows it.
var errSectors = errors.New("a qcow2 file consists of sectors of 512 bytes")

// origin is a snapshot as it was found.
type origin struct {
	spec       rbd.Spec
	imageID    string
	snapshotID uint64
	sizeBytes  uint64
}

func findOrigin(ctx context.Context, d *providerdata.Data, snapshot string) (origin, error) {
	spec, err := rbd.ParseSpec(snapshot)
	if err != nil {
		return origin{}, err
	}
	img, err := d.Ceph.Image(ctx, spec)
	if err != nil {
		return origin{}, err
	}
	s, err := img.Snapshot(spec.Snapshot)
	return origin{spec, img.ID, s.ID, s.SizeBytes}, err
}

// checkFormat refuses what the format can't hold.
func (o origin) checkFormat(format string) error {
	if format == formatQcow2 && o.sizeBytes%qemuimg.SectorBytes != 0 {
		return fmt.Errorf("%w: %s has %d bytes", errSectors, o.spec, o.sizeBytes)
	}
	return nil
}

// unchanged makes sure that the name still is that of the snapshot that was
// meant: it was opened by that.
func (o origin) unchanged(ctx context.Context, d *providerdata.Data) error {
	now, err := findOrigin(ctx, d, o.spec.String())
	if err == nil && now != o {
		err = fmt.Errorf("%w: %s has id %d of image %s, expected id %d of image %s",
			rbd.ErrOtherSnapshot, o.spec, now.snapshotID, now.imageID, o.snapshotID, o.imageID)
	}
	return err
}

// job is an export to be made.
type job struct {
	origin
	file, format string
	compression  string // empty for none
	mode         fs.FileMode
}

// write makes the file under its temporary name, checks it and publishes it.
func (j job) write(ctx context.Context, d *providerdata.Data) (_ record, err error) {
	if err := j.checkFormat(j.format); err != nil {
		return record{}, err
	}
	p, err := newPending(j.file)
	if err != nil {
		return record{}, err
	}
	defer func() { err = errors.Join(err, p.discard(ctx)) }()
	extents, err := j.extents(ctx, d)
	if err != nil {
		return record{}, err
	}
	out := record{}
	if j.format == formatRaw {
		out.SHA256, err = writeRaw(ctx, d, j.spec, int64(j.sizeBytes), extents, p.file) //nolint:gosec // signed in librbd
	} else {
		out.SHA256, err = writeQcow2(ctx, d, j.spec, j.sizeBytes, p.content, j.compression)
	}
	if err != nil {
		return record{}, err
	}
	if err := j.unchanged(ctx, d); err != nil {
		return record{}, err
	}
	fi, err := p.publish(j.mode)
	if err != nil {
		return record{}, err
	}
	out.SizeBytes, out.Modified = fi.Size(), fi.ModTime()
	return out, nil
}

// extents are the data of the snapshot, for which there must be space. What a
// compressed file will need can't be told.
func (j job) extents(ctx context.Context, d *providerdata.Data) ([]rbd.Extent, error) {
	extents, err := d.Ceph.Extents(ctx, j.spec, false)
	if err != nil || j.compression != "" {
		return extents, err
	}
	dir := filepath.Dir(j.file)
	if checkSpace(dir, length(extents)) == nil {
		return extents, nil
	}
	// An object need not be full: look closer before it is refused.
	if extents, err = d.Ceph.Extents(ctx, j.spec, true); err != nil {
		return nil, err
	}
	return extents, checkSpace(dir, length(extents))
}

func length(extents []rbd.Extent) int64 {
	var n int64
	for _, e := range extents {
		n += e.Length
	}
	return n
}
