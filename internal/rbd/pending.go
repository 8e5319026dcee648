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

// NewPending makes the temporary image, of this size in bytes and empty.
// What an interrupted run left under the temporary name is removed first,
// after the watch of a client that was killed has run out.
//
// Errors: ErrExists, InUseError (another run is at work), ErrPoolNotFound,
// ErrNamespaceNotFound, ErrPermission.
func (c *Cluster) NewPending(ctx context.Context, target Spec, sizeBytes uint64, token string) (*Pending, error) {
	if err := c.CheckPool(ctx, target.Pool, target.Namespace); err != nil {
		return nil, err
	}
	if _, err := c.CheckFree(ctx, target, ""); err != nil {
		return nil, err
	}
	p := &Pending{c: c, target: target, Spec: target.WithImage(PendingName(target.Image))}
	if err := c.removeLeftover(ctx, p.Spec); err != nil {
		return nil, fmt.Errorf("a temporary image of an earlier run is in the way: %w", err)
	}
	err := c.withPool(ctx, p.Spec.Pool, p.Spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		opts := librbd.NewRbdImageOptions()
		defer opts.Destroy()
		// It gets its size only when the mark is on it: an unmarked image
		// under this name is a leftover only if it is empty.
		return translate("create", p.Spec, ErrPoolNotFound, librbd.CreateImage(ioctx, p.Spec.Image, 0, opts))
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
		if err := img.SetMetadata(imageKey, token); err != nil {
			return fmt.Errorf("mark %s: %w", p.Spec, err)
		}
		return grow(img, p.Spec, sizeBytes)
	})
	if err != nil {
		p.undo.Run(ctx, &err)
		return nil, err
	}
	return p, nil
}

// ID is the RBD image id, which stays when the image is published.
func (p *Pending) ID() string { return p.id }

// Grow grows the temporary image to this size in bytes.
func (p *Pending) Grow(ctx context.Context, sizeBytes uint64) error {
	return p.c.GrowImage(ctx, p.Spec, p.id, sizeBytes)
}

// Publish renames the image to its own name. It keeps its mark, with which a
// run that was interrupted before it could write its state finds it again.
//
// Errors: ErrExists.
func (p *Pending) Publish(ctx context.Context) error {
	if err := p.c.RenameImage(ctx, p.Spec, p.id, p.target.Image); err != nil {
		return err
	}
	p.undo.Done()
	return nil
}

// Discard removes the temporary image unless it was published, and returns
// what went wrong with that. It is meant for defer.
func (p *Pending) Discard(ctx context.Context) error {
	var err error
	p.undo.Run(ctx, &err)
	return err
}

// removeLeftover removes the temporary image of an interrupted run.
func (c *Cluster) removeLeftover(ctx context.Context, spec Spec) error {
	img, err := c.Image(ctx, spec)
	if errors.Is(err, ErrImageNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if img.PendingToken() == "" && (img.SizeBytes > 0 || len(img.Snapshots) > 0) {
		return fmt.Errorf("image %s has no mark of ours: %w", spec, ErrExists)
	}
	if err := c.WaitUnused(ctx, spec, img.ID); err != nil {
		return err
	}
	return c.RemoveImage(ctx, spec, img.ID)
}
