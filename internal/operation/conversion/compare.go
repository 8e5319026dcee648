// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	// compareBytes is what is compared at once, the size of an object as a rule.
	compareBytes = 4 << 20
	// comparers work at the same time: a cluster answers after a round trip.
	comparers = 4
)

// comparison is of a source, read without qemu-img, with an image, read without
// what wrote it.
type comparison struct {
	source  *disk
	opened  []io.ReaderAt // of the source and its backing files
	image   *rbd.Reader
	there   map[int64]bool // parts of the image
	virtual int64
	next    atomic.Int64
}

// compareContent fails where the image has another content than the source. What
// is zero in both is not read.
//
// Errors: qemu.ErrDiffer.
func (j *job) compareContent(ctx context.Context, source *disk, to rbd.Spec, virtual uint64) (err error) {
	c := &comparison{source: source, virtual: int64(virtual)} //nolint:gosec // signed in librbd
	extents, err := j.Ceph.Extents(ctx, to, false)
	if err != nil {
		return err
	}
	c.there = allocated(extents)
	if c.image, err = j.Ceph.OpenReader(ctx, to); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.image.Close()) }()
	for _, s := range source.files() {
		r, err := s.reader()
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }() // opened for reading
		c.opened = append(c.opened, r)
	}
	log := j.progress(ctx, "comparison", to)
	defer log.Stop()
	group, ctx := errgroup.WithContext(ctx)
	for range comparers {
		group.Go(func() error {
			disk, err := c.disk()
			if err != nil {
				return err
			}
			return c.run(ctx, disk, func(at int64) { log.Set(uint64(at), virtual) }) //nolint:gosec // not negative
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("compare with %s: %w", source, err)
	}
	return nil
}

// disk is the content of the source, on top of its backing files.
func (c *comparison) disk() (disk *imageformat.Disk, err error) {
	all := c.source.files()
	for i := len(all) - 1; i >= 0; i-- {
		size := int64(all[i].sizeBytes) //nolint:gosec // signed where it comes from
		if disk, err = imageformat.OpenDisk(all[i].Format, c.opened[i], size, disk); err != nil {
			return nil, err
		}
	}
	return disk, nil
}

func (c *comparison) run(ctx context.Context, disk *imageformat.Disk, progress func(at int64)) error {
	is, want := make([]byte, compareBytes), make([]byte, compareBytes)
	for {
		at := c.next.Add(compareBytes) - compareBytes
		if at >= c.virtual {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		progress(at)
		n := min(compareBytes, c.virtual-at)
		has, err := c.hasData(disk, at, n)
		if err != nil {
			return err
		}
		there := c.there[at/compareBytes]
		if !has && !there {
			continue
		}
		if _, err := disk.ReadAt(want[:n], at); err != nil {
			return fmt.Errorf("read %d bytes at %d: %w", n, at, err)
		}
		if clear(is); there {
			if _, err := c.image.ReadAt(is[:n], at); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		if !bytes.Equal(is[:n], want[:n]) {
			return fmt.Errorf("%w: in the %d bytes from byte %d on", qemu.ErrDiffer, n, at)
		}
	}
}

// hasData tells whether the source may have more than zeros there. A raw file is
// asked for its holes.
func (c *comparison) hasData(disk *imageformat.Disk, at, n int64) (bool, error) {
	f, isFile := c.opened[0].(*os.File)
	if c.source.Format != formatRaw || !isFile {
		return disk.HasData(uint64(at), uint64(n)) //nolint:gosec // not negative
	}
	return hostfile.HasData(f, at, n), nil
}

// allocated are the parts of the image that have anything.
func allocated(extents []rbd.Extent) map[int64]bool {
	out := map[int64]bool{}
	for _, e := range extents {
		for at := e.At / compareBytes; at*compareBytes < e.At+e.Length; at++ {
			out[at] = true
		}
	}
	return out
}

// compareImages reads both.
func (j *job) compareImages(ctx context.Context, a, b rbd.Spec) error {
	var sums [2]rbd.Hashes
	reading, ctx := errgroup.WithContext(ctx)
	for i, spec := range []rbd.Spec{a, b} {
		reading.Go(func() (err error) {
			sums[i], err = j.Ceph.HashContent(ctx, spec, []string{"sha256"}, nil)
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return err
	}
	if err := sums[0].Sums.Compare(sums[1].Sums); err != nil {
		return fmt.Errorf("compare with %s: %w: %w", a, qemu.ErrDiffer, err)
	}
	return nil
}
