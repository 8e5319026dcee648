// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// ErrStillThere says that an image or snapshot was not removed.
var ErrStillThere = errors.New("it is still there, though nothing said why")

// Own picks those snapshots of an image that are a part of it, and go with it;
// nil picks none.
type Own func(Image) []uint64

// ReplicaSnapshots are the snapshots that were copied together with a replica,
// also one that is noted nowhere since a run of this state was cut off.
func ReplicaSnapshots(state string) Own {
	return func(i Image) []uint64 {
		r, _ := i.Replica()
		ids := r.SnapshotIDs()
		for _, s := range i.Snapshots {
			if by, pending := i.SnapshotRun(s.Name); s.Kind == UserSnapshot && pending && by.State == state {
				ids = append(ids, s.ID)
			}
		}
		return ids
	}
}

// DeleteImage is `rbd rm`, or `rbd trash rm` without force where it is in the
// trash, of the image with this id in the pool and namespace of spec, whatever
// its name is now. One that has many objects is a task of the manager where that
// takes one, see removeByManager. What keeps it is looked for before the first snapshot of its
// own is removed. It succeeds only where nothing has the id in the end; an image
// that was gone before is no error.
//
// Errors: SnapshotsError and ChildrenError (of a snapshot of its own), joined;
// InUseError, ErrInGroup, ErrMirrored, ErrMigrating, ErrDeferred, ErrDetached, ErrStillThere, ErrPermission, ErrPoolFull.
func (c *Cluster) DeleteImage(ctx context.Context, spec Spec, id string, own Own) error {
	const attempts = 4 // it may go by the trash, and somebody may move it meanwhile
	for range attempts {
		at, err := c.locate(ctx, spec, id, anywhere)
		if err != nil {
			return tolerate(err, ErrImageNotFound, ErrPoolNotFound, ErrNamespaceNotFound)
		}
		if at.trash != nil {
			err = c.removeTrashed(ctx, at.spec, id, own)
		} else if err = c.waitForOurs(ctx, at.spec, id); err == nil {
			err = c.removeWhereItIs(ctx, spec, at.spec, id, own)
		}
		if err != nil && !IsNotFound(err) && !errors.Is(err, ErrOtherImage) {
			return err
		}
	}
	return fmt.Errorf("image %s (id %s): %w", spec.ImageSpec(), id, ErrStillThere)
}

// removeWhereItIs removes an image that has the name now. was is the one that it
// had: a rename that was cut off has left it both.
func (c *Cluster) removeWhereItIs(ctx context.Context, was, now Spec, id string, own Own) error {
	if was.Image != now.Image {
		err := c.withPool(ctx, now.Pool, now.Namespace, readWrite, func(ioctx *rados.IOContext) error {
			_, err := recoverRename(ioctx, was.Image, now.Image, id)
			return err
		})
		if err != nil {
			return err
		}
	}
	err := c.removeNamed(ctx, now, id, own)
	if !errors.Is(err, ErrImageNotFound) {
		return err
	}
	// A name in the directory that opens nothing was left by a removal that was
	// cut off.
	return c.withPool(ctx, now.Pool, now.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		return tolerate(dropHeaderless(ioctx, now), ErrExists)
	})
}

// CheckDelete says, without changing anything, what would keep DeleteImage from
// removing the image now. It returns ErrImageNotFound where it is gone.
//
// Errors: as DeleteImage.
func (c *Cluster) CheckDelete(ctx context.Context, spec Spec, id string, own Own) error {
	at, err := c.locate(ctx, spec, id, anywhere)
	switch {
	case err != nil:
		return err
	case at.trash != nil:
		_, _, err = c.trashLeaving(ctx, at.spec, id, own)
	default:
		_, err = c.leaving(ctx, at.spec, id, own)
	}
	return err
}

