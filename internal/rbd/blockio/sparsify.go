// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"context"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// sparseBytes is how long a run of zeros is at the least that is let go of, as
// with `rbd sparsify`.
const sparseBytes = 4096

// Sparsifier is an open image as librbd has it.
type Sparsifier interface {
	SparsifyWithProgress(sparseSize uint, progress librbd.SparsifyCallback, data any) error
}

// Sparsify lets go of runs of zeros in an image of so many bytes: `rbd sparsify`.
// progress, where given, is called with bytes of the image. It ends with ctx after
// the objects that are under way.
//
// Errors: that of ctx; those of librbd as they are.
func Sparsify(ctx context.Context, img Sparsifier, sizeBytes uint64, progress func(done, total uint64)) error {
	if sizeBytes == 0 {
		return nil
	}
	err := img.SparsifyWithProgress(sparseBytes, func(object, objects uint64, _ any) int {
		if ctx.Err() != nil {
			return -int(syscall.ECANCELED)
		}
		if progress != nil && objects > 0 {
			progress(min(sizeBytes, sizeBytes/objects*object), sizeBytes)
		}
		return 0
	}, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
