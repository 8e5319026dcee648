// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/admin"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// managerObjects is how many objects make a removal a task of the manager: 64 GiB
// of data in objects of 4 MiB. To remove an object takes both of them the same
// time, but the manager is asked every half second, and does one task after the
// other, where clients remove many images at once. So it has what takes long
// enough for somebody to interrupt it, and what is small is removed here.
const managerObjects = 16 << 10

// errSmall is an errNoManager.
var errSmall = fmt.Errorf("%w: the image has few objects", errNoManager)

// trashForManager moves an image that has many objects to the trash, where the
// manager takes tasks, and tells whether it has. A task for an image in the trash
// names it by its id. One for an image outside names it by its name, and removes
// whatever has that when its turn comes.
//
// The label says from then on that some of the content may be gone: a removal that
// is cancelled leaves an image that could be restored.
func (c *Cluster) trashForManager(ctx context.Context, spec Spec, id string) bool {
	if err := c.checkManyObjects(ctx, spec, id); err != nil {
		return false
	}
	if err := c.askManager(ctx, spec.Pool, func(cn *connection) error {
		_, err := cn.tasks().List()
		return err
	}); err != nil {
		return false
	}
	err := c.withPlace(ctx, place{spec: spec}, readWrite, func(_ *connection, img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		return ownership.Set(img, ownership.RemovingKey, ownership.Pending)
	})
	if err == nil {
		err = c.TrashImage(ctx, spec, id, 0)
	}
	if err != nil {
		c.logf(ctx, "image %s is removed here: it could not be moved to the trash for the manager: %v", spec, err)
	}
	return err == nil
}

// checkManyObjects returns errSmall for an image that is better removed here.
// librbd asks for the objects that the object map has, and without one for all
// that there can be.
func (c *Cluster) checkManyObjects(ctx context.Context, spec Spec, id string) error {
	return c.withPool(ctx, spec.Pool, spec.Namespace, readOnly, func(ioctx *rados.IOContext) error {
		return withOpen(ioctx, place{spec: spec.ImageSpec(), id: id}, readOnly, func(img *librbd.Image) error {
			stat, err := img.Stat()
			if err != nil {
				return fmt.Errorf("read %s: %w", spec, err)
			}
			if stat.Size/stat.Obj_size < managerObjects {
				return errSmall
			}
			if mapped, err := hasFastDiff(ioctx, img, id); err != nil || !mapped {
				return translate("read the features of", spec, ErrImageNotFound, err)
			}
			used, err := usedBytes(ctx, img, spec, nil)
			if err == nil && used/stat.Obj_size < managerObjects {
				err = errSmall
			}
			return err
		})
	})
}

// hasFastDiff tells whether librbd knows without asking which objects there are.
func hasFastDiff(ioctx *rados.IOContext, img *librbd.Image, id string) (bool, error) {
	features, err := img.GetFeatures()
	if err != nil || features&librbd.FeatureFastDiff == 0 {
		return false, err
	}
	bare, err := librbd.OpenBareByIDReadOnly(ioctx, id)
	if err != nil {
		return false, err
	}
	defer bare.Close()
	invalid, err := bare.ObjectMapInvalid()
	return !invalid, err
}

// removedByManager tells whether it is a task of the manager to remove the image
// from the trash.
func (c *Cluster) removedByManager(ctx context.Context, spec Spec, id string) bool {
	found := false
	err := c.askManager(ctx, spec.Pool, func(cn *connection) error {
		tasks, err := cn.tasks().List()
		found = slices.ContainsFunc(tasks, func(t admin.TaskResponse) bool {
			return t.Refs.Action == "trash remove" && t.Refs.PoolName == spec.Pool &&
				t.Refs.PoolNamespace == spec.Namespace && t.Refs.ImageID == id
		})
		return err
	})
	return err == nil && found
}

// removeByManager is `ceph rbd task add trash remove`, and waits for the end; a
// task that was begun is waited for whatever is left to do. When ctx ends first,
// the task is cancelled: what is left of the image stays in the trash. It returns
// errNoManager where the image is to be removed here.
func (c *Cluster) removeByManager(ctx context.Context, spec Spec, id string, begun bool) error {
	if !begun {
		if err := c.checkManyObjects(ctx, spec, id); IsNotFound(err) {
			return errSmall // there is an entry in the trash, and nothing more
		} else if err != nil {
			return err
		}
	}
	task, err := c.addTask(ctx, spec, func(cn *connection) (admin.TaskResponse, error) {
		return cn.tasks().AddTrashRemove(admin.NewImageSpec(spec.Pool, spec.Namespace, id))
	})
	if err != nil {
		return err
	}
	c.logf(ctx, "image %s (id %s): the manager removes it, task %s", spec.ImageSpec(), id, task.ID)
	err = c.awaitTask(ctx, spec, "remove", task.ID)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("the image is in the trash of %s with the id %s, and some of its content may be gone: %w", spec.PoolSpec(), id, err)
	case err != nil:
		return fmt.Errorf("%w: %w", errNoManager, err)
	}
	if _, err := c.locate(ctx, spec, id, inTrash); err == nil {
		return fmt.Errorf("remove %s: %w: it ended the task without removing the image", spec, errNoManager)
	} else if !errors.Is(err, ErrNotInTrash) {
		return err
	}
	return nil
}
