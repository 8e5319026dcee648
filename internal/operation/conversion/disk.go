// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// disk is what qemu-img can read: a source of any kind but a stream.
type disk struct {
	qemu.Source
	// sizeBytes is that of the source itself, not of the disk in it.
	sizeBytes uint64
	// reader reads it without qemu-img.
	reader func() (readAtCloser, error)
	// same fails where it is not what it was.
	same func() error
	// snapshot is the internal snapshot that is meant, empty for the disk of today.
	snapshot string
	// backing are its backing files, nearest first.
	backing []*disk
}

type readAtCloser interface {
	io.ReaderAt
	io.Closer
}

// keptOpen is closed elsewhere.
type keptOpen struct{ io.ReaderAt }

func (keptOpen) Close() error { return nil }

// files are the disk and its backing files.
func (d *disk) files() []*disk { return append([]*disk{d}, d.backing...) }

// inspect checks the header, and asks qemu-img what it makes of it.
func (d *disk) inspect(ctx context.Context) (Inspection, error) {
	if err := d.Check(); err != nil {
		return Inspection{}, err
	}
	if d.Format != formatRaw { // in which qemu-img has nothing to find
		if _, err := qemu.ReadInfo(ctx, d.Source); err != nil {
			return Inspection{}, err
		}
	}
	return d.inspection()
}

func (d *disk) unchanged() error {
	for _, f := range d.files() {
		if err := f.same(); err != nil {
			return err
		}
	}
	return nil
}

// checkTruncation makes sure that the source, without its backing files, was not
// cut off.
func (d *disk) checkTruncation(ctx context.Context, info qemu.Info) error {
	r, err := d.reader()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // opened for reading
	return qemu.CheckTruncation(ctx, d.Source, r, d.sizeBytes, info.ClusterBytes)
}

// rawSize is a size in whole sectors.
func rawSize(bytes uint64) uint64 { return qemu.RawSize(int64(bytes)) } //nolint:gosec // qemu's disks are smaller
