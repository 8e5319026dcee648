package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// pendingSuffix ends the temporary name of an image that is being made.
const pendingSuffix = ".tfpending"

// PendingName is the temporary name of an image that is being made.
func PendingName(name string) string { return name + pendingSuffix }

// Pending is an image that is being made: it has a temporary name and our
// mark until Publish gives it its own name. A crash leaves the marked
// temporary image, which the next NewPending for the same name removes.
type Pending struct {
	// Spec is the temporary one.
	Spec   Spec
	target Spec
	id     string
	c      *Cluster
	undo   undo.Stack
}

// Resume finishes the renaming of an image that a run was cut off in while it
// gave it its name, and tells whether it is finished with that, see CheckFree.
func (c *Cluster) Resume(ctx context.Context, target Spec, token string) (found bool, err error) {
	err = c.withPool(ctx, target.Pool, target.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		_, err := settleRename(ioctx, PendingName(target.Image), target.Image, "")
		return err
	})
	if err != nil {
		return false, err
	}
	return c.CheckFree(ctx, target, token)
}

// CheckFree says whether an image can be made under this name: ErrExists where
// it is taken by anything but an unclaimed image made with the same token.
// Such an image is finished, and found is true.
func (c *Cluster) CheckFree(ctx context.Context, spec Spec, token string) (found bool, err error) {
	img, err := c.Image(ctx, spec)
	switch {
	case errors.Is(err, ErrImageNotFound):
		return false, nil
	case err != nil:
		return false, err
	case token != "" && img.PendingToken() == token:
		return true, nil
	}
	return false, fmt.Errorf("image %s (id %s): %w", spec, img.ID, ErrExists)
}

// NewPending makes the temporary image, empty. What an interrupted run left
// under the temporary name is removed first, after the watch of a client that
// was killed has run out.
//
// Errors: ErrExists, InUseError (another run is at work), ErrPoolNotFound,
// ErrNamespaceNotFound, ErrPermission.
func (c *Cluster) NewPending(ctx context.Context, target Spec, layout Layout, token string) (*Pending, error) {
	return c.newPending(ctx, target, nil, layout, token, func(cn *connection, ioctx *rados.IOContext, spec Spec) error {
		// It gets its size only when the mark is on it: an unmarked image
		// under this name is a leftover only if it is empty.
		return layout.create(cn, ioctx, spec, 0)
	})
}

// Origin is the snapshot that a clone is made of.
type Origin struct {
	Spec       Spec
	ImageID    string
	SnapshotID uint64
	// CloneFormat is 1, 2, or 0 for what the cluster has configured.
	CloneFormat uint64
}

// NewPendingClone is NewPending for a clone: `rbd clone`. A size of 0 in layout
// is that of the snapshot.
//
// Errors: also ErrOtherImage, ErrOtherSnapshot, ErrNotProtected, ErrShrink.
func (c *Cluster) NewPendingClone(ctx context.Context, target Spec, from Origin, layout Layout, token string) (*Pending, error) {
	if err := c.CheckClone(ctx, target, from.Spec, from.CloneFormat); err != nil {
		return nil, err
	}
	if err := c.checkOrigin(ctx, from); err != nil {
		return nil, err
	}
	return c.newPending(ctx, target, &from, layout, token, func(cn *connection, ioctx *rados.IOContext, spec Spec) error {
		return layout.clone(cn, ioctx, spec, from.Spec, from.CloneFormat)
	})
}

