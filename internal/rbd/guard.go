package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"
)

// guardMark says on whose behalf a guard was made.
const guardMark = "guard"

// Guard is a v1 clone of a snapshot that nobody writes to. As long as it is
// there, the snapshot can be neither unprotected nor removed, and Glance, which
// tries that first, leaves the image alone. It takes up no space.
type Guard struct {
	Image Image
	// ParentID and SnapshotID are the ids of the image and of the snapshot it
	// is a clone of; empty and 0 where it was flattened.
	ParentID   string
	SnapshotID uint64
	// Owner is what it was made for.
	Owner string
}

// Guards tells whether it holds the snapshot with this id.
func (g Guard) Guards(imageID string, snapshotID uint64) bool {
	return g.ParentID == imageID && g.SnapshotID == snapshotID
}

// ours tells whether the guard was made for the owner. One that has no mark yet
// was left by a run that was cut off right after the cloning.
func (g Guard) ours(owner, imageID string) bool {
	return g.Owner == owner || g.Owner == "" && g.ParentID == imageID
}

// Guard reads a guard.
//
// Errors: as Image.
func (c *Cluster) Guard(ctx context.Context, spec Spec) (Guard, error) {
	var g Guard
	img, err := c.Image(ctx, spec)
	if err != nil {
		return g, err
	}
	g.Image, g.Owner = img, img.Mark(guardMark)
	if img.Parent != nil {
		g.ParentID, g.SnapshotID = img.Parent.ImageID, img.Parent.SnapshotID
	}
	return g, nil
}

// EnsureGuard makes the guard of a snapshot where it is missing: `rbd
// --rbd-default-clone-format 1 clone SNAPSHOT POOL/NAME`, marked as made for
// owner. One of the owner's that guards nothing (any more) is replaced.
//
// Errors: ErrNotProtected, ErrExists (an image of that name is not the
// owner's), ErrOtherImage, ErrOtherSnapshot, ErrPermission.
func (c *Cluster) EnsureGuard(ctx context.Context, snapshot Spec, imageID string, snapshotID uint64, name, owner string) error {
	spec := snapshot.WithImage(name)
	return c.ensureClone(ctx, snapshot, imageID, snapshotID, spec, owner, func() error {
		return c.RemoveGuard(ctx, spec, imageID, owner)
	})
}

// ensureClone makes the v1 clone that a guard or an alias is; remove is for one
// of the owner's that is another snapshot's.
func (c *Cluster) ensureClone(ctx context.Context, snapshot Spec, imageID string, snapshotID uint64, spec Spec, owner string, remove func() error) error {
	g, err := c.Guard(ctx, spec)
	switch {
	case errors.Is(err, ErrImageNotFound):
	case err != nil:
		return err
	case !g.ours(owner, imageID):
		return fmt.Errorf("clone %s to %s: %w", snapshot, spec, ErrExists)
	case g.Guards(imageID, snapshotID):
		return c.markGuard(ctx, spec, owner)
	default:
		if err := remove(); err != nil {
			return err
		}
	}
	if err := c.checkSnapshot(ctx, snapshot, imageID, snapshotID); err != nil {
		return err
	}
	err = c.change(ctx, func(cn *connection) error {
		return cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
			// Only of a v1 clone does Glance's own check before a removal know.
			err := Layout{}.clone(cn, ioctx, spec, snapshot, 1)
			if errors.Is(err, ErrExists) { // half a name, that a run which was cut off left
				if err = dropStump(ioctx, spec); err == nil {
					err = Layout{}.clone(cn, ioctx, spec, snapshot, 1)
				}
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	return c.markGuard(ctx, spec, owner)
}

// checkSnapshot makes sure that a snapshot is the one meant, and protected.
func (c *Cluster) checkSnapshot(ctx context.Context, spec Spec, imageID string, snapshotID uint64) error {
	return c.withImage(ctx, spec.ImageSpec(), readOnly, func(img *librbd.Image) error {
		if err := checkID(img, spec, imageID); err != nil {
			return err
		}
		s, err := sameSnapshot(img, spec, snapshotID)
		if err == nil && !s.Protected {
			err = fmt.Errorf("%s: %w", spec, ErrNotProtected)
		}
		return err
	})
}

// markGuard also takes off the marks that cloning has copied from the parent.
func (c *Cluster) markGuard(ctx context.Context, spec Spec, owner string) error {
	return c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error {
		if err := img.SetMetadata(markPrefix+guardMark, owner); err != nil {
			return fmt.Errorf("mark %s: %w", spec, err)
		}
		return dropCopiedMarks(img, spec, markPrefix+guardMark)
	})
}

// RemoveGuard removes the owner's guard: `rbd rm SPEC`. imageID is that of the
// image it was cloned from. One that is gone is no error.
//
// Errors: ErrExists (the image is not the owner's), SnapshotsError, InUseError.
func (c *Cluster) RemoveGuard(ctx context.Context, spec Spec, imageID, owner string) error {
	g, err := c.Guard(ctx, spec)
	if err != nil {
		return tolerate(err, ErrImageNotFound, ErrPoolNotFound)
	}
	if !g.ours(owner, imageID) {
		return fmt.Errorf("remove the guard %s: it was not made by this provider: %w", spec, ErrExists)
	}
	return c.RemoveImage(ctx, spec, g.Image.ID)
}
