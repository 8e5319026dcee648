// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// WriteStream writes a stream into the temporary image, object by object and
// many at once. What is zero is not written, as the image is empty. The image
// grows with the stream and has its length in bytes in the end. progress, where
// given, is called with the bytes that were read.
//
// Similar to: `rbd import - SPEC`.
//
// Errors: those of r; ErrPoolFull, ErrPermission.
func (p *Pending) WriteStream(ctx context.Context, r io.Reader, progress func(bytes uint64)) (written uint64, err error) {
	var all uint64
	err = p.fillWith(ctx, func(img *librbd.Image, stat *librbd.ImageInfo) error {
		s := blockio.Stream{To: filled{content{img, p.Spec}}, SizeBytes: int64(stat.Size), ObjectBytes: int64(stat.Obj_size)} //nolint:gosec // signed in librbd
		s.Resize = func(size int64) error { return resize(img, p.Spec, uint64(size), false) }                                 //nolint:gosec // not negative
		if progress != nil {
			s.Progress = func(done int64) { progress(uint64(done)) } //nolint:gosec // not negative
		}
		n, err := s.Write(ctx, r)
		all = uint64(n) //nolint:gosec // not negative
		return err
	}, func(img *librbd.Image) error {
		// The image is ours and unfinished: what it has beyond is what it grew ahead.
		return resize(img, p.Spec, all, true)
	})
	if err != nil {
		return 0, err
	}
	return all, nil
}

// CopyContent copies what an image or snapshot has, holes left out, into the
// temporary image, which must have its size. progress, where given, is called
// with bytes of all the data there is: `rbd export FROM - | rbd import - SPEC`.
//
// Errors: ErrImageNotFound, ErrSnapshotNotFound, ErrPoolFull, ErrPermission.
func (p *Pending) CopyContent(ctx context.Context, from Spec, progress func(done, total uint64)) error {
	extents, err := p.c.Extents(ctx, from, false)
	if err != nil {
		return err
	}
	return p.fillWith(ctx, func(img *librbd.Image, _ *librbd.ImageInfo) error {
		r, err := p.c.OpenReader(ctx, from)
		if err != nil {
			return err
		}
		err = blockio.Copy(ctx, filled{content{img, p.Spec}}, r, extents, signed(progress))
		return errors.Join(err, r.Close())
	}, func(*librbd.Image) error { return nil })
}

// signed is a progress function for blockio; nil stays nil.
func signed(progress func(done, total uint64)) func(done, total int64) {
	if progress == nil {
		return nil
	}
	return func(done, total int64) { progress(uint64(done), uint64(total)) } //nolint:gosec // not negative
}

// fillWith opens the temporary image for what fill writes into it, and finishes
// the image when all of that is in the cluster.
func (p *Pending) fillWith(ctx context.Context, fill func(*librbd.Image, *librbd.ImageInfo) error, finish func(*librbd.Image) error) error {
	// All that may hang is in there, and left to itself when ctx has ended.
	return p.c.withImage(ctx, p.Spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, p.Spec, p.id); err != nil {
			return err
		}
		stat, err := img.Stat()
		if err != nil {
			return fmt.Errorf("read %s: %w", p.Spec, err)
		}
		if err := fill(img, stat); err != nil {
			return err
		}
		if err := img.Flush(); err != nil {
			return translate("flush", p.Spec, ErrImageNotFound, err)
		}
		return finish(img)
	})
}

// filled is an empty image that is written to.
type filled struct{ content }

// WriteAt implements io.WriterAt.
func (f filled) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.img.WriteAt(b, at)
	return n, translate("write", f.spec, ErrImageNotFound, err)
}

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
		return sparsify(ctx, img, p.Spec, progress)
	})
}
