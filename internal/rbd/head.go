package rbd

import (
	"context"
	"errors"
	"fmt"
	"io"

	librbd "github.com/ceph/go-ceph/rbd"
)

// ReadHead reads the first n bytes of an image or snapshot, less where it is
// shorter.
func (c *Cluster) ReadHead(ctx context.Context, spec Spec, n int) ([]byte, error) {
	buf := make([]byte, n)
	err := c.withImage(ctx, spec, readOnly, func(img *librbd.Image) error {
		size, err := img.GetSize()
		if err != nil {
			return fmt.Errorf("read the size of %s: %w", spec, err)
		}
		if size == 0 { // librbd takes a read of nothing for an invalid one
			buf = nil
			return nil
		}
		got, err := img.ReadAt(buf, 0)
		buf = buf[:max(got, 0)]
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", spec, err)
		}
		return nil
	})
	return buf, err
}
