// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// CheckSparsify says, without changing anything, what keeps SparsifyImage from
// sparsifying the image now.
//
// Errors: as SparsifyImage.
func (c *Cluster) CheckSparsify(ctx context.Context, spec Spec) (Image, error) {
	img, err := c.Image(ctx, spec.ImageSpec())
	if err != nil {
		return img, err
	}
	if err := img.CheckSettled(); err != nil {
		return img, err
	}
	err = c.withImage(ctx, spec.ImageSpec(), readOnly, func(open *librbd.Image) error { return checkSparsify(open, img) })
	if err == nil && !img.EditInterrupted() { // whose watch goes away by itself
		err = c.CheckUnused(ctx, spec.ImageSpec(), img.ID)
	}
	return img, err
}

func checkSparsify(open *librbd.Image, img Image) error {
	if err := checkID(open, img.Spec, img.ID); err != nil {
		return err
	}
	if err := checkMigration(open, img.Spec); err != nil {
		return err
	}
	return checkPrimary(open, img.Spec)
}

// SparsifyImage is `rbd sparsify`, of the image that CheckSparsify has found: runs
// of zeros from 4 KiB on are let go of. The content stays what it is, also where it
// is cut off. progress, where given, is called with bytes of the image. It ends with
// ctx after the objects that are under way.
//
// Errors: InUseError, ErrBusy, ErrNotPrimary, ErrMigrating, ErrRollbackCutOff,
// ErrOtherImage, ErrImageNotFound, ErrPermission; that of ctx.
func (c *Cluster) SparsifyImage(ctx context.Context, img Image, progress func(done, total uint64)) error {
	lock, err := c.ReserveImage(ctx, img.Spec, "sparsify")
	if err != nil {
		return err
	}
	defer lock.Release()
	lock.patient = lock.patient || img.EditInterrupted()
	if err := lock.checkUnused(ctx, img.ID); err != nil {
		return err
	}
	return c.withImageOn(ctx, img.Spec, readWrite, func(cn *connection, open *librbd.Image) error {
		if err := checkSparsify(open, img); err != nil {
			return err
		}
		if err := checkSettled(open, img.Spec); err != nil {
			return err
		}
		if err := cn.checkAlone(open, img.Spec); err != nil {
			return err
		}
		return sparsify(ctx, open, img.Spec, progress)
	})
}

func sparsify(ctx context.Context, img *librbd.Image, spec Spec, progress func(done, total uint64)) error {
	size, err := img.GetSize()
	if err != nil {
		return translate("read the size of", spec, ErrImageNotFound, err)
	}
	err = blockio.Sparsify(ctx, img, size, progress)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return translate("sparsify", spec, ErrImageNotFound, err)
}