func (c *Cluster) newPending(ctx context.Context, target Spec, from *Origin, layout Layout, token string, create func(*connection, *rados.IOContext, Spec) error) (*Pending, error) {
	if err := c.CheckPool(ctx, target.Pool, target.Namespace); err != nil {
		return nil, err
	}
	p := &Pending{c: c, target: target, Spec: target.WithImage(PendingName(target.Image))}
	if _, err := c.CheckFree(ctx, target, ""); err != nil {
		return nil, err
	}
	if err := c.removeLeftover(ctx, p.Spec, from); err != nil {
		return nil, fmt.Errorf("a temporary image of an earlier run is in the way: %w", err)
	}
	err := c.change(ctx, func(cn *connection) error {
		return cn.withPool(p.Spec.Pool, p.Spec.Namespace, func(ioctx *rados.IOContext) error {
			err := create(cn, ioctx, p.Spec)
			if errors.Is(err, ErrExists) {
				if err = dropStump(ioctx, p.Spec); err == nil {
					err = create(cn, ioctx, p.Spec)
				}
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	p.undo.Add("remove the temporary image "+p.Spec.String(), func(ctx context.Context) error {
		// A tool that was ended in the middle leaves its watch for a while.
		if err := c.WaitUnused(ctx, p.Spec, p.id); err != nil {
			return tolerate(err, ErrImageNotFound)
		}
		return c.RemoveImage(ctx, p.Spec, p.id)
	})
	err = c.withImage(ctx, p.Spec, readWrite, func(img *librbd.Image) error {
		var err error
		if p.id, err = img.GetId(); err != nil {
			return fmt.Errorf("read the id of %s: %w", p.Spec, err)
		}
		if err := img.SetMetadata(imageKey, markOf(token, p.id)); err != nil {
			return fmt.Errorf("mark %s: %w", p.Spec, err)
		}
		if from != nil {
			if err := dropCopiedMarks(img, p.Spec, imageKey); err != nil {
				return err
			}
		}
		if err := setMetadata(img, p.Spec, layout.Metadata); err != nil {
			return err
		}
		if from != nil && layout.SizeBytes == 0 {
			return nil
		}
		return resize(img, p.Spec, layout.SizeBytes, layout.AllowShrink)
	})
	if err != nil {
		p.undo.Run(ctx, &err)
		return nil, err
	}
	return p, nil
}

// dropStump removes what is left under a temporary name of an image whose
// creation was cut off before it had a header: a name that can't be opened, and
// can't be given again. Anything that can be opened is ErrExists.
func dropStump(ioctx *rados.IOContext, spec Spec) error {
	err := openImage(ioctx, spec, readOnly, func(*librbd.Image) error { return nil })
	if !errors.Is(err, ErrImageNotFound) {
		if err == nil {
			err = fmt.Errorf("create %s: %w", spec, ErrExists)
		}
		return err
	}
	err = librbd.RemoveImage(ioctx, spec.Image)
	return tolerate(translate("remove", spec, ErrImageNotFound, err), ErrImageNotFound)
}

// checkOrigin makes sure that a clone can be made.
func (c *Cluster) checkOrigin(ctx context.Context, from Origin) error {
	format, err := c.CloneFormat(ctx, from.CloneFormat)
	if err != nil {
		return err
	}
	err = c.checkSnapshot(ctx, from.Spec, from.ImageID, from.SnapshotID)
	if errors.Is(err, ErrNotProtected) {
		if format == 2 {
			return nil
		}
		err = fmt.Errorf("%w: %w", ErrV1Parent, err)
	}
	return err
}

// ID is the RBD image id, which stays when the image is published.
func (p *Pending) ID() string { return p.id }

// Publish renames the image to its own name. It keeps its mark, with which a
// run that was interrupted before it could write its state finds it again.
//
// Errors: ErrExists.
func (p *Pending) Publish(ctx context.Context) error { return p.PublishGrown(ctx, 0) }

// PublishGrown is Publish for an image that first grows to this size in bytes;
// one that has become larger is refused. It opens the image once, since each
// opening costs a dozen round trips.
//
// Errors: ErrExists, ErrShrink, ErrOtherImage.
func (p *Pending) PublishGrown(ctx context.Context, sizeBytes uint64) error {
	err := p.c.withImage(ctx, p.Spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, p.Spec, p.id); err != nil {
			return err
		}
		if sizeBytes > 0 {
			if err := resize(img, p.Spec, sizeBytes, false); err != nil {
				return err
			}
		}
		return rename(img, p.Spec, p.target.Image)
	})
	if err != nil {
		return err
	}
	p.undo.Done()
	return nil
}

// publish is all that is left to do for an image that needs no content. err is
// that of making it.
func (p *Pending) publish(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	err = p.Publish(ctx)
	return errors.Join(err, p.Discard(ctx))
}

// Discard removes the temporary image unless it was published, and returns
// what went wrong with that. It is meant for defer.
func (p *Pending) Discard(ctx context.Context) error {
	var err error
	p.undo.Run(ctx, &err)
	return err
}

// removeLeftover removes the temporary image of an interrupted run. A clone of
// from that nobody has written to was cut off before it got its mark, and an
// image that has nothing at all, before librbd gave it its parent.
func (c *Cluster) removeLeftover(ctx context.Context, spec Spec, from *Origin) error {
	img, err := c.Image(ctx, spec)
	if errors.Is(err, ErrImageNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	empty := img.SizeBytes == 0
	if from != nil && (img.Parent.Is(from.ImageID, from.SnapshotID) || img.Parent == nil && len(img.Metadata) == 0) {
		if empty, err = c.untouched(ctx, spec); err != nil {
			return err
		}
	}
	if img.PendingToken() == "" && (!empty || len(img.Snapshots) > 0) {
		return fmt.Errorf("image %s has no mark of ours: %w", spec, ErrExists)
	}
	if err := c.WaitUnused(ctx, spec, img.ID); err != nil {
		return err
	}
	for _, s := range img.Snapshots {
		if s.Kind == UserSnapshot && img.OwnsSnapshot(s.Name) {
			if err := c.RemoveSnapshot(ctx, spec.WithSnapshot(s.Name), s.ID, false); err != nil {
				return err
			}
		}
	}
	return c.RemoveImage(ctx, spec, img.ID)
}

// untouched tells whether an image has no data of its own.
func (c *Cluster) untouched(ctx context.Context, spec Spec) (bool, error) {
	empty := true
	err := c.withImage(ctx, spec, readOnly, func(img *librbd.Image) error {
		size, err := img.GetSize()
		if err != nil {
			return fmt.Errorf("read the size of %s: %w", spec, err)
		}
		if size == 0 { // librbd 16 aborts the process when asked for that
			return nil
		}
		err = img.DiffIterate(librbd.DiffIterateConfig{
			Length: size, IncludeParent: librbd.ExcludeParent, WholeObject: librbd.EnableWholeObject,
			Callback: func(_, _ uint64, exists int, _ any) int {
				empty = empty && exists == 0
				return 0
			},
		})
		return translate("look for data in", spec, ErrImageNotFound, err)
	})
	return empty, err
}
