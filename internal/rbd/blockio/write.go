// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
)

const (
	// maxChunkBytes bounds what is written at once, and with that the memory.
	maxChunkBytes = 8 << 20
	// growBytes is by how much an image grows ahead of a stream whose length is
	// not known, at the least: each time costs a round trip or two.
	growBytes = 1 << 30
)

// Writer is an open image that is written to. Errors of WriteAt say which it is,
// and String is what it is called.
type Writer interface {
	io.WriterAt
	fmt.Stringer
}

// Stream writes a stream into an empty image.
type Stream struct {
	To Writer
	// SizeBytes is the size of the image, and Resize makes it larger.
	SizeBytes int64
	Resize    func(sizeBytes int64) error
	// ObjectBytes is the size of the image's objects: one is written at a time, or
	// a part of a large one.
	ObjectBytes int64
	// Progress, where given, is called with the bytes that were read.
	Progress func(done int64)
}

// Write writes r to its end, object by object and many at once, and returns how
// many bytes it had. What is zero is not written. The image grows ahead of the
// stream, and has to be cut to its length in the end. It takes some 17 objects
// of memory.
//
// Errors: those of r, of Resize and of writing; that of ctx.
func (s *Stream) Write(ctx context.Context, r io.Reader) (all int64, err error) {
	ended := false
	next := func(buf []byte) (chunk Extent, more bool, err error) {
		if ended {
			return chunk, false, nil
		}
		var n int
		if n, ended, err = blocks.Read(r, buf); err != nil || n == 0 {
			return chunk, false, err
		}
		chunk = Extent{At: all, Length: int64(n)}
		if err := s.grow(chunk.End()); err != nil {
			return chunk, false, err
		}
		all = chunk.End()
		if s.Progress != nil {
			s.Progress(all)
		}
		return chunk, true, nil
	}
	// One of them reads while the others write.
	err = inParallel(ctx, workers+1, int(min(s.ObjectBytes, maxChunkBytes)), next, func(chunk Extent, buf []byte) error {
		return writeData(s.To, buf[:chunk.Length], chunk.At)
	})
	if ctx.Err() != nil {
		err = fmt.Errorf("write %s: %w", s.To, ctx.Err())
	}
	return all, err
}

// grow makes room, well ahead.
func (s *Stream) grow(to int64) error {
	if to <= s.SizeBytes {
		return nil
	}
	size := to + max(growBytes, s.SizeBytes/4)
	if err := s.Resize(size); err != nil {
		return err
	}
	s.SizeBytes = size
	return nil
}

// Copy copies extents of one image into an empty one, many pieces at once. What
// is zero is not written. progress, where given, is called with bytes of all of
// them, by one at a time.
//
// Errors: those of reading and of writing; that of ctx.
func Copy(ctx context.Context, to Writer, from Source, extents []Extent, progress func(done, total int64)) error {
	var turn sync.Mutex
	var done int64
	total := Total(extents)
	err := forEach(ctx, workers, Pieces(extents), func(_ int, e Extent, buf []byte) error {
		b := buf[:e.Length]
		if err := readFull(from, b, e.At); err != nil {
			return err
		}
		if err := writeData(to, b, e.At); err != nil {
			return err
		}
		turn.Lock()
		defer turn.Unlock()
		done += e.Length
		if progress != nil {
			progress(done, total)
		}
		return nil
	})
	if ctx.Err() != nil {
		return fmt.Errorf("write %s: %w", to, ctx.Err())
	}
	return err
}

// writeData writes the runs of b that are not zero.
func writeData(to io.WriterAt, b []byte, at int64) error {
	isData := func(from, end int) bool { return !blocks.AllZero(b[from:end]) }
	return runs(b, isData, func(from, end int, data bool) error {
		if !data {
			return nil
		}
		_, err := to.WriteAt(b[from:end], at+int64(from))
		return err
	})
}

// runBytes is the granularity of what is left out, as that of `qemu-img convert
// -S`.
const runBytes = 64 << 10

// runs takes a buffer to runs of blocks that are of one kind.
func runs[K comparable](b []byte, kindOf func(at, end int) K, do func(at, end int, kind K) error) error {
	for at := 0; at < len(b); {
		end := min(at+runBytes, len(b))
		kind := kindOf(at, end)
		for end < len(b) {
			next := min(end+runBytes, len(b))
			if kindOf(end, next) != kind {
				break
			}
			end = next
		}
		if err := do(at, end, kind); err != nil {
			return err
		}
		at = end
	}
	return nil
}
