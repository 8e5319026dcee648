// SPDX-License-Identifier: MPL-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// ErrOtherContent says that a file can't be taken over.
var ErrOtherContent = errors.New("the file does not have the content of the snapshot")

// Adopted is a file that was taken over, and what it is.
type Adopted struct {
	Result
	Format, Compression string
	Mode                fs.FileMode
}

// Adopt reads all of a file, whose path is absolute, and makes sure that it is an
// export of the snapshot. Nothing is written.
//
// Errors: those of FindSnapshot; ErrOtherContent, ErrChanged, ErrNotRegular;
// qemu.ErrDamaged.
func Adopt(ctx context.Context, d Deps, file, snapshot string) (a Adopted, err error) {
	if a.Snapshot, err = FindSnapshot(ctx, d.Ceph, snapshot); err != nil {
		return a, err
	}
	fi, err := lstat(file)
	if err != nil {
		return a, err
	}
	a.Mode, a.Record = fi.Mode().Perm(), Record{SizeBytes: fi.Size(), Modified: fi.ModTime()}
	if a.Record.SHA256, err = hashFile(ctx, file); err != nil {
		return a, err
	}
	if a.Format, a.Compression, err = a.Snapshot.compare(ctx, d, file, a.Record); err != nil {
		return a, err
	}
	if now, err := lstat(file); err != nil || !a.Record.matches(now) {
		return a, errors.Join(err, ErrChanged)
	}
	a.Revision = a.Snapshot.Revision(a.Format, a.Compression)
	return a, a.Snapshot.unchanged(ctx, d.Ceph)
}

// compare reads file and snapshot, and tells in which format the file has the
// snapshot's content. No format is guessed from what a file looks like: it is
// raw if its bytes are those of the snapshot.
func (s Snapshot) compare(ctx context.Context, d Deps, file string, found Record) (format, compression string, err error) {
	size := int64(s.SizeBytes) //nolint:gosec // signed in librbd
	if found.SizeBytes == size {
		extents, err := d.Ceph.Extents(ctx, s.Spec, false)
		if err != nil {
			return "", "", err
		}
		sha, err := writeRaw(ctx, d, s.Spec, size, extents, nil)
		if err != nil {
			return "", "", err
		}
		if sha == found.SHA256 {
			return FormatRaw, CompressionNone, nil
		}
	}
	src, err := qcow2Source(file)
	if err == nil {
		err = src.Check()
	}
	if errors.Is(err, qemu.ErrFormat) {
		err = fmt.Errorf("%w: it is not raw, as its size or hash is another, and no qcow2", ErrOtherContent)
	}
	if err != nil {
		return "", "", err
	}
	info, compressed, err := readQcow2(ctx, file)
	if err != nil {
		return "", "", err
	}
	if info.VirtualSizeBytes != s.SizeBytes {
		return "", "", fmt.Errorf("%w: its virtual size is %d bytes, that of %s %d", ErrOtherContent, info.VirtualSizeBytes, s.Spec, s.SizeBytes)
	}
	if err := s.compareQcow2(ctx, d, src); err != nil {
		return "", "", err
	}
	if !compressed {
		return FormatQcow2, CompressionNone, nil
	}
	return FormatQcow2, info.Compression, nil
}

func (s Snapshot) compareQcow2(ctx context.Context, d Deps, src qemu.Source) (err error) {
	if s.SizeBytes == 0 {
		return nil
	}
	rd, err := newReader(ctx, d, s.Spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rd.close()) }()
	src.Env = rd.env
	err = qemu.Compare(ctx, src, rd.RBD)
	if errors.Is(err, qemu.ErrDiffer) {
		err = fmt.Errorf("%w: %w", ErrOtherContent, err)
	}
	return err
}
