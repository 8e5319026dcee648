// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
)

// IsZero tells whether extents of an image, pieces at the most, are zero.
func IsZero(ctx context.Context, img Source, where []Extent) (bool, error) {
	var data atomic.Bool
	err := forEach(ctx, workers, where, func(_ int, e Extent, buf []byte) error {
		b := buf[:e.Length]
		if err := readFull(img, b, e.At); err != nil {
			return err
		}
		if !blocks.AllZero(b) {
			data.Store(true)
		}
		return nil
	})
	return err == nil && !data.Load(), err
}

// Same compares extents of two images, pieces at the most. Each read has two
// buffers.
func Same(ctx context.Context, a, b Source, where []Extent) (bool, error) {
	var other atomic.Bool
	err := forEach(ctx, workers/2, where, func(_ int, e Extent, buf []byte) error {
		second := takeBuffer()
		defer buffers.Put(second)
		one, two := buf[:e.Length], second[:e.Length]
		if err := errors.Join(readFull(a, one, e.At), readFull(b, two, e.At)); err != nil {
			return err
		}
		if !bytes.Equal(one, two) {
			other.Store(true)
		}
		return nil
	})
	return err == nil && !other.Load(), err
}
