// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// Image reads an image: `rbd info`, `rbd snap ls --all` and `rbd image-meta ls`
// in one opening, read-only and without a watch.
//
// Errors: ErrPoolNotFound, ErrNamespaceNotFound, ErrImageNotFound,
// ErrPermission.
func (c *Cluster) Image(ctx context.Context, spec Spec) (Image, error) {
	return c.readAt(ctx, place{spec: spec.ImageSpec()})
}

// ImageByID reads the image with this id in the pool and namespace of spec,
// whatever its name is now. One in the trash has no name and is not found.
//
// An image that is detached for a while (see Detached) is given with the name
// that it will get back: nobody is to take the other one for a rename.
//
// Errors: as Image.
func (c *Cluster) ImageByID(ctx context.Context, spec Spec, id string) (Image, error) {
	return c.find(ctx, spec, id, underName)
}

// TrashedImage reads an image in the trash of the pool and namespace of spec:
// `rbd info --image-id ID`. Its spec has the name that it had.
//
// Errors: ErrNotInTrash, which is an ErrImageNotFound; as Image.
func (c *Cluster) TrashedImage(ctx context.Context, spec Spec, id string) (Image, error) {
	return c.find(ctx, spec, id, inTrash)
}

// FindImage reads the image with this id: under the name of spec, under
// another, or in the trash. An empty id means whichever has the name.
//
// Errors: as Image; ErrImageNotFound where it is gone, also where another image
// has its name.
func (c *Cluster) FindImage(ctx context.Context, spec Spec, id string) (Image, error) {
	img, err := c.Image(ctx, spec)
	if id != "" && (errors.Is(err, ErrImageNotFound) || err == nil && img.ID != id) {
		img, err = c.find(ctx, spec, id, anywhere)
	}
	return img, err
}

// where says where an image is looked for by its id, in one pool and namespace.
type where int

const (
	underName where = 1 << iota // whichever it has
	inTrash
	anywhere = underName | inTrash
)

// locate finds the image with this id: what it is called now, or was before it
// went to the trash.
//
// Errors: ErrImageNotFound where it is proven gone, which is an ErrNotInTrash
// where the trash was looked through; ErrPoolNotFound.
func (c *Cluster) locate(ctx context.Context, spec Spec, id string, in where) (at place, err error) {
	err = c.withPool(ctx, spec.Pool, spec.Namespace, readOnly, func(ioctx *rados.IOContext) error {
		var err error
		for range 2 { // it may be restored between the two questions
			if in&underName != 0 {
				var name string
				if name, err = nameByID(ioctx, id); err == nil {
					at = place{spec: spec.WithImage(name), id: id}
					return nil
				} else if !errors.Is(err, ErrImageNotFound) {
					return err
				}
			}
			if in&inTrash != 0 {
				var entry *TrashEntry
				if entry, err = findTrash(ioctx, spec, id); err == nil {
					at = place{spec: spec.WithImage(entry.Name), id: id, trash: entry}
					return nil
				} else if !errors.Is(err, ErrNotInTrash) {
					return err
				}
			}
			if in != anywhere {
				return err
			}
		}
		return err
	})
	return at, err
}

// find locates an image and reads it.
func (c *Cluster) find(ctx context.Context, spec Spec, id string, in where) (Image, error) {
	at, err := c.locate(ctx, spec, id, in)
	if err != nil {
		return Image{}, err
	}
	if at.trash != nil {
		return c.readTrashed(ctx, at)
	}
	// By its name, which is to stand for it.
	img, err := c.readAt(ctx, place{spec: at.spec})
	if errors.Is(err, ErrImageNotFound) && in == anywhere { // the name may have been left by a removal that was cut off
		return c.find(ctx, spec, id, inTrash)
	}
	if err == nil && img.ID != id {
		// Renamed again between the two questions.
		err = fmt.Errorf("%w: %s has id %s, expected %s", ErrOtherImage, img.Spec, img.ID, id)
	}
	if note, ok := img.labels().Detach(); err == nil && ok {
		img.Spec.Image = note.Name
	}
	return img, err
}

func (c *Cluster) readTrashed(ctx context.Context, at place) (Image, error) {
	img, err := c.readAt(ctx, at)
	if at.trash.Removing && errors.Is(err, ErrImageNotFound) { // it had got that far
		var fsid string
		fsid, err = c.FSID(ctx)
		img = Image{Spec: at.spec, ID: at.id, FSID: fsid, Trash: at.trash}
	}
	return img, err
}

func (c *Cluster) readAt(ctx context.Context, at place) (Image, error) {
	var out Image
	err := c.withPlace(ctx, at, readOnly, func(cn *connection, img *librbd.Image) error {
		var err error
		out, err = cn.readImage(img, at.spec)
		out.Trash = at.trash
		return err
	})
	return out, err
}
