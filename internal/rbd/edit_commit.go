// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// writeGrace is how long a write of content may go on after its context ended:
// it is taken back anyway.
const writeGrace = 5 * time.Second

// BeginCommit makes sure that nobody has written to the image since Protect, and
// that nobody can from here on until the end of the edit, where the image has
// the feature exclusive-lock: who tries gets EROFS. Only then may the content
// change, through Content, and End puts it back unless Accept comes first.
//
// Errors: InUseError, ErrWrittenMeanwhile, ErrLockLost.
func (e *Edit) BeginCommit(ctx context.Context) error {
	if err := e.lock.Held(); err != nil {
		return err
	}
	err := e.CheckAlone(ctx)
	if err == nil {
		err = e.step(ctx, func() error {
			features, err := e.h.img.GetFeatures()
			if err != nil || features&librbd.FeatureExclusiveLock == 0 {
				return err
			}
			// Without another watcher there is no live writer to take it from.
			return translate("lock", e.h.spec, ErrImageNotFound, e.h.img.LockAcquire(librbd.LockModeExclusive))
		})
	}
	written, changed := false, error(nil)
	if err == nil || errors.Is(err, ErrInUse) {
		changed = e.step(ctx, func() (err error) {
			s, err := findSnapshot(e.h.img, e.Protected())
			if err == nil {
				written, err = e.h.differs(ctx, s, 0)
			}
			return err
		})
	}
	if err == nil {
		err = e.CheckAlone(ctx) // who came before we had the lock
	}
	switch {
	case written && err != nil:
		return fmt.Errorf("image %s: %w: %w", e.h.spec, ErrWrittenMeanwhile, err)
	case written:
		return fmt.Errorf("image %s is not what it was when the edit began: %w", e.h.spec, ErrWrittenMeanwhile)
	case err != nil || changed != nil:
		return errors.Join(err, changed)
	}
	return e.step(ctx, func() error {
		e.committing = true
		if err := ownership.Set(e.h.img, ownership.SnapshotKey(UndoSnapshot), ownership.Undo); err != nil {
			return err
		}
		return e.noteBegin()
	})
}

// Content reads and writes the content of an image, between BeginCommit and
// Accept. It may be used by several goroutines.
type Content struct {
	e *Edit
	//nolint:containedctx // it lives for one commit
	ctx context.Context
	err atomic.Pointer[error]
}

// Err is the first error of a read or write: a server that stands between tells
// its client no more than that there was one.
func (c *Content) Err() error {
	if err := c.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (c *Content) failed(err error) error {
	c.err.CompareAndSwap(nil, &err)
	return err
}

// Content is the image's. What is used of it fails once ctx has ended.
func (e *Edit) Content(ctx context.Context) *Content { return &Content{e: e, ctx: ctx} }

// Size is the size in bytes.
func (c *Content) Size() (int64, error) {
	var size uint64
	err := c.e.step(c.ctx, func() (err error) {
		size, err = c.e.h.img.GetSize()
		return err
	})
	return int64(size), err
}

// ReadAt implements io.ReaderAt.
func (c *Content) ReadAt(b []byte, at int64) (n int, err error) {
	err = c.e.stepFor(c.ctx, writeGrace, func() error {
		n, err = c.e.h.img.ReadAt(b, at)
		return err
	})
	if err != nil {
		return 0, c.failed(fmt.Errorf("read %s at %d: %w", c.e.h.spec, at, err))
	}
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}

// WriteAt implements io.WriterAt. Zeros leave alone what is zero already.
func (c *Content) WriteAt(b []byte, at int64) (n int, err error) {
	err = c.e.stepFor(c.ctx, writeGrace, func() error {
		if blocks.AllZero(b) {
			old := make([]byte, len(b))
			if n, err = c.e.h.img.ReadAt(old, at); err == nil && n == len(b) && blocks.AllZero(old) {
				return nil
			}
		}
		n, err = c.e.h.img.WriteAt(b, at)
		return err
	})
	if err != nil {
		return 0, c.failed(fmt.Errorf("write %s at %d: %w", c.e.h.spec, at, err))
	}
	return n, nil
}

// Flush makes sure that all that was written is in the cluster.
func (c *Content) Flush() error {
	return c.e.step(c.ctx, func() error {
		return translate("flush", c.e.h.spec, ErrImageNotFound, c.e.h.img.Flush())
	})
}
