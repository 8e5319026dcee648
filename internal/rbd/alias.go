// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// EnsureAlias makes an alias of a snapshot where it is missing: a v1 clone that
// nobody writes to, with a protected snapshot of its own, for somebody who may
// remove both: `rbd --rbd-default-clone-format 1 clone SNAPSHOT ALIAS`, `rbd snap
// create ALIAS@snap`, `rbd snap protect ALIAS@snap`. It is labeled as made for
// owner. One of the owner's that is no clone of the snapshot (any more), or
// that has lost its own, is made anew: nobody knows what was written to it.
//
// Errors: those of EnsureGuard; ErrPoolNotFound, ErrHasChildren, ErrHasSnapshots
// and ErrInUse where what is there can't be made anew.
func (c *Cluster) EnsureAlias(ctx context.Context, snapshot Spec, imageID string, snapshotID uint64, alias Spec, owner string) error {
	alias = alias.ImageSpec()
	g, err := c.Guard(ctx, alias)
	if err == nil && g.Guards(imageID, snapshotID) {
		if _, err := g.Image.Snapshot(AliasSnapshot); err != nil {
			if err := c.checkSnapshot(ctx, snapshot, imageID, snapshotID); err != nil {
				return err
			}
			if err := c.RemoveAlias(ctx, alias, imageID, owner); err != nil {
				return err
			}
		}
	} else if err != nil && !errors.Is(err, ErrImageNotFound) {
		return err
	}
	err = c.ensureClone(ctx, Origin{Spec: snapshot, ImageID: imageID, SnapshotID: snapshotID}, alias, owner, func() error {
		return c.RemoveAlias(ctx, alias, imageID, owner)
	})
	if err != nil {
		return err
	}
	own := alias.WithSnapshot(AliasSnapshot)
	return c.withImage(ctx, alias, readWrite, func(img *librbd.Image) error {
		s, err := findSnapshot(img, own)
		if errors.Is(err, ErrSnapshotNotFound) {
			if _, err := img.CreateSnapshot(own.Snapshot); err != nil {
				return translate("create", own, ErrImageNotFound, err)
			}
		} else if err != nil || s.Protected {
			return err
		}
		return translate("protect", own, ErrSnapshotNotFound, img.GetSnapshot(own.Snapshot).Protect())
	})
}

// CheckAlias says why an alias can't be removed. One that is gone is no error.
//
// Errors: ErrExists (the image is not the owner's), ChildrenError,
// SnapshotsError, InUseError.
func (c *Cluster) CheckAlias(ctx context.Context, alias Spec, imageID, owner string) error {
	g, err := c.Guard(ctx, alias)
	if err != nil {
		return tolerate(err, ErrImageNotFound, ErrPoolNotFound)
	}
	if !g.ours(owner, imageID) {
		return fmt.Errorf("remove the alias %s: it was not made by this provider: %w", alias.ImageSpec(), ErrExists)
	}
	return c.withImageOn(ctx, alias.ImageSpec(), readOnly, func(cn *connection, img *librbd.Image) error {
		if err := checkUnused(img, alias.ImageSpec()); err != nil {
			return err
		}
		var others []Snapshot
		for _, s := range g.Image.Snapshots {
			if s.Name != AliasSnapshot {
				others = append(others, s)
				continue
			}
			if err := cn.checkChildren(img, alias.WithSnapshot(s.Name), s.ID, allClones); err != nil {
				return err
			}
		}
		if len(others) > 0 {
			return &SnapshotsError{Spec: alias.ImageSpec(), Snapshots: others}
		}
		return nil
	})
}

// RemoveAlias removes the owner's alias and its snapshot: `rbd snap unprotect`,
// `rbd snap rm`, `rbd rm`. What is gone already is no error.
//
// Errors: as CheckAlias.
func (c *Cluster) RemoveAlias(ctx context.Context, alias Spec, imageID, owner string) error {
	if err := c.CheckAlias(ctx, alias, imageID, owner); err != nil {
		return tolerate(err, ErrImageNotFound)
	}
	g, err := c.Guard(ctx, alias)
	if err != nil {
		return tolerate(err, ErrImageNotFound, ErrPoolNotFound)
	}
	if s, err := g.Image.Snapshot(AliasSnapshot); err == nil {
		if err := c.RemoveSnapshot(ctx, alias.WithSnapshot(AliasSnapshot), s.ID, false); err != nil {
			return err
		}
	}
	return c.RemoveImage(ctx, alias, g.Image.ID)
}
