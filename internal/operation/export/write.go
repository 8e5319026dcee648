// SPDX-License-Identifier: MPL-2.0

package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// zeroRun is what is left out of a raw file where it is all zero. It is the
// cluster of a qcow2.
const zeroRun = 64 << 10

var zeros = make([]byte, zeroRun)

// rawWriter writes and hashes the content of an image, which comes in order,
// with holes for what is zero.
type rawWriter struct {
	file *os.File // nil where only the hash is wanted
	hash hash.Hash
	at   int64
}

func (w *rawWriter) write(at int64, b []byte) error {
	w.skip(at)
	_, _ = w.hash.Write(b)
	w.at += int64(len(b))
	if w.file == nil {
		return nil
	}
	for from := 0; from < len(b); {
		to := from
		for to < len(b) && !blocks.AllZero(b[to:min(to+zeroRun, len(b))]) {
			to = min(to+zeroRun, len(b))
		}
		if to > from {
			if _, err := w.file.WriteAt(b[from:to], at+int64(from)); err != nil {
				return err
			}
		}
		from = min(to+zeroRun, len(b))
	}
	return nil
}

// skip hashes zeros up to this offset.
func (w *rawWriter) skip(to int64) {
	for w.at < to {
		n := min(to-w.at, zeroRun)
		_, _ = w.hash.Write(zeros[:n])
		w.at += n
	}
}

// writeRaw reads the snapshot through librbd, which leaves no watch and is
// content with rights to read, and is as fast as qemu-img. It returns the hash
// of the file, which without one is only computed.
func writeRaw(ctx context.Context, d Deps, spec rbd.Spec, size int64, extents []rbd.Extent, file *os.File) (string, error) {
	w := &rawWriter{file: file, hash: sha256.New()}
	log := progress.Start(ctx, d.Log, "export", spec.String())
	defer log.Stop()
	err := d.Ceph.ReadExtents(ctx, spec, extents, func(at int64, b []byte) error {
		log.Set(uint64(at)+uint64(len(b)), uint64(size)) //nolint:gosec // never negative
		return w.write(at, b)
	})
	if err != nil {
		return "", err
	}
	w.skip(size)
	log.Set(uint64(size), uint64(size)) //nolint:gosec // never negative
	if file != nil {
		if err := file.Truncate(size); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(w.hash.Sum(nil)), nil
}

// reader is what qemu-img needs to read a snapshot.
type reader struct {
	qemu.RBD
	env []string
	dir *workdir.Dir
}

func newReader(ctx context.Context, d Deps, spec rbd.Spec) (*reader, error) {
	dir, err := workdir.New("export")
	if err != nil {
		return nil, err
	}
	tool, err := d.Ceph.WriteToolConf(ctx, dir.Path(), nil)
	if err != nil {
		return nil, errors.Join(err, dir.Remove())
	}
	return &reader{dir: dir, env: tool.Env, RBD: qemu.RBD{
		Pool: spec.Pool, Namespace: spec.Namespace, Image: spec.Image, Snapshot: spec.Snapshot,
		ConfFile: tool.ConfFile, User: tool.User,
	}}, nil
}

func (r *reader) close() error { return r.dir.Remove() }

// writeQcow2 has qemu-img write the file, checks it and hashes it.
func writeQcow2(ctx context.Context, d Deps, spec rbd.Spec, size uint64, path, compression string) (_ string, err error) {
	lock, err := d.Ceph.ShareImage(ctx, spec, "export")
	if err != nil {
		return "", err
	}
	defer lock.Release()
	r, err := newReader(ctx, d, spec)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	log := progress.Start(ctx, d.Log, "export", spec.String())
	defer log.Stop()
	if compression == CompressionNone {
		compression = ""
	}
	to := qemu.Qcow2File{Path: path, SizeBytes: size, Compression: compression}
	err = qemu.Export(ctx, r.RBD, to, r.env, func(percent float64) {
		log.Set(uint64(percent/100*float64(size)), size)
	})
	if err != nil {
		return "", err
	}
	info, _, err := readQcow2(ctx, path)
	if err == nil && info.VirtualSizeBytes != size {
		err = fmt.Errorf("%w: its virtual size is %d bytes, not %d", qemu.ErrDamaged, info.VirtualSizeBytes, size)
	}
	if err != nil {
		return "", err
	}
	return hashFile(ctx, path)
}

// readQcow2 refuses a file that is not in order, or refers to others.
func readQcow2(ctx context.Context, path string) (info qemu.Info, compressed bool, err error) {
	src, err := qcow2Source(path)
	if err != nil {
		return info, false, err
	}
	if info, err = qemu.ReadInfo(ctx, src); err != nil {
		return info, false, err
	}
	compressed, err = qemu.CheckQcow2(ctx, src)
	return info, compressed, err
}

func qcow2Source(path string) (qemu.Source, error) {
	src := qemu.Source{File: path, Format: FormatQcow2}
	f, err := os.Open(path)
	if err != nil {
		return src, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	info, err := f.Stat()
	if err == nil {
		err = src.Inspect(f, info.Size())
	}
	return src, err
}
