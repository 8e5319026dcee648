// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

type openMode int

const (
	// readOnly leaves no watch on the image: reading is not using.
	readOnly openMode = iota
	readWrite
)

// withPool opens a pool and namespace. A missing pool is told from a missing
// image here, since librbd answers ENOENT to both.
func (c *Cluster) withPool(ctx context.Context, pool, namespace string, mode openMode, fn func(*rados.IOContext) error) error {
	return c.run(ctx, graceOf(mode), pool, func(cn *connection) error { return cn.withPool(pool, namespace, fn) })
}

func (cn *connection) withPool(pool, namespace string, fn func(*rados.IOContext) error) error {
	ioctx, err := cn.openPool(pool, namespace)
	if err != nil {
		return err
	}
	defer ioctx.Destroy()
	return fn(ioctx)
}

func (cn *connection) openPool(pool, namespace string) (*rados.IOContext, error) {
	if err := cn.refresh(pool); err != nil {
		return nil, fmt.Errorf("read the map of the pools: %w", err)
	}
	ioctx, err := cn.conn.OpenIOContext(pool)
	if err != nil {
		if errno(err) == syscall.ENOENT {
			return nil, fmt.Errorf("%w: %q", ErrPoolNotFound, pool)
		}
		return nil, fmt.Errorf("open pool %q: %w", pool, err)
	}
	// On a full pool changes would wait for room, and removing is what makes it.
	if err := ioctx.SetPoolFullTry(); err != nil {
		ioctx.Destroy()
		return nil, fmt.Errorf("open pool %q: %w", pool, err)
	}
	ioctx.SetNamespace(namespace)
	return ioctx, nil
}

// place is where an image is to be opened: by its id where that is known, else
// by name. It is set to the snapshot where spec has one.
type place struct {
	spec  Spec
	id    string
	trash *TrashEntry
}

// withImage opens an image, or its snapshot where spec has one, by name.
func (c *Cluster) withImage(ctx context.Context, spec Spec, mode openMode, fn func(*librbd.Image) error) error {
	return c.withPlace(ctx, place{spec: spec}, mode, func(_ *connection, img *librbd.Image) error { return fn(img) })
}

// withImageOn is withImage for what needs the connection too.
func (c *Cluster) withImageOn(ctx context.Context, spec Spec, mode openMode, fn func(*connection, *librbd.Image) error) error {
	return c.withPlace(ctx, place{spec: spec}, mode, fn)
}

// withPlace opens an image wherever it is.
func (c *Cluster) withPlace(ctx context.Context, at place, mode openMode, fn func(*connection, *librbd.Image) error) error {
	return c.run(ctx, graceOf(mode), at.spec.Pool, func(cn *connection) error {
		return cn.withPlace(at, mode, func(img *librbd.Image) error { return fn(cn, img) })
	})
}

func (cn *connection) withPlace(at place, mode openMode, fn func(*librbd.Image) error) error {
	return cn.withPool(at.spec.Pool, at.spec.Namespace, func(ioctx *rados.IOContext) error {
		return withOpen(ioctx, at, mode, fn)
	})
}

// withOpen is withPlace in a pool and namespace that is open.
func withOpen(ioctx *rados.IOContext, at place, mode openMode, fn func(*librbd.Image) error) (err error) {
	img, err := at.open(ioctx, mode)
	if err != nil {
		return err
	}
	defer func() {
		if e := closeImage(img, at.spec, mode); e != nil && err == nil {
			err = e
		}
	}()
	return fn(img)
}

// open is the one place where librbd opens an image. The caller closes it.
func (p place) open(ioctx *rados.IOContext, mode openMode) (*librbd.Image, error) {
	var img *librbd.Image
	var err error
	switch {
	case p.id != "" && mode == readWrite:
		img, err = librbd.OpenImageById(ioctx, p.id, librbd.NoSnapshot)
	case p.id != "":
		img, err = librbd.OpenImageByIdReadOnly(ioctx, p.id, librbd.NoSnapshot)
	case mode == readWrite:
		img, err = librbd.OpenImage(ioctx, p.spec.Image, librbd.NoSnapshot)
	default:
		img, err = librbd.OpenImageReadOnly(ioctx, p.spec.Image, librbd.NoSnapshot)
	}
	if err != nil {
		return nil, openError(ioctx, p.spec, err)
	}
	if p.spec.Snapshot != "" {
		if err := img.SetSnapshot(p.spec.Snapshot); err != nil {
			err = translate("open", p.spec, ErrSnapshotNotFound, err)
			return nil, errors.Join(err, closeImage(img, p.spec, mode))
		}
	}
	return img, nil
}

func closeImage(img *librbd.Image, spec Spec, mode openMode) error {
	shut := img.Close
	if mode == readOnly {
		shut = func() error { return librbd.CloseReadOnly(img) }
	}
	if err := shut(); err != nil {
		return fmt.Errorf("close %s: %w", spec.ImageSpec(), err)
	}
	return nil
}

func openError(ioctx *rados.IOContext, spec Spec, err error) error {
	if errno(err) == syscall.ENOENT && spec.Namespace != "" {
		// The namespace is looked up in the pool's default one.
		ioctx.SetNamespace("")
		ok, e := librbd.NamespaceExists(ioctx, spec.Namespace)
		ioctx.SetNamespace(spec.Namespace)
		if e == nil && !ok {
			return fmt.Errorf("%w: %q in pool %q", ErrNamespaceNotFound, spec.Namespace, spec.Pool)
		}
	}
	return translate("open", spec.ImageSpec(), ErrImageNotFound, err)
}

// CheckPool tells whether images can live in the pool and namespace.
//
// It returns ErrPoolNotFound or ErrNamespaceNotFound.
func (c *Cluster) CheckPool(ctx context.Context, pool, namespace string) error {
	return c.withPool(ctx, pool, "", readOnly, func(ioctx *rados.IOContext) error {
		if namespace == "" {
			return nil
		}
		ok, err := librbd.NamespaceExists(ioctx, namespace)
		if err != nil {
			return translate("look up namespace "+namespace+" in pool", poolName(pool), ErrPoolNotFound, err)
		}
		if !ok {
			return fmt.Errorf("%w: %q in pool %q", ErrNamespaceNotFound, namespace, pool)
		}
		return nil
	})
}

// checkID makes sure that an open image is the one that is meant. An empty id
// means any.
func checkID(img *librbd.Image, spec Spec, id string) error {
	if id == "" {
		return nil
	}
	got, err := img.GetId()
	if err != nil {
		return fmt.Errorf("read the id of %s: %w", spec, err)
	}
	if got != id {
		if label, err := ownership.Read(img, ownership.ImageKey); err == nil && label == ownership.Label(ownership.PlaceholderToken(id), got) {
			return fmt.Errorf("%w: %s (id %s)", ErrDetached, spec.ImageSpec(), id)
		}
		return fmt.Errorf("%w: %s has id %s, expected %s", ErrOtherImage, spec.ImageSpec(), got, id)
	}
	return nil
}