// removeNamed removes the image with this name and id, and its own snapshots
// with it.
func (c *Cluster) removeNamed(ctx context.Context, spec Spec, id string, own Own) error {
	img, err := c.Image(ctx, spec)
	if err == nil && img.ID == id && img.EditInterrupted() {
		err = c.WaitUnused(ctx, spec, id)
	}
	if err != nil {
		return err
	}
	leaving, err := c.leaving(ctx, spec, id, own)
	if err == nil && len(leaving) > 0 {
		err = c.withImageOn(ctx, spec, readWrite, func(cn *connection, img *librbd.Image) error {
			if err := checkID(img, spec, id); err != nil {
				return err
			}
			return cn.removeLeaving(img, spec, leaving)
		})
	}
	if err != nil || c.trashForManager(ctx, spec, id) {
		return err
	}
	err = c.removeImage(ctx, spec, id)
	if errors.Is(err, ErrPoolFull) {
		err = c.removeFromFull(ctx, spec, id)
	}
	return err
}

// leaving are the snapshots that go with an image, which is as it is to be: not
// in use, and without any other snapshot.
func (c *Cluster) leaving(ctx context.Context, spec Spec, id string, own Own) (leaving []Snapshot, err error) {
	err = c.withImageOn(ctx, spec.ImageSpec(), readOnly, func(cn *connection, img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		leaving, err = cn.leaving(img, spec, own)
		return err
	})
	return leaving, err
}

// trashLeaving is leaving for an image in the trash. One that was removed but
// for its entry there has none. begun tells that the manager is at it: what keeps
// the image was looked for before that.
func (c *Cluster) trashLeaving(ctx context.Context, spec Spec, id string, own Own) (leaving []Snapshot, begun bool, err error) {
	err = c.run(ctx, 0, spec.Pool, func(cn *connection) error {
		return cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
			entry, err := findTrash(ioctx, spec, id)
			if err != nil {
				return err
			}
			if entry.Removing { // what kept it was looked for before that began
				return nil
			}
			if err := entry.checkDeferred(spec); err != nil {
				return err
			}
			err = withOpen(ioctx, place{spec: spec.ImageSpec(), id: id}, readOnly, func(img *librbd.Image) error {
				leaving, err = cn.leaving(img, spec, own)
				return err
			})
			return tolerate(err, ErrImageNotFound)
		})
	})
	if errors.Is(err, ErrInUse) && c.removedByManager(ctx, spec, id) {
		return nil, true, nil
	}
	return leaving, false, err
}

// removeTrashed removes an image in the trash, and its own snapshots with it.
func (c *Cluster) removeTrashed(ctx context.Context, spec Spec, id string, own Own) error {
	leaving, begun, err := c.trashLeaving(ctx, spec, id, own)
	if err == nil && len(leaving) > 0 {
		err = c.withPlace(ctx, place{spec: spec.ImageSpec(), id: id}, readWrite, func(cn *connection, img *librbd.Image) error {
			return cn.removeLeaving(img, spec, leaving)
		})
	}
	if err != nil {
		return err
	}
	byManager := c.removeByManager(ctx, spec, id, begun)
	if !errors.Is(byManager, errNoManager) {
		return byManager
	}
	small := errors.Is(byManager, errSmall)
	err = c.removeTrashedHere(ctx, spec, id, begun || !small)
	if err != nil && !small {
		err = errors.Join(err, byManager)
	}
	return err
}

// removeTrashedHere is `rbd trash rm`. A manager that has begun with it, and was
// cut off, has its watch for a while still.
func (c *Cluster) removeTrashedHere(ctx context.Context, spec Spec, id string, begun bool) error {
	return c.run(ctx, changeGrace, spec.Pool, func(cn *connection) error {
		return cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
			return removeFromTrash(ctx, ioctx, spec, id, begun)
		})
	})
}

