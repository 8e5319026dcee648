package rbd

import (
	"context"
	"errors"

	librbd "github.com/ceph/go-ceph/rbd"
)

// UndoSnapshot is the snapshot that an image has while its content is being
// changed by an Edit.
const UndoSnapshot = "terraform-undo"

const (
	// editingMark is on an image from the beginning of an Edit to its end. Who
	// finds it with nobody at work finds an Edit that was cut off.
	editingMark = "editing"
	markUndo    = "undo"
)

// Edit is the right to change the content of an image, by this process or by a
// tool that it runs. It keeps a watch on the image, so that everybody else who
// looks sees that it is in use.
type Edit struct {
	h  *handle
	id string
}

// EditInterrupted tells whether an Edit of the image was cut off, or is under
// way elsewhere. The watch of one that was cut off goes away by itself.
func (i Image) EditInterrupted() bool {
	return i.Mark(editingMark) == markOf(markPending, i.ID) || i.ContentInDoubt()
}

// ContentInDoubt tells whether an Edit was cut off while the content changed.
// BeginEdit puts the old content back.
func (i Image) ContentInDoubt() bool {
	return i.Metadata[snapshotKey(UndoSnapshot)] == markOf(markUndo, i.ID)
}

// BeginEdit begins an edit of the image with this id. It refuses an image that
// anything else has open or locked; after an edit that was cut off it waits for
// the watch of the killed client to run out, and puts the old content back.
//
// Errors: InUseError, ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) BeginEdit(ctx context.Context, spec Spec, id string) (*Edit, error) {
	spec = spec.ImageSpec()
	img, err := c.Image(ctx, spec)
	if err != nil {
		return nil, err
	}
	check := c.CheckUnused
	if img.EditInterrupted() {
		check = c.WaitUnused
	}
	if err := check(ctx, spec, id); err != nil {
		return nil, err
	}
	h, err := c.openHandle(ctx, spec, readWrite)
	if err != nil {
		return nil, err
	}
	e := &Edit{h: h, id: id}
	if err := e.begin(); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return e, nil
}

func (e *Edit) begin() error {
	if err := checkID(e.h.img, e.h.spec, e.id); err != nil {
		return err
	}
	// Now that our watch is on it: of two that come at the same time at least
	// one sees the other.
	if err := e.CheckAlone(); err != nil {
		return err
	}
	if err := setMark(e.h.img, markPrefix+editingMark, markPending); err != nil {
		return err
	}
	return e.recover()
}

// recover puts the content from before an interrupted edit back.
func (e *Edit) recover() error {
	interrupted, err := hasMark(e.h.img, snapshotKey(UndoSnapshot), markUndo)
	if err != nil || !interrupted {
		return err
	}
	switch _, err := findSnapshot(e.h.img, e.h.spec.WithSnapshot(UndoSnapshot)); {
	case errors.Is(err, ErrSnapshotNotFound):
		return unmark(e.h.img, snapshotKey(UndoSnapshot))
	case err != nil:
		return err
	}
	return e.Rollback()
}

// CheckAlone returns an InUseError where somebody else has the image open or
// locked by now.
func (e *Edit) CheckAlone() error {
	err := checkUnused(e.h.img, e.h.spec)
	var used *InUseError
	if !errors.As(err, &used) {
		return err
	}
	own := int64(e.h.cn.conn.GetInstanceID()) //nolint:gosec // as the watchers have it
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

// Protect takes the snapshot to which Rollback goes back, and which whoever
// comes after a crash goes back to. From here on the content may change.
func (e *Edit) Protect() error {
	if err := e.CheckAlone(); err != nil {
		return err
	}
	if err := setMark(e.h.img, snapshotKey(UndoSnapshot), markUndo); err != nil {
		return err
	}
	if _, err := e.h.img.CreateSnapshot(UndoSnapshot); err != nil {
		err = translate("create", e.h.spec.WithSnapshot(UndoSnapshot), ErrImageNotFound, err)
		return errors.Join(err, unmark(e.h.img, snapshotKey(UndoSnapshot)))
	}
	return nil
}

// Rollback puts the content back to what it was at Protect.
func (e *Edit) Rollback() error {
	if err := e.h.img.GetSnapshot(UndoSnapshot).Rollback(); err != nil {
		return translate("roll back to", e.h.spec.WithSnapshot(UndoSnapshot), ErrSnapshotNotFound, err)
	}
	return e.Accept()
}

// Accept keeps the content as it is now.
func (e *Edit) Accept() error { return removeSnapshot(e.h.img, e.h.spec.WithSnapshot(UndoSnapshot)) }

// End ends the edit. The content must have been accepted or rolled back.
func (e *Edit) End() error {
	return errors.Join(unmark(e.h.img, markPrefix+editingMark), e.h.close())
}

// dropUndo removes the snapshot of an interrupted edit from an image that is to
// be removed anyway.
func dropUndo(img *librbd.Image, spec Spec) error {
	interrupted, err := hasMark(img, snapshotKey(UndoSnapshot), markUndo)
	if err != nil || !interrupted {
		return err
	}
	return tolerate(removeSnapshot(img, spec.WithSnapshot(UndoSnapshot)), ErrSnapshotNotFound)
}
