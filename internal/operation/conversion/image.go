// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ErrCompressedImage is about a source that would have to be decompressed in
// place.
var ErrCompressedImage = errors.New("a source in RBD can't be in a compressed compression")

// image is an image or snapshot of the cluster that holds the source.
type image struct {
	*disk
	spec rbd.Spec
	// held keeps it open: far from the cluster an opening costs more than all that
	// is asked of it.
	held *rbd.Reader
	lock *rbd.ImageLock
}

// openImage opens an image, which nobody may use, or a snapshot.
func openImage(ctx context.Context, w *workspace, ref Reference) (_ source, err error) {
	i := &image{}
	if i.spec, err = rbd.ParseSpec(ref.Image); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, i.close())
		}
	}()
	// qemu-img is seen as a use of the image; of a snapshot several may be.
	lock := w.ceph.ShareImage
	if i.spec.Snapshot == "" {
		lock = w.ceph.ReserveImage
	}
	if i.lock, err = lock(ctx, i.spec, "conversion"); err != nil {
		return nil, err
	}
	if i.held, err = w.ceph.OpenReader(ctx, i.spec); err != nil {
		return nil, err
	}
	same := func() error { return nil }
	if i.spec.Snapshot == "" {
		// Only a snapshot stays as it is while somebody writes, and an image that is
		// open sees no lock that came later.
		same = func() error { return i.lock.CheckUnused(ctx) }
	}
	if err := same(); err != nil {
		return nil, err
	}
	node := w.node(i.spec)
	i.disk = &disk{
		Source:    qemu.Source{RBD: &node, Format: ref.Format, AnyContent: ref.AllowAnyContent, Env: w.tool.Env},
		sizeBytes: uint64(i.held.Size()), //nolint:gosec // a size
		reader:    func() (readAtCloser, error) { return keptOpen{i.held}, nil },
		same:      same,
	}
	if i.Head, err = io.ReadAll(io.NewSectionReader(i.held, 0, qemu.HeadBytes)); err != nil {
		return nil, err
	}
	if compression := decompress.Detect(i.Head); compression != decompress.None {
		return nil, fmt.Errorf("%w: it is compressed with %s", ErrCompressedImage, compression)
	}
	return i, i.Inspect(i.held, i.held.Size())
}

func (i *image) write(ctx context.Context, j *job) (string, error) {
	if err := i.Check(); err != nil {
		return "", err
	}
	beside := j.verifyImage(i.spec)
	if i.spec.Snapshot == "" {
		// qemu-img's watch on it would look like somebody else's.
		if err := together(ctx, beside); err != nil {
			return "", err
		}
		beside = nil
	}
	if i.Format == formatRaw {
		return "", j.copyImage(ctx, i, beside...)
	}
	return "", j.convert(ctx, i.disk, beside...)
}

func (i *image) close() error {
	var err error
	if i.held != nil {
		err = i.held.Close()
	}
	if i.lock != nil {
		i.lock.Release()
	}
	return err
}