// removeFromTrash is `rbd trash rm`. A removal that was cut off is brought to its
// end as soon as the watch of who began it has run out.
func removeFromTrash(ctx context.Context, ioctx *rados.IOContext, spec Spec, id string, begun bool) error {
	cutOff, err := removing(ioctx, id)
	if err != nil {
		return err
	}
	begun = begun || cutOff != nil
	for {
		err := librbd.TrashRemove(ioctx, id, false)
		if !begun || errno(err) != syscall.EBUSY {
			return translate("remove", spec.ImageSpec(), ErrNotInTrash, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(translate("remove", spec.ImageSpec(), ErrNotInTrash, err), ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

func (cn *connection) leaving(img *librbd.Image, spec Spec, own Own) (leaving []Snapshot, err error) {
	// An rbd-mirror has what it mirrors open. Mirroring that a resource of ours holds
	// may end before the image goes: what else is in the way is told, too.
	mirrored := checkTies(img, spec)
	if mirrored != nil && !managedMirror(mirrored) {
		return nil, mirrored
	}
	if mirrored == nil {
		if err := checkUnused(img, spec); err != nil {
			return nil, err
		}
	}
	i, err := cn.readImage(img, spec.ImageSpec())
	if err != nil {
		return nil, err
	}
	if err := i.checkHome(); err != nil {
		return nil, err
	}
	var ids []uint64
	if own != nil {
		ids = own(i)
	}
	var errs []error
	if mirrored != nil {
		errs = append(errs, mirrored)
	}
	e := &SnapshotsError{Spec: spec.ImageSpec(), Image: i}
	for _, s := range i.Snapshots {
		if s.Kind == MirrorSnapshot && mirrored != nil {
			continue // goes with the mirroring
		}
		goes := s.Kind == UserSnapshot && (slices.Contains(ids, s.ID) || s.Name == UndoSnapshot && i.undoIsOurs())
		if !goes && s.Kind != TrashSnapshot {
			e.Snapshots = append(e.Snapshots, s)
			continue
		}
		children, err := childrenOf(img, spec.WithSnapshot(s.Name), s.ID)
		switch {
		case err != nil:
			return nil, err
		case len(children) == 0 && (goes || i.halfRemoved(s)):
			leaving = append(leaving, s)
		case goes:
			errs = append(errs, &ChildrenError{Spec: spec.WithSnapshot(s.Name), Children: children})
		default:
			// Nobody removes these: they go with the clones that keep them.
			e.Snapshots = append(e.Snapshots, s)
			e.Children = append(e.Children, children...)
		}
	}
	if len(e.Snapshots) > 0 {
		errs = append(errs, e)
	}
	return leaving, errors.Join(errs...)
}

func (cn *connection) removeLeaving(img *librbd.Image, spec Spec, leaving []Snapshot) error {
	i, err := cn.readImage(img, spec.ImageSpec())
	if err != nil {
		return err
	}
	for _, s := range leaving {
		if s.Kind == TrashSnapshot {
			err = cn.removeSnapshotByID(i, s)
		} else {
			err = tolerate(cn.removeSnapshot(img, spec.WithSnapshot(s.Name), s.ID, allClones), ErrSnapshotNotFound)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeImage removes an image by its name. librbd moves it to the trash first;
// where that is the first one there ever was in a pool, and the pool is full, it
// says ENOENT and leaves the image: that is ErrPoolFull.
func (c *Cluster) removeImage(ctx context.Context, spec Spec, id string) error {
	return c.withPool(ctx, spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		err := translate("remove", spec, ErrImageNotFound, librbd.RemoveImage(ioctx, spec.Image))
		if !errors.Is(err, ErrImageNotFound) {
			return err
		}
		there := withOpen(ioctx, place{spec: spec}, readOnly, func(img *librbd.Image) error { return checkID(img, spec, id) })
		if there == nil {
			return fmt.Errorf("remove %s: there is no room to note it in the trash: %w", spec, ErrPoolFull)
		}
		return nil
	})
}

// removeFromFull lets go of the image's data first, and removes it when the
// monitors have noticed that there is room.
func (c *Cluster) removeFromFull(ctx context.Context, spec Spec, id string) error {
	err := c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		return resize(img, spec, 0, true)
	})
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, roomLimit)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := c.removeImage(ctx, spec, id); !errors.Is(err, ErrPoolFull) {
			return err
		}
		select {
		case <-limit.Done():
			return fmt.Errorf("remove %s, whose data is gone: %w", spec, ErrPoolFull)
		case <-tick.C:
		}
	}
}

// roomLimit is how long the monitors may take to notice that there is room in a
// pool again.
const roomLimit = time.Minute
