// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/history"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// takeBackLimit bounds what ends an Edit, once more after its context has ended.
// What is not done by then is left to the next Edit of the image.
const takeBackLimit = 2 * time.Minute

// ErrWrittenMeanwhile says that somebody wrote to an image while an edit of it
// was being prepared.
var ErrWrittenMeanwhile = errors.New("somebody wrote to the image meanwhile")

// Edit is the right to change the content of an image. It keeps a watch on the
// image, so that everybody else who looks sees that it is in use, and has it
// reserved among the operations of this provider.
type Edit struct {
	h    *handle
	id   string
	lock *ImageLock

	turn       sync.Mutex // of a call, as one that was given up may still be on its way
	protected  bool       // there is an undo snapshot
	was        string     // the time of modification when the edit began
	committing bool       // the content may have been changed
}

// EditInterrupted tells whether an Edit of the image was cut off, or is under
// way elsewhere. The watch of one that was cut off goes away by itself.
func (i Image) EditInterrupted() bool {
	return i.labels().Editing() || i.ContentInDoubt()
}

// ContentInDoubt tells whether an Edit was cut off while the content changed.
// BeginEdit puts the old content back.
func (i Image) ContentInDoubt() bool {
	return i.labels().Undo(UndoSnapshot) == ownership.Undo
}

// undoIsOurs tells whether the undo snapshot is that of an edit.
func (i Image) undoIsOurs() bool {
	return i.labels().Undo(UndoSnapshot) != ""
}

// BeginEdit begins an edit of the image with this id. It waits for other
// operations of this provider that use the image, and refuses an image that
// anything else has open or locked; after an edit that was cut off it waits for
// the watch of the killed client to run out, and puts the old content back.
//
// Errors: InUseError, ErrBusy, ErrRollbackCutOff, ErrOtherImage, ErrImageNotFound,
// ErrPermission.
func (c *Cluster) BeginEdit(ctx context.Context, spec Spec, id string) (*Edit, error) {
	e, err := c.beginEdit(ctx, spec.ImageSpec(), id, "edit")
	if err != nil {
		return nil, err
	}
	if err := e.step(ctx, func() error { return checkSettled(e.h.img, e.h.spec) }); err != nil {
		return nil, errors.Join(err, e.End())
	}
	return e, nil
}

// beginEdit is BeginEdit also of an image of which a rollback was cut off.
func (c *Cluster) beginEdit(ctx context.Context, spec Spec, id, what string) (_ *Edit, err error) {
	lock, err := c.ReserveImage(ctx, spec, what)
	if err != nil {
		return nil, err
	}
	e := &Edit{id: id, lock: lock}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	img, err := c.Image(ctx, spec)
	if err != nil {
		return nil, err
	}
	lock.patient = lock.patient || img.EditInterrupted()
	if err := lock.checkUnused(ctx, id); err != nil {
		return nil, err
	}
	if e.h, err = c.openHandle(ctx, spec, readWrite); err != nil {
		return nil, err
	}
	return e, e.begin(ctx)
}

func (e *Edit) begin(ctx context.Context) error {
	err := e.step(ctx, func() error {
		if err := checkID(e.h.img, e.h.spec, e.id); err != nil {
			return err
		}
		return checkPrimary(e.h.img, e.h.spec)
	})
	if err != nil {
		return err
	}
	// Now that our watch is on it: of two that come at the same time at least
	// one sees the other.
	if err := e.CheckAlone(ctx); err != nil {
		return err
	}
	return e.step(ctx, func() error {
		if err := ownership.Set(e.h.img, ownership.EditingKey, ownership.Pending); err != nil {
			return err
		}
		modified, err := e.h.img.GetModifyTimestamp()
		if err != nil {
			return fmt.Errorf("read the time of modification of %s: %w", e.h.spec, err)
		}
		e.was = history.Time(utc(modified))
		return e.recover()
	})
}

// step runs what calls librbd, which can't be interrupted. Once begun it gets
// the time to end when ctx has ended, as long as the cluster answers.
func (e *Edit) step(ctx context.Context, fn func() error) error {
	return e.stepFor(ctx, changeGrace, fn)
}

func (e *Edit) stepFor(ctx context.Context, grace time.Duration, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not begun: %w", context.Cause(ctx))
	}
	return e.h.begin(ctx, grace, func() error {
		e.turn.Lock()
		defer e.turn.Unlock()
		return fn()
	})
}

// recover puts the content from before an interrupted edit back, where it may
// have been changed. An edit that was cut off before or after that leaves its
// snapshot alone; what somebody wrote since then stays.
func (e *Edit) recover() error {
	spec := e.h.spec.WithSnapshot(UndoSnapshot)
	if err := e.h.cn.dropHalfRemoved(e.h.img, e.h.spec); err != nil {
		return err
	}
	label, err := e.undoLabel()
	if err != nil || label == "" {
		return err
	}
	switch _, err := findSnapshot(e.h.img, spec); {
	case errors.Is(err, ErrSnapshotNotFound):
		return ownership.Remove(e.h.img, ownership.SnapshotKey(UndoSnapshot))
	case err != nil:
		return err
	}
	if label == ownership.Undo {
		return e.rollback()
	}
	return removeSnapshot(e.h.img, spec)
}

