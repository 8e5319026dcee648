package rbd

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"
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
	run := c.do
	if mode == readWrite {
		run = c.change
	}
	return run(ctx, func(cn *connection) error { return cn.withPool(pool, namespace, fn) })
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

// withImage opens an image, or its snapshot where spec has one, by name.
func (c *Cluster) withImage(ctx context.Context, spec Spec, mode openMode, fn func(*librbd.Image) error) error {
	return c.withPool(ctx, spec.Pool, spec.Namespace, mode, func(ioctx *rados.IOContext) error {
		return openImage(ioctx, spec, mode, fn)
	})
}

// withImageOn is withImage for what needs the connection too.
func (c *Cluster) withImageOn(ctx context.Context, spec Spec, mode openMode, fn func(*connection, *librbd.Image) error) error {
	run := c.do
	if mode == readWrite {
		run = c.change
	}
	return run(ctx, func(cn *connection) error {
		return cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
			return openImage(ioctx, spec, mode, func(img *librbd.Image) error { return fn(cn, img) })
		})
	})
}

func openImage(ioctx *rados.IOContext, spec Spec, mode openMode, fn func(*librbd.Image) error) error {
	open := librbd.OpenImageReadOnly
	if mode == readWrite {
		open = librbd.OpenImage
	}
	img, err := open(ioctx, spec.Image, librbd.NoSnapshot)
	if err != nil {
		return openError(ioctx, spec, err)
	}
	return closing(img, spec, func(img *librbd.Image) error {
		if spec.Snapshot != "" {
			if err := img.SetSnapshot(spec.Snapshot); err != nil {
				return translate("open", spec, ErrSnapshotNotFound, err)
			}
		}
		return fn(img)
	})
}

// closing closes the image after fn.
func closing(img *librbd.Image, spec Spec, fn func(*librbd.Image) error) (err error) {
	defer func() {
		if e := img.Close(); e != nil && err == nil {
			err = fmt.Errorf("close %s: %w", spec.ImageSpec(), e)
		}
	}()
	return fn(img)
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
		if mark, err := metadata(img, imageKey); err == nil && mark == markOf(decoyToken(id), got) {
			return fmt.Errorf("%w: %s (id %s)", ErrAside, spec.ImageSpec(), id)
		}
		return fmt.Errorf("%w: %s has id %s, expected %s", ErrOtherImage, spec.ImageSpec(), got, id)
	}
	return nil
}

// tolerate drops an error that says that what should go is gone.
func tolerate(err error, gone ...error) error {
	for _, g := range gone {
		if errors.Is(err, g) {
			return nil
		}
	}
	return err
}
