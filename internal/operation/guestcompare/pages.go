// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// A page is what is read at once, and maxPages how many are kept of one image.
const (
	pageBytes = 1 << 20
	maxPages  = 48
)

// pages reads an image in pages and keeps the last ones: what a file system has near
// each other is read together, and each read is a round trip. It may be used by
// several goroutines.
type pages struct {
	r    io.ReaderAt
	size int64
	// twin has the same bytes wherever changed has nothing; nil where nothing is known.
	twin    *pages
	changed []rbd.Extent

	mu    sync.Mutex
	kept  map[int64]*page
	order []int64 // the oldest first
}

type page struct {
	once sync.Once
	b    []byte
	err  error
}

// ReadAt implements io.ReaderAt.
func (p *pages) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		at := off + int64(done)
		if at < 0 || at >= p.size {
			return done, io.EOF
		}
		start := at - at%pageBytes
		got, err := p.page(start)
		if err != nil {
			return done, err
		}
		done += copy(b[done:], got[at-start:])
	}
	return done, nil
}

// page returns the page at start.
func (p *pages) page(start int64) ([]byte, error) {
	n := min(pageBytes, p.size-start)
	if p.twin != nil && start+n <= p.twin.size && (n == pageBytes || p.size == p.twin.size) && !overlaps(p.changed, start, n) {
		return p.twin.page(start)
	}
	p.mu.Lock()
	got, ok := p.kept[start]
	if !ok {
		if p.kept == nil {
			p.kept = map[int64]*page{}
		}
		if len(p.order) >= maxPages {
			delete(p.kept, p.order[0])
			p.order = p.order[1:]
		}
		got = &page{}
		p.kept[start], p.order = got, append(p.order, start)
	}
	p.mu.Unlock()
	got.once.Do(func() { got.b, got.err = readPage(p.r, start, n) })
	return got.b, got.err
}

func readPage(r io.ReaderAt, start, n int64) ([]byte, error) {
	b := make([]byte, n)
	got, err := r.ReadAt(b, start)
	if int64(got) == n {
		return b, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, fmt.Errorf("read the disk at %d: %w", start, err)
}

// overlaps says whether n bytes at start meet any of the extents, which are in order.
func overlaps(extents []rbd.Extent, start, n int64) bool {
	i, _ := slices.BinarySearchFunc(extents, start, func(e rbd.Extent, at int64) int {
		if e.End() <= at {
			return -1
		}
		return 1
	})
	return i < len(extents) && extents[i].At < start+n
}
