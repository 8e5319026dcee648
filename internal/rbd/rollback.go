// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// ErrRollbackCutOff says that some of an image's content is that of a snapshot,
// and some is not.
var ErrRollbackCutOff = errors.New("a rollback of the image was cut off")

// RollbackStep is what a rollback notes as an edit of the image.
const RollbackStep = "rollback"

// Rollback is what `rbd snap rollback` would do to an image.
type Rollback struct {
	Image    Image
	Snapshot Snapshot
	// Newer are the snapshots of users that were taken later. They stay.
	Newer []Snapshot
	// ChangedBytes is the length of the objects that differ. It is counted where
	// Counted is set: without fast-diff it would take as long as the rollback.
	ChangedBytes int64
	Counted      bool
	// Resumes tells that one to this snapshot was cut off, and KeptUndo the snapshot
	// that it took before, if any.
	Resumes  bool
	KeptUndo string
}

// rollbackNote is what RollbackKey says: the stage, the snapshot's id, and the
// snapshot that is taken before.
type rollbackNote struct {
	started bool // the content may have been changed
	id      uint64
	undo    string
}

const (
	rollbackPrepared = "prepared"
	rollbackStarted  = "started"
)

func (n rollbackNote) word() string {
	stage := rollbackPrepared
	if n.started {
		stage = rollbackStarted
	}
	return fmt.Sprintf("%s %d %s", stage, n.id, n.undo)
}

// parseRollbackNote gives false for what another image's label says.
func parseRollbackNote(label, imageID string) (n rollbackNote, ok bool) {
	word, ok := ownership.Word(label, imageID)
	parts := strings.SplitN(word, " ", 3)
	if !ok || len(parts) != 3 {
		return n, false
	}
	id, err := strconv.ParseUint(parts[1], 10, 64)
	return rollbackNote{started: parts[0] == rollbackStarted, id: id, undo: parts[2]}, err == nil
}

func (i Image) rollbackNote() (rollbackNote, bool) {
	return parseRollbackNote(i.Metadata[ownership.RollbackKey], i.ID)
}

// CheckSettled says whether the content is not half of one and half of another, as
// a rollback that was cut off leaves it.
//
// Errors: ErrRollbackCutOff.
func (i Image) CheckSettled() error {
	if note, ok := i.rollbackNote(); ok && note.started {
		return fmt.Errorf("image %s: %w", i.Spec, ErrRollbackCutOff)
	}
	return nil
}

// checkSettled refuses an open image of which a rollback was cut off.
func checkSettled(img *librbd.Image, spec Spec) error {
	label, err := ownership.Read(img, ownership.RollbackKey)
	if err != nil || label == "" {
		return err
	}
	id, err := img.GetId()
	if note, ok := parseRollbackNote(label, id); err == nil && ok && note.started {
		err = fmt.Errorf("image %s: %w", spec.ImageSpec(), ErrRollbackCutOff)
	}
	return err
}

// CheckRollback says what a rollback of the image to its snapshot spec would do,
// and what keeps it from being done now. undo is the snapshot that is to be taken
// before, empty for none.
//
// Errors: InUseError, ErrBusy, ErrNotPrimary, ErrMigrating, ErrExists (undo),
// ErrRollbackCutOff (undo, and there is no content left that it could keep),
// ErrImageNotFound, ErrSnapshotNotFound, ErrPermission.
func (c *Cluster) CheckRollback(ctx context.Context, spec Spec, undo string) (r Rollback, err error) {
	var note rollbackNote
	err = c.withImageOn(ctx, spec.ImageSpec(), readOnly, func(cn *connection, img *librbd.Image) error {
		if r.Image, err = cn.readImage(img, spec.ImageSpec()); err != nil {
			return err
		}
		if r.Snapshot, err = r.Image.Snapshot(spec.Snapshot); err != nil {
			return err
		}
		note, _ = r.Image.rollbackNote()
		if err := errors.Join(checkMigration(img, spec.ImageSpec()), checkPrimary(img, spec)); err != nil {
			return err
		}
		return r.count(ctx, img)
	})
	if err != nil {
		return r, err
	}
	for _, s := range r.Image.Snapshots {
		if s.Kind == UserSnapshot && s.ID > r.Snapshot.ID {
			r.Newer = append(r.Newer, s)
		}
	}
	r.Resumes = note.started && note.id == r.Snapshot.ID
	if note.started {
		r.KeptUndo = note.undo
	}
	if err := r.checkUndo(note, undo); err != nil {
		return r, err
	}
	if !r.Image.EditInterrupted() { // whose watch goes away by itself
		err = c.CheckUnused(ctx, spec.ImageSpec(), r.Image.ID)
	}
	return r, err
}

// count finds out how much differs, where that is quick.
func (r *Rollback) count(ctx context.Context, img *librbd.Image) error {
	open := versioned{content{img, r.Image.Spec}}
	fast, err := open.FastDiff()
	if err != nil || !fast {
		return err
	}
	changed, err := blockio.Changed(ctx, open, r.Snapshot.Name, int64(r.Image.SizeBytes)) //nolint:gosec // signed in librbd
	for _, e := range changed {
		r.ChangedBytes += e.Length
	}
	r.Counted = err == nil
	return err
}

// checkUndo says whether the undo snapshot can be taken, or is there already.
func (r Rollback) checkUndo(note rollbackNote, undo string) error {
	spec := r.Image.Spec.WithSnapshot(undo)
	switch {
	case undo == "":
		return nil
	case note.started && note.undo == undo:
		return nil
	case note.started:
		return fmt.Errorf("take the snapshot %s: %w, and what the image was before is in no snapshot of that name", spec, ErrRollbackCutOff)
	}
	if _, err := r.Image.Snapshot(undo); err == nil && note.undo != undo {
		return fmt.Errorf("create %s: %w", spec, ErrExists)
	}
	return nil
}

