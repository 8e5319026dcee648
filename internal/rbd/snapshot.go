// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// SnapshotKind is the namespace that a snapshot is in, as the last column of
// `rbd snap ls --all` has it.
type SnapshotKind string

// The kinds of snapshots.
const (
	// UserSnapshot is what `rbd snap create` makes.
	UserSnapshot SnapshotKind = "user"
	// GroupSnapshot belongs to the snapshot of a group.
	GroupSnapshot SnapshotKind = "group"
	// TrashSnapshot was removed while v2 clones depended on it, and goes away
	// with the last of them.
	TrashSnapshot SnapshotKind = "trash"
	// MirrorSnapshot was taken by mirroring.
	MirrorSnapshot SnapshotKind = "mirror"
)

// Snapshot is what librbd says of a snapshot.
type Snapshot struct {
	ID        uint64
	Name      string // of one in the trash, the name it had
	Kind      SnapshotKind
	SizeBytes uint64
	Protected bool
	CreatedAt time.Time
}

func (s Snapshot) String() string {
	if s.Kind == UserSnapshot {
		return s.Name
	}
	return fmt.Sprintf("%s (id %d, in the %s namespace)", s.Name, s.ID, s.Kind)
}

func readSnapshots(img *librbd.Image) ([]Snapshot, error) {
	infos, err := img.GetSnapshotNames()
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	out := make([]Snapshot, 0, len(infos))
	for _, i := range infos {
		s := Snapshot{ID: i.Id, Name: i.Name, SizeBytes: i.Size}
		var errs [3]error
		var created librbd.Timespec
		s.Kind, errs[0] = snapshotKind(img, i.Id)
		created, errs[1] = img.GetSnapTimestamp(i.Id)
		switch s.Kind {
		case UserSnapshot:
			s.Protected, errs[2] = img.GetSnapshot(i.Name).IsProtected()
		case TrashSnapshot:
			s.Name, errs[2] = img.GetSnapTrashNamespace(i.Id)
		}
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("read snapshot %q: %w", i.Name, err)
		}
		s.CreatedAt = utc(created)
		out = append(out, s)
	}
	return out, nil
}

func snapshotKind(img *librbd.Image, id uint64) (SnapshotKind, error) {
	t, err := img.GetSnapNamespaceType(id)
	if err != nil {
		return "", err
	}
	switch t {
	case librbd.SnapNamespaceTypeUser:
		return UserSnapshot, nil
	case librbd.SnapNamespaceTypeGroup:
		return GroupSnapshot, nil
	case librbd.SnapNamespaceTypeTrash:
		return TrashSnapshot, nil
	}
	return MirrorSnapshot, nil
}

// Snapshot finds a snapshot, one that has its name still, of an image that was
// read.
func (i Image) Snapshot(name string) (Snapshot, error) {
	for _, s := range i.Snapshots {
		if s.Kind == UserSnapshot && s.Name == name {
			return s, nil
		}
	}
	return Snapshot{}, fmt.Errorf("%s: %w", i.Spec.WithSnapshot(name), ErrSnapshotNotFound)
}

// SnapshotByID finds a snapshot, whatever its name is now; one that went to the
// trash is gone.
func (i Image) SnapshotByID(id uint64) (Snapshot, error) {
	for _, s := range i.Snapshots {
		if s.Kind == UserSnapshot && s.ID == id {
			return s, nil
		}
	}
	return Snapshot{}, fmt.Errorf("snapshot with id %d of %s: %w", id, i.Spec, ErrSnapshotNotFound)
}

