// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

const (
	// readers compare files at the same time.
	readers = 8
	// A batch is read in the order of the disk; it has so many files, or extents.
	batchFiles   = 1 << 12
	batchExtents = 1 << 18
	// piece is what is compared at once, in bytes.
	piece = 256 << 10
	// spare is what may be read besides twice the disks, in bytes: files may share blocks,
	// but not without end.
	spare = 1 << 30
)

var errTooMuch = errors.New("the files have more content together than the disks can hold")

// side is one of the guests.
type side struct {
	disk   *pages
	guest  *guestread.Guest
	files  []guestread.File
	unread []guestread.Unread
}

// pair are the contents of one file before and after.
type pair struct {
	extents [2][]guestread.Extent
	size    int64
	differs bool
	err     error
}

// contents compares the content of files, each pair of inodes once.
type contents struct {
	sides   [2]*side
	known   bool // where the two disks don't differ is known
	seen    map[[2]any]*pair
	batch   []*pair
	extents int
	budget  int64
	mu      sync.Mutex
}

func newContents(before, after *side, known bool) *contents {
	return &contents{sides: [2]*side{before, after}, known: known, seen: map[[2]any]*pair{},
		budget: 2*(before.disk.size+after.disk.size) + spare}
}

// add compares two files of one size, some time until flush returns.
//
// Errors: those of the disks, and that of ctx.
func (c *contents) add(ctx context.Context, a, b guestread.File) (*pair, error) {
	key := [2]any{a.Inode(), b.Inode()}
	if p, ok := c.seen[key]; ok {
		return p, nil
	}
	p := &pair{size: a.Size}
	c.seen[key] = p
	for i, f := range []guestread.File{a, b} {
		var err error
		if p.extents[i], err = c.sides[i].guest.Extents(f); err != nil {
			return p, p.fail(err)
		}
	}
	if c.known && slices.Equal(p.extents[0], p.extents[1]) && !slices.ContainsFunc(p.extents[0], func(x guestread.Extent) bool {
		return overlaps(c.sides[1].disk.changed, x.Disk, x.Length)
	}) {
		p.extents = [2][]guestread.Extent{}
		return p, nil
	}
	c.batch = append(c.batch, p)
	c.extents += len(p.extents[0]) + len(p.extents[1])
	if len(c.batch) >= batchFiles || c.extents >= batchExtents {
		return p, c.flush(ctx)
	}
	return p, nil
}

// fail keeps what is a matter of the guest, and returns all else.
func (p *pair) fail(err error) error {
	if errors.Is(err, guestread.ErrUnsupported) || errors.Is(err, errTooMuch) {
		p.err = err
		return nil
	}
	return err
}

// flush compares what is left.
func (c *contents) flush(ctx context.Context) error {
	first := func(p *pair) int64 {
		if len(p.extents[0]) == 0 {
			return 0
		}
		return p.extents[0][0].Disk
	}
	slices.SortFunc(c.batch, func(a, b *pair) int { return cmp.Compare(first(a), first(b)) })
	work := make(chan *pair)
	var workers sync.WaitGroup
	var errs [readers]error
	for i := range readers {
		workers.Go(func() {
			bufs := new([2][piece]byte)
			for p := range work {
				if errs[i] == nil {
					errs[i] = p.fail(c.compare(ctx, p, bufs))
				}
				p.extents = [2][]guestread.Extent{}
			}
		})
	}
	for _, p := range c.batch {
		work <- p
	}
	close(work)
	workers.Wait()
	c.batch, c.extents = nil, 0
	return errors.Join(errs[:]...)
}

// spend takes n bytes off what may be read yet.
func (c *contents) spend(n int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.budget -= n; c.budget < 0 {
		return errTooMuch
	}
	return nil
}

// compare reads two files side by side, as far as they are the same.
func (c *contents) compare(ctx context.Context, p *pair, bufs *[2][piece]byte) error {
	readers := [2]*fileReader{{disk: c.sides[0].disk, left: p.extents[0]}, {disk: c.sides[1].disk, left: p.extents[1]}}
	for at := int64(0); at < p.size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		// What is a hole in both is not gone through.
		next := min(readers[0].data(at), readers[1].data(at))
		if next >= p.size {
			return nil
		}
		at = max(at, next)
		n := min(piece, p.size-at)
		if err := c.spend(2 * n); err != nil {
			return err
		}
		for i, r := range readers {
			if err := r.read(bufs[i][:n], at); err != nil {
				return err
			}
		}
		if !bytes.Equal(bufs[0][:n], bufs[1][:n]) {
			p.differs = true
			return nil
		}
		at += n
	}
	return nil
}

// fileReader reads a file from its beginning to its end.
type fileReader struct {
	disk *pages
	left []guestread.Extent // those that don't end before what was read last
}

// data is where the first data at or behind a place begins.
func (r *fileReader) data(at int64) int64 {
	for len(r.left) > 0 && r.left[0].At+r.left[0].Length <= at {
		r.left = r.left[1:]
	}
	if len(r.left) == 0 {
		return 1<<63 - 1
	}
	return max(at, r.left[0].At)
}

func (r *fileReader) read(b []byte, at int64) error {
	clear(b)
	end := at + int64(len(b))
	for _, x := range r.left {
		if x.At >= end {
			break
		}
		from, to := max(at, x.At), min(end, x.At+x.Length)
		if from >= to {
			continue
		}
		if _, err := r.disk.ReadAt(b[from-at:to-at], x.Disk+from-x.At); err != nil {
			return err
		}
	}
	return nil
}