// undoLabel is the word on the undo snapshot, empty where it is not ours.
func (e *Edit) undoLabel() (string, error) { return undoLabel(e.h.img) }

func undoLabel(img *librbd.Image) (string, error) {
	for _, word := range []string{ownership.Undo, ownership.Pending} {
		if is, err := ownership.Has(img, ownership.SnapshotKey(UndoSnapshot), word); err != nil || is {
			return word, err
		}
	}
	return "", nil
}

// CheckAlone returns an InUseError where somebody else has the image open or
// locked by now, for longer than an operation of ours that only sets a label.
func (e *Edit) CheckAlone(ctx context.Context) error {
	limit := time.Now().Add(briefUse)
	for {
		err := e.step(ctx, e.checkAlone)
		var used *InUseError
		if !errors.As(err, &used) || len(used.Lockers) > 0 || time.Now().After(limit) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(usePoll):
		}
	}
}

func (e *Edit) checkAlone() error { return e.h.cn.checkAlone(e.h.img, e.h.spec) }

// checkAlone is checkUnused by anybody but this process.
func (cn *connection) checkAlone(img *librbd.Image, spec Spec) error {
	err := checkUnused(img, spec)
	var used *InUseError
	if !errors.As(err, &used) {
		return err
	}
	own := int64(cn.conn.GetInstanceID()) //nolint:gosec // as the watchers have it
	var others []Watcher
	for _, w := range used.Watchers {
		if w.Client != own {
			others = append(others, w)
		}
	}
	used.Watchers = others
	if len(others)+len(used.Lockers) == 0 {
		return nil
	}
	return used
}

// Protect takes the undo snapshot. A change is prepared on that, BeginCommit
// makes sure that the image is still the same, and only then may the content
// change.
//
// Errors: InUseError, ErrExists.
func (e *Edit) Protect(ctx context.Context) error {
	if err := e.CheckAlone(ctx); err != nil {
		return err
	}
	spec := e.h.spec.WithSnapshot(UndoSnapshot)
	return e.step(ctx, func() error {
		if _, err := findSnapshot(e.h.img, spec); !errors.Is(err, ErrSnapshotNotFound) {
			if err == nil {
				err = fmt.Errorf("create %s: %w", spec, ErrExists)
			}
			return err
		}
		if err := ownership.Set(e.h.img, ownership.SnapshotKey(UndoSnapshot), ownership.Pending); err != nil {
			return err
		}
		if _, err := e.h.img.CreateSnapshot(UndoSnapshot); err != nil {
			err = translate("create", spec, ErrImageNotFound, err)
			return errors.Join(err, ownership.Remove(e.h.img, ownership.SnapshotKey(UndoSnapshot)))
		}
		e.protected = true
		return nil
	})
}

// Protected is the snapshot that Protect takes.
func (e *Edit) Protected() Spec { return e.h.spec.WithSnapshot(UndoSnapshot) }

// rollback puts the content back to what it was at Protect.
func (e *Edit) rollback() error {
	if err := e.h.img.GetSnapshot(UndoSnapshot).Rollback(); err != nil {
		return translate("roll back to", e.h.spec.WithSnapshot(UndoSnapshot), ErrSnapshotNotFound, err)
	}
	// As long as the label says that the content is to be put back.
	if err := e.takeBackHistory(); err != nil {
		return err
	}
	return e.accept()
}

// Accept keeps the content as it is now.
func (e *Edit) Accept(ctx context.Context) error {
	return e.step(ctx, e.accept)
}

func (e *Edit) accept() error {
	// From here on nothing is put back any more: somebody may write to the image
	// before a run comes that finds the snapshot.
	if err := ownership.Set(e.h.img, ownership.SnapshotKey(UndoSnapshot), ownership.Pending); err != nil {
		return err
	}
	e.committing = false
	err := removeSnapshot(e.h.img, e.h.spec.WithSnapshot(UndoSnapshot))
	e.protected = e.protected && err != nil
	return err
}

// End ends the edit. What was not accepted is put back; where that fails, the
// next edit of the image does it.
func (e *Edit) End() error {
	ctx, cancel := context.WithTimeout(e.h.ctx, takeBackLimit)
	defer cancel()
	err := e.h.begin(ctx, takeBackLimit, func() (err error) {
		e.turn.Lock()
		defer e.turn.Unlock()
		switch {
		case e.committing:
			err = e.rollback()
		case e.protected:
			err = removeSnapshot(e.h.img, e.h.spec.WithSnapshot(UndoSnapshot))
		}
		if err != nil {
			return err
		}
		return ownership.Remove(e.h.img, ownership.EditingKey)
	})
	return errors.Join(err, e.close())
}

// close gives the image free, which closes once the calls of librbd have ended.
func (e *Edit) close() error {
	if e.h == nil {
		e.lock.Release()
		return nil
	}
	closed := make(chan error, 1)
	go func() {
		e.h.calls.Wait()
		closed <- e.h.shut()
		e.lock.Release()
	}()
	if e.h.lost.Load() {
		return nil // the call that was given up has said what is to be said
	}
	ctx, cancel := context.WithTimeout(e.h.ctx, lockDuration)
	defer cancel()
	answered, err := await(ctx, closed, lockDuration, e.h.part())
	if !answered {
		return fmt.Errorf("close %s: %w", e.h.spec, err)
	}
	return err
}