// ReadSnapshot reads a snapshot with its image and its children, in one opening
// where the image has the name still: `rbd snap ls` and `rbd children`. The
// image is found by imageID and the snapshot by id, whatever their names are
// now, the image also in the trash; where both are empty, by their names.
//
// Errors: ErrImageNotFound, ErrSnapshotNotFound; as Image. ErrChildrenUnknown
// where the user may not look for children, as these may be in any pool; the
// rest is read even so.
func (c *Cluster) ReadSnapshot(ctx context.Context, spec Spec, imageID string, id uint64) (img Image, s Snapshot, children []Child, err error) {
	find := func(open *librbd.Image) error {
		if id == 0 {
			s, err = img.Snapshot(spec.Snapshot)
		} else {
			s, err = img.SnapshotByID(id)
		}
		if err == nil {
			children, err = childrenOf(open, img.Spec.WithSnapshot(s.Name), s.ID)
		}
		if errors.Is(err, ErrPermission) {
			err = fmt.Errorf("%w: %w", ErrChildrenUnknown, err)
		}
		return err
	}
	err = c.withImageOn(ctx, spec.ImageSpec(), readOnly, func(cn *connection, open *librbd.Image) error {
		if img, err = cn.readImage(open, spec.ImageSpec()); err != nil || imageID != "" && img.ID != imageID {
			return err
		}
		return find(open)
	})
	if imageID == "" || err == nil && img.ID == imageID || err != nil && !errors.Is(err, ErrImageNotFound) {
		return img, s, children, err
	}
	if img, err = c.FindImage(ctx, spec, imageID); err != nil {
		return img, s, nil, err
	}
	err = c.withPlace(ctx, place{spec: img.Spec, id: imageID}, readOnly, func(_ *connection, open *librbd.Image) error { return find(open) })
	return img, s, children, err
}

// CreateSnapshot is `rbd snap create SPEC` and, with protect, `rbd snap
// protect SPEC`. A snapshot that an interrupted run of this state left behind
// unclaimed, which nothing hangs on, is taken anew.
//
// Errors: ErrExists, ErrOtherState, ErrThisRun, ErrRollbackCutOff, ErrImageNotFound,
// ErrOtherImage, ErrPermission.
func (c *Cluster) CreateSnapshot(ctx context.Context, spec Spec, imageID string, protect bool) (Snapshot, error) {
	var out Snapshot
	err := c.run(ctx, changeGrace, spec.Pool, func(cn *connection) error {
		return cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
			id, err := idByName(ioctx, spec.Image)
			if err != nil || id == "" {
				return withOpen(ioctx, place{spec: spec.ImageSpec()}, readOnly, func(*librbd.Image) error { return err }) // it says what is missing
			}
			return lockSnapshots(ctx, ioctx, id, func() error {
				// An image that was open before may not know of the latest one.
				return withOpen(ioctx, place{spec: spec.ImageSpec()}, readWrite, func(img *librbd.Image) error {
					if err := errors.Join(checkID(img, spec, imageID), checkID(img, spec, id)); err != nil {
						return err
					}
					out, err = c.createSnapshot(cn, img, spec, protect)
					return err
				})
			})
		})
	})
	return out, err
}

// lockSnapshots keeps other runs of this provider from making snapshots of the
// image with this id: under the lock, a label without a snapshot is of a run that
// was cut off.
func lockSnapshots(ctx context.Context, ioctx *rados.IOContext, id string, fn func() error) error {
	return locked(ctx, ioctx, headerObject(id), "snapshots", fn)
}

// createSnapshot is called under the lock.
func (c *Cluster) createSnapshot(cn *connection, img *librbd.Image, spec Spec, protect bool) (out Snapshot, err error) {
	if err := cn.dropHalfRemoved(img, spec); err != nil {
		return out, err
	}
	if err := c.dropPendingSnapshot(cn, img, spec); err != nil {
		return out, err
	}
	if err := checkSettled(img, spec); err != nil {
		return out, err
	}
	if _, err := findSnapshot(img, spec); err == nil {
		return out, fmt.Errorf("create %s: %w", spec, ErrExists)
	} else if !errors.Is(err, ErrSnapshotNotFound) {
		return out, err
	}
	if err := ownership.Set(img, ownership.SnapshotKey(spec.Snapshot), c.cfg.Run.Sign(ownership.Pending)); err != nil {
		return out, err
	}
	if _, err := img.CreateSnapshot(spec.Snapshot); err != nil {
		if errno(err) == syscall.EDQUOT { // in a full pool the label would have been refused
			err = fmt.Errorf("create %s: %w (%w)", spec, ErrSnapshotLimit, err)
		} else {
			err = translate("create", spec, ErrImageNotFound, err)
		}
		return out, errors.Join(err, ownership.Remove(img, ownership.SnapshotKey(spec.Snapshot)))
	}
	if protect {
		if err := img.GetSnapshot(spec.Snapshot).Protect(); err != nil {
			err = translate("protect", spec, ErrSnapshotNotFound, err)
			return out, errors.Join(err, removeSnapshot(img, spec))
		}
	}
	return findSnapshot(img, spec)
}

