// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// TrashEntry is what `rbd trash ls --long` says of an image.
type TrashEntry struct {
	ID            string
	Name          string // that it had
	DeletedAt     time.Time
	DeferredUntil time.Time // before that, only force removes it
	// Removing tells that `rbd rm` has put it there, and was cut off: no list
	// shows it, and some of its content is gone.
	Removing bool
}

// Removing tells whether the removal of an image was begun, and cut off, or is
// still a task of the manager.
func (i Image) Removing() bool { return i.Trash != nil && (i.Trash.Removing || i.labels().Removing()) }

// ErrDeferred says that an image in the trash is not to be removed yet.
var ErrDeferred = errors.New("the image is kept in the trash for a while")

// ErrNotInTrash says that no image with the id is in the trash.
var ErrNotInTrash = fmt.Errorf("%w in the trash", ErrImageNotFound)

// Trash is `rbd trash ls --long`: what is in the trash of a pool and namespace.
//
// Errors: ErrPoolNotFound, ErrPermission.
func (c *Cluster) Trash(ctx context.Context, pool, namespace string) ([]TrashEntry, error) {
	var out []TrashEntry
	err := c.withPool(ctx, pool, namespace, readOnly, func(ioctx *rados.IOContext) error {
		var err error
		out, err = listTrash(ioctx, Spec{Pool: pool, Namespace: namespace})
		return err
	})
	return out, err
}

func listTrash(ioctx *rados.IOContext, spec Spec) ([]TrashEntry, error) {
	infos, err := librbd.GetTrashList(ioctx)
	if err != nil {
		return nil, fmt.Errorf("list the trash of %s: %w", spec.PoolSpec(), err)
	}
	out := make([]TrashEntry, len(infos))
	for i, t := range infos {
		out[i] = TrashEntry{ID: t.Id, Name: t.Name, DeletedAt: t.DeletionTime.UTC(), DeferredUntil: t.DefermentEndTime.UTC()}
	}
	return out, nil
}

func findTrash(ioctx *rados.IOContext, spec Spec, id string) (*TrashEntry, error) {
	all, err := listTrash(ioctx, spec)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.ID == id {
			return &t, nil
		}
	}
	if t, err := removing(ioctx, id); err != nil || t != nil {
		return t, err
	}
	return nil, fmt.Errorf("image with id %s: %w of %s", id, ErrNotInTrash, spec.PoolSpec())
}

// TrashImage is `rbd trash mv --expires-at`, of the image with this id, whatever
// its name is now: it can't be removed without force before delay is over, and
// keeps its snapshots and clones. An image that is in the trash already is no
// error.
//
// Errors: InUseError, ErrDetached, ErrImageNotFound, ErrStillThere, ErrPermission.
func (c *Cluster) TrashImage(ctx context.Context, spec Spec, id string, delay time.Duration) error {
	const attempts = 3 // somebody may rename it meanwhile
	for range attempts {
		at, err := c.locate(ctx, spec, id, anywhere)
		if err != nil || at.trash != nil {
			return err
		}
		now := at.spec
		if err = c.CheckTrash(ctx, now, id); err == nil {
			err = c.withPool(ctx, now.Pool, now.Namespace, readWrite, func(ioctx *rados.IOContext) error {
				return translate("move to the trash", now, ErrImageNotFound, librbd.GetImage(ioctx, now.Image).Trash(delay))
			})
		}
		if err != nil && !errors.Is(err, ErrImageNotFound) && !errors.Is(err, ErrOtherImage) {
			return err
		}
	}
	return fmt.Errorf("move image %s (id %s) to the trash: %w", spec.ImageSpec(), id, ErrStillThere)
}

// CheckTrash says, without changing anything, what would keep TrashImage from
// moving the image to the trash now.
//
// Errors: as TrashImage.
func (c *Cluster) CheckTrash(ctx context.Context, spec Spec, id string) error {
	at, err := c.locate(ctx, spec, id, anywhere)
	if err != nil || at.trash != nil {
		return err
	}
	now := at.spec
	if err := c.waitForOurs(ctx, now, id); err != nil {
		return err
	}
	return c.withImageOn(ctx, now, readOnly, func(cn *connection, img *librbd.Image) error {
		if err := checkID(img, now, id); err != nil {
			return err
		}
		i, err := cn.readImage(img, now)
		if err == nil {
			err = i.checkHome()
		}
		if err != nil {
			return err
		}
		if err := checkTies(img, now); err != nil {
			return err
		}
		return checkUnused(img, now)
	})
}

// RestoreImage is `rbd trash restore --image NAME ID`: spec is what the image
// is to be called.
//
// Errors: ErrNotInTrash, ErrExists, ErrPermission.
func (c *Cluster) RestoreImage(ctx context.Context, spec Spec, id string) error {
	return c.withPool(ctx, spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		return translate("restore", spec.ImageSpec(), ErrNotInTrash, librbd.TrashRestore(ioctx, id, spec.Image))
	})
}

// RemoveTrashed is `rbd trash rm ID`, without force: it refuses while the
// removal is deferred. An image that is gone is no error.
//
// Errors: ErrDeferred, SnapshotsError, InUseError, ErrPermission.
func (c *Cluster) RemoveTrashed(ctx context.Context, spec Spec, id string) error {
	return tolerate(c.removeTrashed(ctx, spec, id, nil), ErrNotInTrash, ErrPoolNotFound, ErrNamespaceNotFound)
}

func (t *TrashEntry) checkDeferred(spec Spec) error {
	if until := t.DeferredUntil; time.Now().Before(until) {
		return fmt.Errorf("remove %s (id %s): %w, until %s", spec.ImageSpec(), t.ID, ErrDeferred, until.Format(time.RFC3339))
	}
	return nil
}