// RollBack is `rbd snap rollback`, of the image and to the snapshot that
// CheckRollback has found. With undo, a snapshot of that name keeps what the image
// was. A rollback that was cut off is finished by the next: until then no snapshot
// of the image can be taken and no edit of it be made by this provider. progress,
// where given, is called with bytes of the image. It ends with ctx after the objects
// that are under way.
//
// Errors: as CheckRollback; ErrOtherImage, ErrOtherSnapshot, ErrRollbackCutOff with
// that of ctx.
func (c *Cluster) RollBack(ctx context.Context, r Rollback, undo string, progress func(done, total uint64)) (err error) {
	spec := r.Image.Spec.WithSnapshot(r.Snapshot.Name)
	e, err := c.beginEdit(ctx, r.Image.Spec, r.Image.ID, RollbackStep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.End()) }()
	if err := e.step(ctx, func() error {
		if _, err := sameSnapshot(e.h.img, spec, r.Snapshot.ID); err != nil {
			return err
		}
		return checkMigration(e.h.img, r.Image.Spec)
	}); err != nil {
		return err
	}
	if err := e.noteRollback(ctx, r.Snapshot.ID, undo); err != nil {
		return err
	}
	if err := e.rollBackTo(ctx, spec.Snapshot, progress); err != nil {
		return err
	}
	if err := e.NoteStep(ctx, RollbackStep); err != nil {
		return err
	}
	if err := e.NoteMade(ctx, Step{Type: rollBackStep, BackTo: r.Snapshot.ID, Source: SnapshotSource(r.Image.FSID, spec, r.Image.ID, r.Snapshot.ID)}); err != nil {
		return err
	}
	return e.step(ctx, func() error { return ownership.Remove(e.h.img, ownership.RollbackKey) })
}

// noteRollback takes the undo snapshot, and notes that the content is about to
// change.
func (e *Edit) noteRollback(ctx context.Context, id uint64, undo string) error {
	return e.step(ctx, func() error {
		label, err := ownership.Read(e.h.img, ownership.RollbackKey)
		if err != nil {
			return err
		}
		was, _ := parseRollbackNote(label, e.id)
		note := rollbackNote{true, id, undo}
		if was.started { // the content is half of another already
			note.undo = was.undo
		} else if undo != "" {
			if err := e.takeUndo(ctx, was, rollbackNote{false, id, undo}); err != nil {
				return err
			}
		}
		if err := ownership.Set(e.h.img, ownership.RollbackKey, note.word()); err != nil {
			return err
		}
		return e.noteBegin()
	})
}

// takeUndo takes the snapshot that keeps what the image was. One that a rollback
// has taken which was cut off right after that is good as long as nobody wrote.
func (e *Edit) takeUndo(ctx context.Context, was, note rollbackNote) error {
	spec := e.h.spec.WithSnapshot(note.undo)
	s, err := findSnapshot(e.h.img, spec)
	switch {
	case err == nil && was.undo == note.undo:
		written, err := e.h.differs(ctx, s, 0)
		if err == nil && written {
			err = fmt.Errorf("create %s: %w, taken by a rollback that was cut off, and the image is another since then", spec, ErrExists)
		}
		return err
	case err == nil:
		return fmt.Errorf("create %s: %w", spec, ErrExists)
	case !errors.Is(err, ErrSnapshotNotFound):
		return err
	}
	if err := ownership.Set(e.h.img, ownership.RollbackKey, note.word()); err != nil {
		return err
	}
	_, err = e.h.img.CreateSnapshot(note.undo)
	return translate("create", spec, ErrImageNotFound, err)
}

// rollbackGrace is how long a rollback may go on after its context ended: it ends
// after the objects that are under way.
const rollbackGrace = 10 * time.Minute

func (e *Edit) rollBackTo(ctx context.Context, snapshot string, progress func(done, total uint64)) error {
	err := e.stepFor(ctx, rollbackGrace, func() error {
		// librbd takes the exclusive lock for a rollback, and asks nobody for it.
		if err := e.giveLock(); err != nil {
			return err
		}
		img, err := librbd.OpenBareByID(e.h.ioctx, e.id)
		if err != nil {
			return translate("open", e.h.spec, ErrImageNotFound, err)
		}
		defer img.Close()
		size, err := e.h.img.GetSize()
		if err != nil {
			return translate("read the size of", e.h.spec, ErrImageNotFound, err)
		}
		return translate("roll back to", e.h.spec.WithSnapshot(snapshot), ErrSnapshotNotFound, img.RollBack(ctx, snapshot, inBytes(size, progress)))
	})
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrRollbackCutOff, errors.Join(err, ctx.Err()))
	}
	return err
}

// giveLock gives back the exclusive lock that librbd took by itself for a label.
func (e *Edit) giveLock() error {
	features, err := e.h.img.GetFeatures()
	if err != nil || features&librbd.FeatureExclusiveLock == 0 {
		return err
	}
	owner, err := e.h.img.LockIsExclusiveOwner()
	if err == nil && owner {
		err = e.h.img.LockRelease()
	}
	return translate("unlock", e.h.spec, ErrImageNotFound, err)
}

// inBytes makes of objects, which librbd counts, bytes of an image of so many.
func inBytes(size uint64, progress func(done, total uint64)) func(done, total uint64) {
	if progress == nil {
		return nil
	}
	return func(done, total uint64) { progress(min(size, size/total*done), size) }
}