// CheckFreeSnapshot says whether a snapshot can be made under this name: with
// left, an unfinished run of this state has made it, and CreateSnapshot makes it
// anew.
//
// Errors: ErrExists, ErrOwned, ErrOtherState, ErrThisRun, ErrRollbackCutOff.
func (c *Cluster) CheckFreeSnapshot(i Image, name string) (left bool, err error) {
	if err := i.CheckSettled(); err != nil {
		return false, err
	}
	if _, err := i.Snapshot(name); err != nil {
		return false, tolerate(err, ErrSnapshotNotFound)
	}
	by, pending := i.SnapshotRun(name)
	switch {
	case pending:
		err = c.takes(by)
	case i.OwnsSnapshot(name):
		err = ErrOwned
	default:
		err = ErrExists
	}
	if err != nil {
		err = fmt.Errorf("snapshot %s: %w", i.Spec.WithSnapshot(name), err)
	}
	return pending, err
}

// ProtectSnapshot is `rbd snap protect` or, with protect false, `rbd snap
// unprotect`, of the snapshot with this id only. Nothing is done where it is
// so already. Only v1 clones keep it from being unprotected.
//
// Errors: ChildrenError, ErrOtherSnapshot, ErrSnapshotNotFound.
func (c *Cluster) ProtectSnapshot(ctx context.Context, spec Spec, id uint64, protect bool) error {
	return c.withImageOn(ctx, spec.ImageSpec(), readWrite, func(cn *connection, img *librbd.Image) error {
		s, err := sameSnapshot(img, spec, id)
		if err != nil || s.Protected == protect {
			return err
		}
		if protect {
			return translate("protect", spec, ErrSnapshotNotFound, img.GetSnapshot(spec.Snapshot).Protect())
		}
		if err := cn.checkChildren(img, spec, s.ID, v1Clones); err != nil {
			return err
		}
		return translate("unprotect", spec, ErrSnapshotNotFound, img.GetSnapshot(spec.Snapshot).Unprotect())
	})
}

// RemoveSnapshot is `rbd snap unprotect` and `rbd snap rm`, of the snapshot
// with this id only. It refuses one with children, except, with trash, v2 clones:
// these keep it in the trash namespace, without a name, until the last of them
// is gone. One that is gone is no error. When the removal fails, the snapshot is
// protected again.
//
// Errors: ChildrenError, ErrOtherSnapshot, ErrPermission.
func (c *Cluster) RemoveSnapshot(ctx context.Context, spec Spec, id uint64, trash bool) error {
	which := allClones
	if trash {
		which = v1Clones
	}
	err := c.withImageOn(ctx, spec.ImageSpec(), readWrite, func(cn *connection, img *librbd.Image) error {
		return cn.removeSnapshot(img, spec, id, which)
	})
	return tolerate(err, ErrSnapshotNotFound, ErrImageNotFound, ErrPoolNotFound, ErrNamespaceNotFound)
}

func (cn *connection) removeSnapshot(img *librbd.Image, spec Spec, id uint64, which dependants) error {
	s, err := sameSnapshot(img, spec, id)
	if errors.Is(err, ErrSnapshotNotFound) {
		if e := cn.dropHalfRemoved(img, spec); e != nil {
			return e
		}
		return err
	}
	if err != nil {
		return err
	}
	if err := cn.finishChildren(img, spec, s.ID); err != nil {
		return err
	}
	if err := cn.checkChildren(img, spec, s.ID, which); err != nil {
		return err
	}
	if s.Protected {
		if err := img.GetSnapshot(spec.Snapshot).Unprotect(); err != nil {
			return translate("unprotect", spec, ErrSnapshotNotFound, err)
		}
	}
	if err := removeSnapshot(img, spec); err != nil {
		if s.Protected {
			err = errors.Join(err, img.GetSnapshot(spec.Snapshot).Protect())
		}
		return err
	}
	return nil
}

