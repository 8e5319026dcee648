// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/admin"
)

// Where a flatten is done.
const (
	FlattenByManager = "manager"
	FlattenByClient  = "client"
)

// FlattenImage is `rbd flatten`, of the image with this id only. It is a task
// of the manager where that takes one (`ceph rbd task add flatten`), so that the
// data need not pass through here, and done by librbd here where not. It waits
// for the end; when ctx ends first, the task is cancelled. What was copied by
// then stays, and the next flatten goes on from there. An image without a parent
// is no error. by tells who did it; empty where nothing had to be done.
//
// Errors: ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) FlattenImage(ctx context.Context, spec Spec, id string) (by string, err error) {
	spec = spec.ImageSpec()
	flat, err := c.isFlat(ctx, spec, id)
	if err != nil || flat {
		return "", err
	}
	err = c.flattenByManager(ctx, spec, id)
	if !errors.Is(err, errNoManager) {
		return FlattenByManager, err
	}
	return FlattenByClient, c.flattenHere(ctx, spec, id)
}

func (c *Cluster) isFlat(ctx context.Context, spec Spec, id string) (bool, error) {
	flat := false
	err := c.withImageOn(ctx, spec, readOnly, func(cn *connection, img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		parent, err := cn.readParent(img, spec)
		flat = parent == nil
		return err
	})
	return flat, err
}

// flattenHere flattens by librbd. It can't be interrupted: it has to run to its
// end or to that of the process.
func (c *Cluster) flattenHere(ctx context.Context, spec Spec, id string) error {
	return c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		return flatten(img, spec)
	})
}

func flatten(img *librbd.Image, spec Spec) error {
	err := img.Flatten()
	if errno(err) == syscall.EINVAL { // there is no parent any more
		return nil
	}
	return translate("flatten", spec, ErrImageNotFound, err)
}

// flattenByManager returns errNoManager where librbd has to do it.
func (c *Cluster) flattenByManager(ctx context.Context, spec Spec, id string) error {
	task, err := c.addTask(ctx, spec, func(cn *connection) (admin.TaskResponse, error) {
		return cn.tasks().AddFlatten(admin.NewImageSpec(spec.Pool, spec.Namespace, spec.Image))
	})
	if err == nil {
		err = c.awaitTask(ctx, spec, "flatten", task.ID)
	}
	if err != nil {
		return err
	}
	// A task that ended is told from one that gave up.
	return c.checkFlat(ctx, spec, id)
}

func (c *Cluster) checkFlat(ctx context.Context, spec Spec, id string) error {
	flat, err := c.isFlat(ctx, spec, id)
	if err == nil && !flat {
		err = fmt.Errorf("flatten %s: %w: it ended the task without flattening the image", spec, errNoManager)
	}
	return err
}

// FlattenChildren flattens all clones of the snapshot, those in the trash too,
// so that it can be removed. A guard is not flattened, as it would guard nothing
// then. done, where given, is told of each that is flat, and by whom: a name of
// FlattenBy, or empty where it was so already.
//
// Errors: as FlattenImage; ChildrenError with ErrGuarded; ErrOtherSnapshot where another one has its name.
func (c *Cluster) FlattenChildren(ctx context.Context, spec Spec, snapshotID uint64, done func(child Child, by string)) error {
	var children []Child
	err := c.withImage(ctx, spec.ImageSpec(), readOnly, func(img *librbd.Image) error {
		if _, err := sameSnapshot(img, spec, snapshotID); err != nil {
			return err
		}
		var err error
		children, err = childrenOf(img, spec, snapshotID)
		return err
	})
	if err != nil {
		return err
	}
	if err := CheckFlattened(spec, children); err != nil {
		return err
	}
	for _, child := range children {
		by := FlattenByClient
		if child.Trash {
			err = c.flattenTrashed(ctx, child)
		} else {
			by, err = c.FlattenImage(ctx, child.Spec, child.ID)
		}
		if err != nil && !errors.Is(err, ErrImageNotFound) {
			return fmt.Errorf("flatten the child %s: %w", child, err)
		}
		if done != nil {
			done(child, by)
		}
	}
	return nil
}

// CheckFlattened refuses clones of the snapshot that are not to be flattened.
//
// Errors: ChildrenError with ErrGuarded.
func CheckFlattened(spec Spec, children []Child) error {
	guards := slices.DeleteFunc(slices.Clone(children), func(c Child) bool { return !c.guards() })
	if len(guards) > 0 {
		return &ChildrenError{Spec: spec, Children: guards}
	}
	return nil
}

// ChildUsers is who has a clone open or locked, wherever it is; nil where nobody
// has, or it is gone.
//
// Errors: those of the connection; ErrPermission.
func (c *Cluster) ChildUsers(ctx context.Context, child Child) (used *InUseError, err error) {
	err = c.withPlace(ctx, place{spec: child.Spec, id: child.ID}, readOnly, func(_ *connection, img *librbd.Image) error {
		return checkUnused(img, child.Spec)
	})
	if errors.As(err, &used) {
		return used, nil
	}
	return nil, tolerate(err, ErrImageNotFound)
}

func (c *Cluster) flattenTrashed(ctx context.Context, child Child) error {
	return c.withPlace(ctx, place{spec: child.Spec, id: child.ID}, readWrite, func(_ *connection, img *librbd.Image) error {
		return flatten(img, child.Spec)
	})
}
