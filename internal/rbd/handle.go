// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// errLost says that an earlier call on an open image was given up.
var errLost = errors.New("a call before did not end, and the open image is not used any more")

// handleGrace bounds a call on an open image for which nobody waits any more, as
// long as the cluster answers: putting much content back takes its time.
const handleGrace = 10 * time.Minute

// handle is an image that stays open, with the connection it is open on.
type handle struct {
	spec    Spec
	what    string // it is, where there are several; may be empty
	mode    openMode
	img     *librbd.Image
	ioctx   *rados.IOContext
	cn      *connection
	release func()

	// c and ctx are for call; without them a call has no limit of its own.
	c *Cluster
	//nolint:containedctx // it is that of whoever has the image open
	ctx context.Context
	// calls are under way. The image is closed when there are none.
	calls sync.WaitGroup
	lost  atomic.Bool
}

// openHandle opens an image, or its snapshot, for longer than one call.
func (c *Cluster) openHandle(ctx context.Context, spec Spec, mode openMode) (*handle, error) {
	cn, release, err := c.connect(ctx, mode == readWrite || isPatient(ctx))
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		release()
		return nil, fmt.Errorf("not begun: %w", err)
	}
	done := make(chan error, 1)
	var h *handle
	go func() {
		var err error
		h, err = cn.open(spec, mode)
		if err != nil {
			release()
		} else {
			h.release, h.c, h.ctx = release, c, ctx
		}
		done <- err
	}()
	answered, err := await(ctx, done, 0, part{c: c, pool: spec.Pool})
	if !answered {
		cn.abandon(err)
		go func() {
			if <-done == nil {
				_ = h.shut()
			}
		}()
		return nil, fmt.Errorf("open %s: %w", spec, err)
	}
	if err != nil {
		return nil, c.explain(cn, err)
	}
	return h, nil
}

// call runs fn, which calls librbd, aside: after the end of the context that the
// image was opened with it is given up as soon as the cluster does not answer.
// The image is not used any more then, and closed when fn has returned.
func (h *handle) call(fn func(*librbd.Image) error) error {
	if h.lost.Load() {
		return fmt.Errorf("%s: %w", h.spec, errLost)
	}
	if h.c == nil {
		return fn(h.img)
	}
	return h.begin(h.ctx, handleGrace, func() error { return fn(h.img) })
}

// begin is call with a context and a grace of its own. Where the cluster answers,
// and only slowly, the image may be used again.
func (h *handle) begin(ctx context.Context, grace time.Duration, fn func() error) error {
	return beginOn(ctx, grace, fn, h)
}

// beginOn is begin for what uses several open images, maybe of several clusters.
func beginOn(ctx context.Context, grace time.Duration, fn func() error, on ...*handle) error {
	var parts []part
	for _, h := range on {
		if h.lost.Load() {
			return fmt.Errorf("%s: %w", h.spec, errLost)
		}
		parts = append(parts, h.part())
	}
	for _, h := range on {
		h.calls.Add(1)
	}
	done := make(chan error, 1)
	go func() {
		err := fn()
		for _, h := range on {
			h.calls.Done()
		}
		done <- err
	}()
	answered, err := await(ctx, done, grace, parts...)
	if answered {
		for _, h := range on {
			err = h.c.explain(h.cn, err)
		}
		return err
	}
	for _, h := range on {
		h.cn.abandon(err)
		if errors.Is(err, ErrOSDSilent) || errors.Is(err, ErrUnreachable) {
			h.lost.Store(true)
		}
	}
	return fmt.Errorf("%s: %w", on[0].spec, err)
}

// part is what the image is on.
func (h *handle) part() part { return part{c: h.c, pool: h.spec.Pool, what: h.what} }

func (cn *connection) open(spec Spec, mode openMode) (*handle, error) {
	ioctx, err := cn.openPool(spec.Pool, spec.Namespace)
	if err != nil {
		return nil, err
	}
	img, err := place{spec: spec}.open(ioctx, mode)
	if err != nil {
		ioctx.Destroy()
		return nil, err
	}
	return &handle{spec: spec, mode: mode, img: img, ioctx: ioctx, cn: cn, release: func() {}}, nil
}

// close closes the image, or leaves that to the calls that were given up.
func (h *handle) close() error { return h.closeFor(h.ctx, handleGrace) }

func (h *handle) closeFor(ctx context.Context, grace time.Duration) error {
	if h.c == nil {
		return h.shut()
	}
	if h.lost.Load() {
		go func() {
			h.calls.Wait()
			_ = h.shut()
		}()
		return nil // the call has said what is to be said
	}
	done := make(chan error, 1)
	go func() {
		h.calls.Wait()
		done <- h.shut()
	}()
	answered, err := await(ctx, done, grace, h.part())
	if !answered {
		h.lost.Store(true)
		return fmt.Errorf("close %s: %w", h.spec, err)
	}
	return err
}

func (h *handle) shut() error {
	err := closeImage(h.img, h.spec, h.mode)
	h.ioctx.Destroy()
	h.release()
	return err
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
	var size uint64
	err = h.call(func(img *librbd.Image) (err error) {
		size, err = img.GetSize()
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the size of %s: %w", spec, err), h.close())
	}
	return &Reader{h: h, ctx: ctx, size: int64(size)}, nil
}

// String is what is read.
func (r *Reader) String() string { return r.h.spec.String() }

// Size is the size in bytes.
func (r *Reader) Size() int64 { return r.size }

// CheckUnused returns an InUseError where anybody else has the image open for
// writing, or held a lock on it when it was opened.
func (r *Reader) CheckUnused() error {
	return r.h.call(func(img *librbd.Image) error { return checkUnused(img, r.h.spec) })
}

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
	n, err := r.h.readAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read %s at %d: %w", r.h.spec, at, err)
	}
	if short || n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// readAt reads into memory of its own where it may be given up, since librbd
// would write to the caller's later.
func (h *handle) readAt(b []byte, at int64) (n int, err error) {
	if !h.cn.patient { // librados gives up by itself
		n, err = h.img.ReadAt(b, at)
		return n, h.c.explain(h.cn, err)
	}
	own := make([]byte, len(b))
	err = h.call(func(img *librbd.Image) (err error) {
		n, err = img.ReadAt(own, at)
		return err
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return copy(b, own[:n]), err
}

// Close closes the image.
func (r *Reader) Close() error { return r.h.close() }