// RenameSnapshot is `rbd snap rename`, of the snapshot with this id only. Our
// label goes along.
//
// Errors: ErrExists, ErrOtherSnapshot, ErrSnapshotNotFound.
func (c *Cluster) RenameSnapshot(ctx context.Context, spec Spec, id uint64, name string) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		return renameSnapshot(img, spec, id, name)
	})
}

func renameSnapshot(img *librbd.Image, spec Spec, id uint64, name string) error {
	if _, err := sameSnapshot(img, spec, id); err != nil {
		return err
	}
	if _, err := findSnapshot(img, spec.WithSnapshot(name)); !errors.Is(err, ErrSnapshotNotFound) {
		if err == nil {
			err = fmt.Errorf("rename %s: snapshot %s: %w", spec, spec.WithSnapshot(name), ErrExists)
		}
		return err
	}
	// First the new label: whoever is cut off in between leaves one too many
	// rather than a snapshot that looks like somebody else's.
	if err := ownership.Set(img, ownership.SnapshotKey(name), ownership.Owned); err != nil {
		return err
	}
	if err := img.GetSnapshot(spec.Snapshot).Rename(name); err != nil {
		return translate("rename", spec, ErrSnapshotNotFound, err)
	}
	return ownership.Remove(img, ownership.SnapshotKey(spec.Snapshot))
}

// RollbackSnapshot is `rbd snap rollback`, of the snapshot with this id only.
func (c *Cluster) RollbackSnapshot(ctx context.Context, spec Spec, id uint64) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if _, err := sameSnapshot(img, spec, id); err != nil {
			return err
		}
		return translate("roll back to", spec, ErrSnapshotNotFound, img.GetSnapshot(spec.Snapshot).Rollback())
	})
}

func removeSnapshot(img *librbd.Image, spec Spec) error {
	if err := img.GetSnapshot(spec.Snapshot).Remove(); err != nil {
		return translate("remove", spec, ErrSnapshotNotFound, err)
	}
	return ownership.Remove(img, ownership.SnapshotKey(spec.Snapshot))
}

func findSnapshot(img *librbd.Image, spec Spec) (Snapshot, error) {
	snaps, err := readSnapshots(img)
	if err != nil {
		return Snapshot{}, err
	}
	return Image{Spec: spec.ImageSpec(), Snapshots: snaps}.Snapshot(spec.Snapshot)
}

// sameSnapshot finds the snapshot and makes sure that it is the one meant.
func sameSnapshot(img *librbd.Image, spec Spec, id uint64) (Snapshot, error) {
	s, err := findSnapshot(img, spec)
	if err == nil && s.ID != id {
		err = fmt.Errorf("%w: %s has id %d, expected %d", ErrOtherSnapshot, spec, s.ID, id)
	}
	return s, err
}

// dropPendingSnapshot removes what an interrupted CreateSnapshot of this state
// left behind.
func (c *Cluster) dropPendingSnapshot(cn *connection, img *librbd.Image, spec Spec) error {
	by, pending, err := pendingSnapshot(img, spec.Snapshot)
	if err != nil || !pending {
		return err
	}
	s, err := findSnapshot(img, spec)
	if errors.Is(err, ErrSnapshotNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.takes(by); err != nil {
		return fmt.Errorf("create %s: %w", spec, err)
	}
	return cn.removeSnapshot(img, spec, s.ID, allClones)
}

// pendingSnapshot reads the label of a snapshot of an open image.
func pendingSnapshot(img *librbd.Image, name string) (by Run, pending bool, err error) {
	value, err := ownership.Read(img, ownership.SnapshotKey(name))
	if err != nil || value == "" {
		return Run{}, false, err
	}
	id, err := img.GetId()
	by, pending = ownership.ParseSnapshot(value, id)
	return by, pending && err == nil, err
}
