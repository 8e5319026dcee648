// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// Details are what a disk image says of itself.
type Details struct {
	qemu.Details
	// Content is what a raw source looks like, where that is no disk.
	Content imageformat.Content
	// SizeBytes is the length of the file, or the size of the image or snapshot, and
	// UsedBytes what it takes up.
	SizeBytes uint64
	UsedBytes int64
}

// ErrPacked is about a file that is not in one piece in its archive.
var ErrPacked = errors.New("it can't be read where it lies in the archive, which is compressed, a zip, or has it with holes")

// ReadDetails tells what is in a file or an image, whatever a conversion would
// refuse: `qemu-img info`. What it refers to is told, and not opened.
//
// Errors: those of imageformat, qemu and archive; ErrCompressed,
// ErrCompressedImage, ErrPacked, ErrNoArchive.
func ReadDetails(ctx context.Context, d Deps, ref Reference) (_ Details, err error) {
	w, err := newWorkspace(ctx, d.Ceph, nil)
	if err != nil {
		return Details{}, err
	}
	defer func() { err = errors.Join(err, w.remove()) }()
	s, err := open(ctx, w, ref, false)
	if err != nil {
		return Details{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var of *disk
	var used func() (int64, error)
	switch s := s.(type) {
	case *file:
		of, used = s.disk, func() (int64, error) { return diskUsage(s.File) }
	case *member:
		of, used = s.disk, func() (int64, error) { return s.Member.Bytes, nil }
	case *image:
		of, used = s.disk, func() (int64, error) { return s.usage(ctx, w) }
	default:
		if ref.ArchiveMember != "" {
			return Details{}, fmt.Errorf("%s: %w", ref.memberName(), ErrPacked)
		}
		return Details{}, fmt.Errorf("%s: %w", ref.File, ErrCompressed)
	}
	out := Details{Content: of.Content, SizeBytes: of.sizeBytes}
	if out.UsedBytes, err = used(); err != nil {
		return Details{}, err
	}
	if out.Details, err = qemu.ReadDetails(ctx, of.Source); err != nil {
		return Details{}, err
	}
	return out, s.unchanged()
}

// diskUsage is what `du` says of a file, in bytes.
func diskUsage(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return hostfile.Allocated(info), nil
}

// usage is what the objects of an image take up, in bytes, its parent's included.
func (i *image) usage(ctx context.Context, w *workspace) (int64, error) {
	extents, err := w.ceph.Extents(ctx, i.spec, false)
	var sum int64
	for _, e := range extents {
		sum += e.Length
	}
	return sum, err
}
