package rbd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"
)

// TrashEntry is what `rbd trash ls --long` says of an image.
type TrashEntry struct {
	ID            string
	Name          string // that it had
	DeletedAt     time.Time
	DeferredUntil time.Time // before that, only force removes it
}

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
	return nil, fmt.Errorf("image with id %s: %w of %s", id, ErrNotInTrash, spec.PoolSpec())
}

// TrashedImage reads an image in the trash of the pool and namespace of spec:
// `rbd info --image-id ID`. Its spec has the name that it had.
//
// Errors: ErrNotInTrash, which is an ErrImageNotFound; as Image.
func (c *Cluster) TrashedImage(ctx context.Context, spec Spec, id string) (Image, error) {
	var out Image
	err := c.do(ctx, func(cn *connection) error {
		return cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
			entry, err := findTrash(ioctx, spec, id)
			if err != nil {
				return err
			}
			return openImageByID(ioctx, spec, id, readOnly, func(img *librbd.Image) error {
				out, err = cn.readImage(img, spec.WithImage(entry.Name))
				out.Trash = entry
				return err
			})
		})
	})
	return out, err
}

// FindImage reads the image with this id: under the name of spec, under
// another, or in the trash. An empty id means whichever has the name.
//
// Errors: as Image; ErrImageNotFound where it is gone, also where another image
// has its name.
func (c *Cluster) FindImage(ctx context.Context, spec Spec, id string) (Image, error) {
	img, err := c.Image(ctx, spec)
	if id != "" && (errors.Is(err, ErrImageNotFound) || err == nil && img.ID != id) {
		img, err = c.ImageByID(ctx, spec, id)
		if errors.Is(err, ErrImageNotFound) {
			img, err = c.TrashedImage(ctx, spec, id)
		}
	}
	return img, err
}

// TrashImage is `rbd trash mv --expires-at`, of the image with this id only:
// it can't be removed without force before delay is over, and keeps its
// snapshots and clones. An image that is in the trash already is no error.
//
// Errors: InUseError, ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) TrashImage(ctx context.Context, spec Spec, id string, delay time.Duration) error {
	err := c.CheckUnused(ctx, spec, id)
	if errors.Is(err, ErrImageNotFound) {
		_, err = c.TrashedImage(ctx, spec, id)
		return err
	}
	if err != nil {
		return err
	}
	return c.withPool(ctx, spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		return translate("move to the trash", spec.ImageSpec(), ErrImageNotFound, librbd.GetImage(ioctx, spec.Image).Trash(delay))
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
	if err := c.CheckTrashRemovable(ctx, spec, id); err != nil {
		return tolerate(err, ErrNotInTrash, ErrPoolNotFound, ErrNamespaceNotFound)
	}
	err := c.withPool(ctx, spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		return translate("remove", spec.ImageSpec(), ErrNotInTrash, librbd.TrashRemove(ioctx, id, false))
	})
	return tolerate(err, ErrNotInTrash)
}

// CheckTrashRemovable says what keeps an image in the trash from being removed
// now. It returns ErrNotInTrash where it is gone.
func (c *Cluster) CheckTrashRemovable(ctx context.Context, spec Spec, id string) error {
	return c.withPool(ctx, spec.Pool, spec.Namespace, readOnly, func(ioctx *rados.IOContext) error {
		entry, err := findTrash(ioctx, spec, id)
		if err != nil {
			return err
		}
		if until := entry.DeferredUntil; time.Now().Before(until) {
			return fmt.Errorf("remove %s (id %s): %w, until %s", spec.ImageSpec(), id, ErrDeferred, until.Format(time.RFC3339))
		}
		return openImageByID(ioctx, spec, id, readOnly, func(img *librbd.Image) error {
			return checkBare(img, spec)
		})
	})
}

func openImageByID(ioctx *rados.IOContext, spec Spec, id string, mode openMode, fn func(*librbd.Image) error) error {
	open := librbd.OpenImageByIdReadOnly
	if mode == readWrite {
		open = librbd.OpenImageById
	}
	img, err := open(ioctx, id, librbd.NoSnapshot)
	if err != nil {
		return openError(ioctx, spec, err)
	}
	return closing(img, spec, fn)
}
