package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"
)

// Image is what librbd says of an image.
type Image struct {
	Spec            Spec
	FSID            string
	ID              string // the RBD image id: survives a rename
	SizeBytes       uint64
	ObjectSizeBytes uint64
	Features        []string
	Parent          *Spec // with its snapshot; nil where there is none
	Snapshots       []Snapshot
	Metadata        map[string]string
	CreatedAt       time.Time
}

// Image reads an image: `rbd info`, `rbd snap ls` and `rbd image-meta ls` in
// one opening, read-only and without a watch.
//
// Errors: ErrPoolNotFound, ErrNamespaceNotFound, ErrImageNotFound,
// ErrPermission.
func (c *Cluster) Image(ctx context.Context, spec Spec) (Image, error) {
	var out Image
	err := c.do(ctx, func(cn *connection) error {
		return cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
			return openImage(ioctx, spec.ImageSpec(), readOnly, func(img *librbd.Image) error {
				var err error
				out, err = readImage(img, spec.ImageSpec())
				out.FSID = cn.fsid
				return err
			})
		})
	})
	return out, err
}

func readImage(img *librbd.Image, spec Spec) (Image, error) {
	out := Image{Spec: spec}
	var errs [6]error
	var stat *librbd.ImageInfo
	var features uint64
	var created librbd.Timespec
	stat, errs[0] = img.Stat()
	features, errs[1] = img.GetFeatures()
	out.ID, errs[2] = img.GetId()
	created, errs[3] = img.GetCreateTimestamp()
	out.Snapshots, errs[4] = readSnapshots(img)
	out.Metadata, errs[5] = img.ListMetadata()
	if err := errors.Join(errs[:]...); err != nil {
		return out, fmt.Errorf("read %s: %w", spec, err)
	}
	out.SizeBytes = stat.Size
	out.ObjectSizeBytes = stat.Obj_size
	set := librbd.FeatureSet(features)
	out.Features = set.Names()
	slices.Sort(out.Features)
	out.CreatedAt = time.Unix(created.Sec, created.Nsec).UTC()

	parent, err := img.GetParent()
	switch {
	case err == nil:
		out.Parent = &Spec{Pool: parent.Image.PoolName, Namespace: parent.Image.PoolNamespace,
			Image: parent.Image.ImageName, Snapshot: parent.Snap.SnapName}
	case errno(err) != syscall.ENOENT:
		return out, fmt.Errorf("read the parent of %s: %w", spec, err)
	}
	return out, nil
}

// CreateImage makes an empty image: `rbd create --size SIZE SPEC`. It is made
// under its temporary name and marked with token, see Pending.
//
// Errors: ErrExists, ErrPoolNotFound, ErrNamespaceNotFound, ErrPermission.
func (c *Cluster) CreateImage(ctx context.Context, spec Spec, sizeBytes uint64, token string) (err error) {
	p, err := c.NewPending(ctx, spec, sizeBytes, token)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Discard(ctx)) }()
	return p.Publish(ctx)
}

// GrowImage is `rbd resize --size SIZE SPEC`, of the image with this id only.
// It never shrinks.
//
// Errors: ErrShrink, ErrOtherImage, ErrImageNotFound.
func (c *Cluster) GrowImage(ctx context.Context, spec Spec, id string, sizeBytes uint64) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		return grow(img, spec, sizeBytes)
	})
}

func grow(img *librbd.Image, spec Spec, sizeBytes uint64) error {
	size, err := img.GetSize()
	if err != nil {
		return fmt.Errorf("read the size of %s: %w", spec, err)
	}
	if sizeBytes < size {
		return fmt.Errorf("%w: %s has %d bytes, %d are wanted", ErrShrink, spec, size, sizeBytes)
	}
	if sizeBytes == size {
		return nil
	}
	// allow_shrink stays off for the case that somebody else grew it just now.
	err = img.Resize2(sizeBytes, false, func(uint64, uint64, any) int { return 0 }, nil)
	return translate("resize", spec, ErrImageNotFound, err)
}

// RenameImage is `rbd rename SPEC POOL/NAME`, of the image with this id only.
// It stays in its pool and namespace.
//
// Errors: ErrExists, ErrOtherImage, ErrImageNotFound.
func (c *Cluster) RenameImage(ctx context.Context, spec Spec, id, name string) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		return translate("rename", spec, ErrImageNotFound, img.Rename(name))
	})
}

// RemoveImage is `rbd rm SPEC`, of the image with this id only. An image that
// is gone is no error.
//
// Errors: ErrOtherImage, SnapshotsError, InUseError, ErrPermission.
func (c *Cluster) RemoveImage(ctx context.Context, spec Spec, id string) error {
	spec = spec.ImageSpec()
	img, err := c.Image(ctx, spec)
	if err == nil && img.ID == id && img.EditInterrupted() {
		if err = c.WaitUnused(ctx, spec, id); err == nil {
			err = c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error { return dropUndo(img, spec) })
		}
	}
	if err == nil {
		err = c.CheckRemovable(ctx, spec, id)
	}
	if err != nil {
		return tolerate(err, ErrImageNotFound, ErrPoolNotFound, ErrNamespaceNotFound)
	}
	err = c.withPool(ctx, spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		return translate("remove", spec, ErrImageNotFound, librbd.RemoveImage(ioctx, spec.Image))
	})
	return tolerate(err, ErrImageNotFound)
}

// CheckRemovable says, without changing anything, what keeps an image from
// being removed now: snapshots, watchers, locks, or another id.
//
// It returns ErrImageNotFound where the image with this id is gone, also where
// another has its name.
func (c *Cluster) CheckRemovable(ctx context.Context, spec Spec, id string) error {
	err := c.checkRemovable(ctx, spec, id)
	if errors.Is(err, ErrOtherImage) {
		if _, e := c.ImageByID(ctx, spec, id); errors.Is(e, ErrImageNotFound) {
			return e
		}
	}
	return err
}

func (c *Cluster) checkRemovable(ctx context.Context, spec Spec, id string) error {
	return c.withImage(ctx, spec.ImageSpec(), readOnly, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		if err := checkUnused(img, spec); err != nil {
			return err
		}
		snaps, err := readSnapshots(img)
		if err != nil {
			return err
		}
		if len(snaps) == 0 {
			return nil
		}
		e := &SnapshotsError{Spec: spec.ImageSpec()}
		for _, s := range snaps {
			e.Snapshots = append(e.Snapshots, s.Name)
		}
		return e
	})
}
