// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/history"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// CheckReplica says, without changing anything, what keeps a replica from being
// advanced: somebody uses it or has written to it.
//
// Errors: InUseError, ErrReplicaWritten, ErrNotReplica.
func (c *Cluster) CheckReplica(ctx context.Context, img Image) error {
	r, ok := img.Replica()
	if !ok {
		return fmt.Errorf("%s: %w", img.Spec, ErrNotReplica)
	}
	s, err := img.SnapshotByID(r.SnapshotID)
	if err != nil {
		return err
	}
	if !img.EditInterrupted() {
		if err := c.CheckUnused(ctx, img.Spec, img.ID); err != nil {
			return err
		}
	}
	if r.Writing != 0 {
		return nil
	}
	h, err := c.openHandle(ctx, img.Spec, readOnly)
	if err != nil {
		return err
	}
	return errors.Join(h.call(func(*librbd.Image) error { return h.checkUnwritten(ctx, s) }), h.close())
}

// glanceBytes is how much a refresh compares of what librbd takes for changed.
const glanceBytes = 256 << 20

// ReplicaModified tells whether somebody has written to a replica since it was
// copied, without a look at all of what may have been: it is for a refresh, and
// CheckReplica is sure. One that is just being copied to is not modified.
//
// Errors: ErrOtherImage, ErrImageNotFound.
func (c *Cluster) ReplicaModified(ctx context.Context, spec Spec, id string) (modified bool, err error) {
	h, err := c.openHandle(ctx, spec.ImageSpec(), readOnly)
	if err != nil {
		return false, err
	}
	found := false
	err = h.call(func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		r, last, err := h.readReplica(id)
		if err != nil || r.Writing != 0 {
			return tolerate(err, ErrNotReplica, ErrSnapshotNotFound) // there is nothing to compare with
		}
		found, err = h.differs(ctx, last, glanceBytes)
		return err
	})
	if err != nil {
		return false, errors.Join(err, h.close())
	}
	return found, h.close()
}

func (h *handle) checkUnwritten(ctx context.Context, s Snapshot) error {
	written, err := h.differs(ctx, s, 0)
	if err == nil && written {
		err = fmt.Errorf("image %s is not what its snapshot %s is: %w", h.spec, s.Name, ErrReplicaWritten)
	}
	return err
}

// AdvanceReplica brings a replica from the snapshot of the source that it is a
// copy of to a later one: what differs between the two is copied, and a snapshot
// of the later one's name made. Where the former is gone from the source, all of
// both is read instead, and what differs written. While that goes on the replica
// is labeled; when it is cut off, the replica's last snapshot is what can be
// trusted, and the same call again, or RestoreReplica, puts the image in order.
//
// All that was written is read back, and nothing else may have changed in the
// replica meanwhile. Of the replica's older snapshots no more are kept than
// options say, besides those that something hangs on.
//
// Similar to: `rbd export-diff --from-snap OLD SOURCE - | rbd import-diff - SPEC`.
//
// Errors: InUseError, ErrReplicaWritten, ErrNotReplica, ErrNotLater, ErrExists,
// ErrOtherImage, ErrNotTheSame.
func (c *Cluster) AdvanceReplica(ctx context.Context, spec Spec, id string, from ReplicaSource, o ReplicaOptions) (err error) {
	spec = spec.ImageSpec()
	e, r, last, err := c.editReplica(ctx, spec, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.End()) }()
	if r.Writing == 0 && r.Is(from) {
		return c.mendHistory(ctx, e, r, last, from) // a run that could not write its state has done it
	}
	src, img, err := from.open(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer func() { err = errors.Join(err, src.close()) }()
	base, err := r.Base(img, from.SnapshotID)
	compared := errors.Is(err, ErrNoBase)
	if err != nil && !compared {
		return err
	}
	err = e.step(ctx, func() (err error) {
		r, last, err = e.beginReplica(ctx, r, last, base, from, img.SizeBytes)
		return err
	})
	if err != nil {
		return err
	}
	t := newTransfer(src, e.h, o.Progress)
	t.Compared = compared
	if base.SizeBytes > 0 { // librbd 16 has no differences from an empty one
		t.Base = base.Name
	}
	if r.TransferredBytes, err = e.advance(ctx, t, last, img.SizeBytes, o.Compare, src); err != nil {
		return err
	}
	if err := from.still(ctx, base.ID); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if err := e.CheckAlone(ctx); err != nil {
		return err
	}
	return e.step(ctx, func() error {
		s, err := c.finishReplica(ctx, e, r, from, o)
		if err != nil {
			return err
		}
		return c.noteCopied(e, s, img, from)
	})
}

