// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// RenameImage is `rbd rename SPEC POOL/NAME`, of the image with this id only.
// It stays in its pool and namespace. A rename that was cut off is finished.
//
// Errors: ErrExists, ErrOtherImage, ErrImageNotFound.
func (c *Cluster) RenameImage(ctx context.Context, spec Spec, id, name string) error {
	return c.withPool(ctx, spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		now, err := recoverRename(ioctx, spec.Image, name, id)
		if err != nil {
			return fmt.Errorf("rename %s: %w", spec, err)
		}
		if now == name {
			return nil
		}
		return withOpen(ioctx, place{spec: spec.ImageSpec()}, readWrite, func(img *librbd.Image) error {
			if err := checkID(img, spec, id); err != nil {
				return err
			}
			return rename(img, spec, name)
		})
	})
}

func rename(img *librbd.Image, spec Spec, name string) error {
	return translate("rename", spec, ErrImageNotFound, img.Rename(name))
}

// recoverRename finishes or takes back a rename that was cut off. librbd writes
// the new name's id object, then the pool's directory, then removes the old
// name's id object: a client that dies in between leaves an image that opens
// under both names. What the directory says, counts: it returns that name, or
// empty where the two are not names of the image with this id; an empty id means
// any.
func recoverRename(ioctx *rados.IOContext, from, to, id string) (now string, err error) {
	old, err := idByName(ioctx, from)
	if err != nil || old == "" || id != "" && old != id {
		return "", err
	}
	id = old
	if other, err := idByName(ioctx, to); err != nil || other != id {
		return "", err
	}
	switch now, err = nameByID(ioctx, id); {
	case errors.Is(err, ErrImageNotFound):
		return "", nil // in the trash, or being made: no rename
	case err != nil:
		return "", err
	case now == to:
		err = ioctx.Delete(idObject(from))
	case now == from:
		err = ioctx.Delete(idObject(to))
	default:
		return "", nil
	}
	if err != nil && errno(err) != syscall.ENOENT && !errors.Is(err, rados.ErrNotFound) {
		return now, fmt.Errorf("remove the other name of image id %s: %w", id, err)
	}
	return now, nil
}
