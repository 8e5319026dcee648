package rbd

import (
	"context"
	"syscall"

	librbd "github.com/ceph/go-ceph/rbd"
)

// sparseBytes is how long a run of zeros is at the least that is let go of, as
// with `rbd sparsify`.
const sparseBytes = 4096

// Sparsify lets go of runs of zeros in the temporary image: `rbd sparsify`. The
// OSDs look for them; every object there can be is asked for. progress, where
// given, is called with bytes of the image. It ends with ctx after the objects
// that are under way.
//
// Errors: ErrPermission; that of ctx.
func (p *Pending) Sparsify(ctx context.Context, progress func(done, total uint64)) error {
	return p.c.withImage(ctx, p.Spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, p.Spec, p.id); err != nil {
			return err
		}
		size, err := img.GetSize()
		if err != nil {
			return translate("read the size of", p.Spec, ErrImageNotFound, err)
		}
		if size == 0 {
			return nil
		}
		err = img.SparsifyWithProgress(sparseBytes, func(object, objects uint64, _ any) int {
			if ctx.Err() != nil {
				return -int(syscall.ECANCELED)
			}
			if progress != nil && objects > 0 {
				progress(min(size, size/objects*object), size)
			}
			return 0
		}, nil)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return translate("sparsify", p.Spec, ErrImageNotFound, err)
	})
}
