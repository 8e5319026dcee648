// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// guardLabel says on whose behalf a guard was made.
const guardLabel = "guard"

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

// ours tells whether the guard was made for the owner. One that has no label yet
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
	g.Image, g.Owner = img, img.Label(guardLabel)
	if img.Parent != nil {
		g.ParentID, g.SnapshotID = img.Parent.ImageID, img.Parent.SnapshotID
	}
	return g, nil
}

// EnsureGuard makes the guard of a snapshot where it is missing: `rbd
// --rbd-default-clone-format 1 clone SNAPSHOT POOL/NAME`, labeled as made for
// owner. One of the owner's that guards nothing (any more) is replaced.
//
// Errors: ErrNotProtected, ErrExists (an image of that name is not the
// owner's), ErrOtherImage, ErrOtherSnapshot, ErrPermission.
func (c *Cluster) EnsureGuard(ctx context.Context, snapshot Spec, imageID string, snapshotID uint64, name, owner string) error {
	spec := snapshot.WithImage(name)
	return c.ensureClone(ctx, Origin{Spec: snapshot, ImageID: imageID, SnapshotID: snapshotID}, spec, owner, func() error {
		return c.RemoveGuard(ctx, spec, imageID, owner)
	})
}

// ensureClone makes the v1 clone that a guard or an alias is; remove is for one
// of the owner's that is another snapshot's.
func (c *Cluster) ensureClone(ctx context.Context, from Origin, spec Spec, owner string, remove func() error) error {
	g, err := c.Guard(ctx, spec)
	missing := errors.Is(err, ErrImageNotFound)
	switch {
	case missing:
	case err != nil:
		return err
	case !g.ours(owner, from.ImageID):
		return fmt.Errorf("clone %s to %s: %w", from.Spec, spec, ErrExists)
	case g.Guards(from.ImageID, from.SnapshotID):
		return c.labelGuard(ctx, spec, owner)
	}
	if err := c.checkSnapshot(ctx, from.Spec, from.ImageID, from.SnapshotID); err != nil {
		return err
	}
	if !missing {
		if err := remove(); err != nil {
			return err
		}
	}
	err = c.run(ctx, changeGrace, spec.Pool, func(cn *connection) error {
		return cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
			// Only of a v1 clone does Glance's own check before a removal know.
			err := Layout{}.clone(cn, ioctx, spec, from.Spec, 1)
			if errors.Is(err, ErrExists) { // half a name, that a run which was cut off left
				if err = dropHeaderless(ioctx, spec); err == nil {
					err = Layout{}.clone(cn, ioctx, spec, from.Spec, 1)
				}
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	return c.labelGuard(ctx, spec, owner)
}

// checkSnapshot makes sure that a snapshot is the one meant, and protected.
func (c *Cluster) checkSnapshot(ctx context.Context, spec Spec, imageID string, snapshotID uint64) error {
	return c.withImage(ctx, spec.ImageSpec(), readOnly, func(img *librbd.Image) error {
		s, err := sameImageSnapshot(img, spec, imageID, snapshotID)
		if err == nil && !s.Protected {
			err = fmt.Errorf("%s: %w", spec, ErrNotProtected)
		}
		return err
	})
}

func sameImageSnapshot(img *librbd.Image, spec Spec, imageID string, snapshotID uint64) (Snapshot, error) {
	if err := checkID(img, spec, imageID); err != nil {
		return Snapshot{}, err
	}
	return sameSnapshot(img, spec, snapshotID)
}

// labelGuard also takes off the labels that cloning has copied from the parent.
func (c *Cluster) labelGuard(ctx context.Context, spec Spec, owner string) error {
	return c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error {
		if err := img.SetMetadata(ownership.Prefix+guardLabel, owner); err != nil {
			return fmt.Errorf("mark %s: %w", spec, err)
		}
		return ownership.DropCopied(img, spec, ownership.Prefix+guardLabel)
	})
}

// guards are those that were made for owner: the one of the name, and where it
// was renamed or moved to the trash, clones of the image that have its label. An
// alias has it too, and is none as long as it has its snapshot.
//
// Errors: ErrExists (the image of that name is not the owner's).
func (c *Cluster) guards(ctx context.Context, spec Spec, imageID, owner string) ([]Image, error) {
	var out []Image
	g, err := c.Guard(ctx, spec)
	switch {
	case err == nil && !g.ours(owner, imageID):
		return nil, fmt.Errorf("remove the guard %s: it was not made by this provider: %w", spec, ErrExists)
	case err == nil:
		out = append(out, g.Image)
	default:
		if err := tolerate(err, ErrImageNotFound, ErrPoolNotFound, ErrNamespaceNotFound); err != nil {
			return nil, err
		}
	}
	children, err := c.childrenByID(ctx, spec, imageID)
	if err != nil {
		// Whoever may not look for clones has that of the name.
		return out, tolerate(err, ErrImageNotFound, ErrPoolNotFound, ErrNamespaceNotFound, ErrPermission)
	}
	for _, child := range children {
		img, err := c.FindImage(ctx, child.Spec, child.ID)
		if err := tolerate(err, ErrImageNotFound, ErrPoolNotFound, ErrNamespaceNotFound); err != nil {
			return nil, err
		}
		_, alias := img.Snapshot(AliasSnapshot)
		if img.ID != "" && img.ID != g.Image.ID && img.Label(guardLabel) == owner && alias != nil {
			out = append(out, img)
		}
	}
	return out, nil
}

// childrenByID are the clones of all snapshots of the image with this id.
func (c *Cluster) childrenByID(ctx context.Context, spec Spec, id string) (out []Child, err error) {
	at, err := c.locate(ctx, spec, id, anywhere)
	if err != nil {
		return nil, err
	}
	err = c.withPlace(ctx, at, readOnly, func(_ *connection, img *librbd.Image) error {
		snaps, err := readSnapshots(img)
		if err != nil {
			return err
		}
		for _, s := range snaps {
			children, err := childrenOf(img, at.spec.WithSnapshot(s.Name), s.ID)
			if err != nil {
				return err
			}
			out = append(out, children...)
		}
		return nil
	})
	return out, err
}

// CheckGuard says, without changing anything, what would keep RemoveGuard from
// removing the owner's guard now. One that is gone is no error.
//
// Errors: as RemoveGuard.
func (c *Cluster) CheckGuard(ctx context.Context, spec Spec, imageID, owner string) error {
	all, err := c.guards(ctx, spec, imageID, owner)
	for _, g := range all {
		err = errors.Join(err, tolerate(c.CheckDelete(ctx, g.Spec, g.ID, nil), ErrImageNotFound))
	}
	return err
}

// RemoveGuard removes the owner's guard, whatever its name is now: `rbd rm SPEC`.
// imageID is that of the image it was cloned from. One that is gone is no error.
//
// Errors: ErrExists (the image is not the owner's), SnapshotsError, InUseError,
// ErrDeferred.
func (c *Cluster) RemoveGuard(ctx context.Context, spec Spec, imageID, owner string) error {
	all, err := c.guards(ctx, spec, imageID, owner)
	if err != nil {
		return err
	}
	for _, g := range all {
		if err := c.DeleteImage(ctx, g.Spec, g.ID, nil); err != nil {
			return err
		}
	}
	return nil
}