// mendHistory notes a copy that was made by a run which was cut off right after.
func (c *Cluster) mendHistory(ctx context.Context, e *Edit, r Replica, last Snapshot, from ReplicaSource) (err error) {
	var n history.Note
	err = e.step(ctx, func() (err error) {
		n, _, err = readHistory(e.h.img, e.id)
		return err
	})
	if err != nil || isNoted(n.Before(last.ID), r) {
		return err
	}
	src, img, err := from.open(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer func() { err = errors.Join(err, src.close()) }()
	return e.step(ctx, func() error { return c.noteCopied(e, last, img, from) })
}

// beginReplica notes what is going to be copied, when the replica is what it was,
// and gives it its size.
func (e *Edit) beginReplica(ctx context.Context, r Replica, last, base Snapshot, from ReplicaSource, sizeBytes uint64) (Replica, Snapshot, error) {
	var err error
	if r.Writing != from.SnapshotID {
		if r.Writing, err = e.recoverReplica(ctx, r, last); err != nil {
			return r, last, err
		}
	}
	if last.Name == from.Spec.Snapshot {
		if last.Name, err = e.makeRoom(r, last, base); err != nil {
			return r, last, err
		}
	}
	if _, err := e.checkFreeSnapshot(from.Spec.Snapshot); err != nil {
		return r, last, err
	}
	r.Writing = from.SnapshotID
	if err := r.write(e.h.img); err != nil {
		return r, last, err
	}
	return r, last, resize(e.h.img, e.h.spec, sizeBytes, true)
}

// advance copies, and returns how many bytes of the source it has read.
func (e *Edit) advance(ctx context.Context, t *blockio.Transfer, last Snapshot, sizeBytes uint64, compare bool, src *handle) (read uint64, err error) {
	err = beginOn(ctx, changeGrace, func() (err error) {
		e.turn.Lock()
		defer e.turn.Unlock()
		if read, err = runTransfer(ctx, t, sizeBytes); err != nil {
			return err
		}
		if err := checkRest(ctx, t, last, sizeBytes); err != nil || !compare {
			return err
		}
		return t.Compare(ctx, int64(sizeBytes)) //nolint:gosec // signed in librbd
	}, e.h, src)
	if err != nil {
		return 0, err
	}
	return read, nil
}

// makeRoom renames the replica's last snapshot, as the new one is to have its
// name: to what the source's is called by now, or to a name with the id that the
// source's had.
func (e *Edit) makeRoom(r Replica, last, base Snapshot) (string, error) {
	name := MovedName(r, last, base)
	if name == last.Name {
		return name, nil
	}
	return name, renameSnapshot(e.h.img, e.h.spec.WithSnapshot(last.Name), last.ID, name)
}

// MovedName is what the replica's last snapshot will be called when the source's
// next one has its name. base is the source's snapshot that it is a copy of, and
// empty where that is gone.
func MovedName(r Replica, last, base Snapshot) string {
	if base.ID != 0 {
		return base.Name
	}
	return fmt.Sprintf("%s.%d", last.Name, r.SourceSnapshotID)
}

// finishReplica makes the new snapshot, and removes the oldest meanwhile: the
// monitors answer to either after up to a second, but to both at once.
func (c *Cluster) finishReplica(ctx context.Context, e *Edit, r Replica, from ReplicaSource, o ReplicaOptions) (s Snapshot, err error) {
	spec := e.h.spec.WithSnapshot(from.Spec.Snapshot)
	// The last one is what can be trusted until there is the new one.
	old := r.Older[:max(len(r.Older)-max(o.Keep-2, 0), 0)]
	var left []uint64
	removed := make(chan struct{})
	go func() {
		defer close(removed)
		left = e.pruneReplica(old)
	}()
	err = lockSnapshots(ctx, e.h.ioctx, e.id, func() (err error) {
		s, err = c.createSnapshot(e.h.cn, e.h.img, spec, o.Protect)
		return err
	})
	// What could not be removed stays noted, and whoever prunes next says why.
	<-removed
	if err != nil {
		return s, err
	}
	r.Older = append(append(left, r.Older[len(old):]...), r.SnapshotID)
	r.SourceSnapshotID, r.SnapshotID, r.Writing = from.SnapshotID, s.ID, 0
	return s, errors.Join(r.write(e.h.img), ownership.Set(e.h.img, ownership.SnapshotKey(s.Name), ownership.Owned))
}

// pruneReplica removes snapshots, and returns those that are left. It has the
// image open for itself, since looking for children sets an open image to
// snapshots.
func (e *Edit) pruneReplica(ids []uint64) (left []uint64) {
	if len(ids) == 0 {
		return nil
	}
	h, err := e.h.cn.open(e.h.spec, readWrite)
	if err != nil {
		return ids
	}
	left, _, _ = h.cn.pruneSnapshots(h.img, h.spec, ids)
	_ = h.close()
	return left
}

// Base finds, among the snapshots of the source's image, the one that the replica
// is a copy of. ErrNotLater says why there is no way from it to the one with the
// id next, and ErrNoBase that it is gone.
func (r Replica) Base(source Image, next uint64) (Snapshot, error) {
	switch {
	case source.FSID != r.SourceFSID || source.ID != r.SourceImageID:
		return Snapshot{}, fmt.Errorf("%w: the snapshot is of another image (id %s) than the one that was copied (id %s)", ErrNotLater, source.ID, r.SourceImageID)
	case next < r.SourceSnapshotID:
		return Snapshot{}, fmt.Errorf("%w: the snapshot (id %d) is older than the one that was copied (id %d)", ErrNotLater, next, r.SourceSnapshotID)
	}
	s, err := source.SnapshotByID(r.SourceSnapshotID)
	if errors.Is(err, ErrSnapshotNotFound) {
		err = fmt.Errorf("%w: the snapshot that was copied (id %d) is gone from the source", ErrNoBase, r.SourceSnapshotID)
	}
	return s, err
}

func (e *Edit) checkFreeSnapshot(name string) (bool, error) {
	spec := e.h.spec.WithSnapshot(name)
	_, pending, err := pendingSnapshot(e.h.img, name)
	if err != nil || pending {
		return pending, err
	}
	if _, err = findSnapshot(e.h.img, spec); err == nil {
		return false, fmt.Errorf("snapshot %s: %w", spec, ErrExists)
	}
	return true, tolerate(err, ErrSnapshotNotFound)
}

// RestoreReplica puts a replica back to its last snapshot, where copying to it was
// cut off: `rbd snap rollback`.
//
// Errors: InUseError, ErrNotReplica.
func (c *Cluster) RestoreReplica(ctx context.Context, spec Spec, id string) error {
	e, r, last, err := c.editReplica(ctx, spec, id)
	if err != nil {
		return err
	}
	if r.Writing != 0 {
		err = e.step(ctx, func() error {
			_, err := e.recoverReplica(ctx, r, last)
			return err
		})
	}
	return errors.Join(err, e.End())
}

// recoverReplica makes sure that the image is what its last snapshot is.
func (e *Edit) recoverReplica(ctx context.Context, r Replica, last Snapshot) (writing uint64, err error) {
	if r.Writing == 0 {
		return 0, e.h.checkUnwritten(ctx, last)
	}
	if err := e.h.img.GetSnapshot(last.Name).Rollback(); err != nil {
		return r.Writing, translate("roll back to", e.h.spec.WithSnapshot(last.Name), ErrSnapshotNotFound, err)
	}
	r.Writing = 0
	return 0, r.write(e.h.img)
}

func (c *Cluster) editReplica(ctx context.Context, spec Spec, id string) (e *Edit, r Replica, last Snapshot, err error) {
	if e, err = c.BeginEdit(ctx, spec, id); err != nil {
		return nil, r, last, err
	}
	var note Replica
	var snapshot Snapshot
	err = e.step(ctx, func() (err error) {
		note, snapshot, err = e.h.readReplica(id)
		return err
	})
	if err != nil {
		return nil, r, last, errors.Join(err, e.End())
	}
	return e, note, snapshot, nil
}

// readReplica reads the note on the open image with this id, and the snapshot that
// is the copy.
func (h *handle) readReplica(id string) (r Replica, last Snapshot, err error) {
	text, err := ownership.Read(h.img, ownership.Prefix+replicaLabel)
	if err != nil {
		return r, last, err
	}
	r, ok := parseReplica(text, id)
	if !ok {
		return r, last, fmt.Errorf("%s: %w", h.spec, ErrNotReplica)
	}
	snaps, err := readSnapshots(h.img)
	if err == nil {
		last, err = Image{Spec: h.spec.ImageSpec(), Snapshots: snaps}.SnapshotByID(r.SnapshotID)
	}
	return r, last, err
}

// PruneReplica removes the oldest of a replica's own snapshots until keep are
// left. Those that something hangs on are left, and kept says why of each.
func (c *Cluster) PruneReplica(ctx context.Context, img Image, keep int) (kept []error, err error) {
	r, ok := img.Replica()
	if !ok {
		return nil, fmt.Errorf("%s: %w", img.Spec, ErrNotReplica)
	}
	old := r.Older[:max(len(r.Older)-max(keep-1, 0), 0)]
	if len(old) == 0 {
		return nil, nil
	}
	var left []uint64
	err = c.withImageOn(ctx, img.Spec, readWrite, func(cn *connection, open *librbd.Image) error {
		if err := checkID(open, img.Spec, img.ID); err != nil {
			return err
		}
		var err error
		if left, kept, err = cn.pruneSnapshots(open, img.Spec, old); len(left) == len(old) {
			return err
		}
		r.Older = append(left, r.Older[len(old):]...)
		return errors.Join(err, r.write(open))
	})
	return kept, err
}

// pruneSnapshots removes snapshots of ours but for those that something hangs on:
// left are their ids, and kept says why of each.
func (cn *connection) pruneSnapshots(img *librbd.Image, spec Spec, ids []uint64) (left []uint64, kept []error, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	snaps, err := readSnapshots(img)
	if err != nil {
		return ids, nil, err
	}
	if err := cn.dropHalfRemoved(img, spec); err != nil {
		return ids, nil, err
	}
	for i, id := range ids {
		s, err := Image{Spec: spec, Snapshots: snaps}.SnapshotByID(id)
		if err == nil {
			err = cn.removeSnapshot(img, spec.WithSnapshot(s.Name), id, allClones)
		}
		switch {
		case err == nil, errors.Is(err, ErrSnapshotNotFound):
		case errors.Is(err, ErrHasChildren), errors.Is(err, ErrPermission), errors.Is(err, ErrInUse):
			kept = append(kept, err)
			left = append(left, id)
		default:
			return append(left, ids[i:]...), kept, err
		}
	}
	return left, kept, nil
}
