package rbd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"
)

// handle is an image that stays open, with the connection it is open on.
type handle struct {
	spec    Spec
	img     *librbd.Image
	ioctx   *rados.IOContext
	cn      *connection
	release func()
}

// openHandle opens an image, or its snapshot, for longer than one call.
func (c *Cluster) openHandle(ctx context.Context, spec Spec, mode openMode) (*handle, error) {
	cn, release, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	type result struct {
		h   *handle
		err error
	}
	done := make(chan result, 1)
	go func() {
		h, err := cn.open(spec, mode)
		if err != nil {
			release()
		} else {
			h.release = release
		}
		done <- result{h, err}
	}()
	select {
	case r := <-done:
		return r.h, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.h != nil {
				_ = r.h.close()
			}
		}()
		return nil, fmt.Errorf("open %s: the cluster did not answer in time: %w", spec, ctx.Err())
	}
}

func (cn *connection) open(spec Spec, mode openMode) (*handle, error) {
	ioctx, err := cn.openPool(spec.Pool, spec.Namespace)
	if err != nil {
		return nil, err
	}
	open := librbd.OpenImageReadOnly
	if mode == readWrite {
		open = librbd.OpenImage
	}
	img, err := open(ioctx, spec.Image, librbd.NoSnapshot)
	if err != nil {
		err = openError(ioctx, spec, err)
		ioctx.Destroy()
		return nil, err
	}
	h := &handle{spec: spec, img: img, ioctx: ioctx, cn: cn, release: func() {}}
	if spec.Snapshot != "" {
		if err := img.SetSnapshot(spec.Snapshot); err != nil {
			return nil, errors.Join(translate("open", spec, ErrSnapshotNotFound, err), h.close())
		}
	}
	return h, nil
}

func (h *handle) close() error {
	err := h.img.Close()
	h.ioctx.Destroy()
	h.release()
	if err != nil {
		return fmt.Errorf("close %s: %w", h.spec, err)
	}
	return nil
}

// Reader reads the content of an image or snapshot, without a watch. It may be
// used by several goroutines.
type Reader struct {
	h    *handle
	ctx  context.Context
	size int64
}

// OpenReader opens an image or snapshot for reading until Close. Reads fail
// once ctx has ended.
func (c *Cluster) OpenReader(ctx context.Context, spec Spec) (*Reader, error) {
	h, err := c.openHandle(ctx, spec, readOnly)
	if err != nil {
		return nil, err
	}
	size, err := h.img.GetSize()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the size of %s: %w", spec, err), h.close())
	}
	return &Reader{h: h, ctx: ctx, size: int64(size)}, nil //nolint:gosec // signed in librbd
}

// Size is the size in bytes.
func (r *Reader) Size() int64 { return r.size }

// CheckUnused returns an InUseError where anybody else has the image open for
// writing, or held a lock on it when it was opened.
func (r *Reader) CheckUnused() error { return checkUnused(r.h.img, r.h.spec) }

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(b []byte, at int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if at >= r.size {
		return 0, io.EOF
	}
	short := int64(len(b)) > r.size-at
	if short {
		b = b[:r.size-at]
	}
	n, err := r.h.img.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read %s at %d: %w", r.h.spec, at, err)
	}
	if short || n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Close closes the image.
func (r *Reader) Close() error { return r.h.close() }
