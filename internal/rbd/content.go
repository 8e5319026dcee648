// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// Extent is a part of an image, in bytes.
type Extent = blockio.Extent

// content is an open image, or the snapshot that it is set to, for blockio.
type content struct {
	img  *librbd.Image
	spec Spec
}

func (c content) String() string { return c.spec.String() }

// ReadAt implements io.ReaderAt.
func (c content) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.img.ReadAt(b, at)
	if err != nil {
		err = fmt.Errorf("read %s at %d: %w", c.spec, at, err)
	}
	return n, err
}

// Iterate tells found what may be other than zero, by the image's own objects and
// by those of its parent.
func (c content) Iterate(ctx context.Context, q blockio.Query, found func(Extent)) error {
	return translate("look for data in", c.spec, ErrImageNotFound, blockio.Iterate(ctx, c.img, q, found))
}

// FastDiff tells whether whole objects are told from the object map.
func (c content) FastDiff() (bool, error) {
	features, err := c.img.GetFeatures()
	if err != nil {
		return false, fmt.Errorf("read the features of %s: %w", c.spec, err)
	}
	return features&librbd.FeatureFastDiff != 0, nil
}

func (c content) size() (int64, error) {
	size, err := c.img.GetSize()
	if err != nil {
		return 0, fmt.Errorf("read the size of %s: %w", c.spec, err)
	}
	return int64(size), nil //nolint:gosec // signed in librbd
}

// versioned is content that is compared with one of its snapshots.
type versioned struct{ content }

// Iterate tells found what has changed.
func (v versioned) Iterate(ctx context.Context, q blockio.Query, found func(Extent)) error {
	return translate("find what has changed in", v.spec, ErrSnapshotNotFound, blockio.Iterate(ctx, v.img, q, found))
}

// versioned is what the open image has.
func (h *handle) versioned() versioned { return versioned{content{h.img, h.spec}} }

// Extents are the parts of an image or snapshot that may hold data, in order;
// what is between them is zero: `rbd diff --whole-object`. They are told by
// objects, from the object map where there is one. With exact, every object is
// asked for what is in it, as `rbd diff` does, which takes its time.
//
// Errors: ErrImageNotFound, ErrSnapshotNotFound, ErrPermission.
func (c *Cluster) Extents(ctx context.Context, spec Spec, exact bool) ([]Extent, error) {
	var out []Extent
	err := c.withImage(ctx, spec, readOnly, func(img *librbd.Image) error {
		open := content{img, spec}
		size, err := open.size()
		if err != nil {
			return err
		}
		var found []Extent
		err = open.Iterate(ctx, blockio.Query{Within: Extent{Length: size}, Exact: exact}, func(e Extent) {
			if !e.Zero {
				found = append(found, e)
			}
		})
		out = blockio.Joined(found)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ReadExtents reads these parts of an image or snapshot without a watch, some
// of them ahead, and hands them over in order, in pieces of at most 4 MiB that
// are there only until use returns. The first error of use ends it. It is what
// `rbd export` does.
//
// Errors: ErrImageNotFound, ErrSnapshotNotFound, ErrPermission.
func (c *Cluster) ReadExtents(ctx context.Context, spec Spec, extents []Extent, use func(at int64, b []byte) error) error {
	r, err := c.OpenReader(ctx, spec)
	if err != nil {
		return err
	}
	ahead := blockio.ReadAhead(ctx, r, blockio.Each(extents))
	err = ahead.Use(ctx, use)

	// A read that hangs must not hold up whoever has given up on it, and the
	// image must not be closed under it.
	closed := make(chan error, 1)
	go func() {
		ahead.Close()
		closed <- r.Close()
	}()
	select {
	case e := <-closed:
		return errors.Join(err, e)
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}

// differs tells whether the content of an open image is another than that of one
// of its snapshots. What librbd takes for changed is read and compared: a rollback,
// too, writes what was there before. Where limit is not 0, no more bytes than that
// are. The image is set to no snapshot.
func (h *handle) differs(ctx context.Context, s Snapshot, limit int) (bool, error) {
	open := h.versioned()
	size, err := open.size()
	if err != nil {
		return false, err
	}
	if uint64(size) != s.SizeBytes { //nolint:gosec // not negative
		return true, nil
	}
	changed, err := blockio.Changed(ctx, open, s.Name, size)
	if err != nil || len(changed) == 0 {
		return false, err
	}
	old, err := h.cn.open(h.spec.WithSnapshot(s.Name), readOnly)
	if err != nil {
		return false, err
	}
	where := blockio.Pieces(changed)
	if limit > 0 {
		where = where[:min(len(where), limit/blockio.PieceBytes)]
	}
	same, err := blockio.Same(ctx, open, old.versioned(), where)
	return !same, errors.Join(err, old.close())
}
