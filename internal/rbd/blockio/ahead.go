// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
)

// readAhead is how many reads are under way at a time, and how many buffers there
// are. A read costs a round trip to an OSD, and what has been read waits in
// memory for its turn.
const readAhead = 8

// Source is an open image or snapshot to read. Errors of ReadAt say which it is,
// and String is what it is called.
type Source interface {
	io.ReaderAt
	fmt.Stringer
}

// readFull reads all of b, or fails: with io.ErrUnexpectedEOF where the image is
// shorter.
func readFull(src Source, b []byte, at int64) error {
	n, err := src.ReadAt(b, at)
	if n == len(b) && errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && n < len(b) || errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s at %d: %w", src, at, io.ErrUnexpectedEOF)
	}
	return err
}

// Block is a piece of an extent that was read.
type Block struct {
	At    int64
	Bytes []byte // until Release

	err error
	a   *Ahead
}

// Release gives the memory back for what is read next.
func (b *Block) Release() { b.a.free <- b.Bytes[:PieceBytes] }

// Ahead reads extents piece by piece, some of them at the same time, and hands
// them over in order. The queue has a place for each piece, which is filled as
// soon as it has been read.
type Ahead struct {
	src     Source
	cancel  context.CancelFunc
	readers sync.WaitGroup
	free    chan []byte // buffers, of which there are at most readAhead
	queue   chan chan *Block
}

// ReadAhead begins to read. Close ends it.
func ReadAhead(ctx context.Context, src Source, extents iter.Seq2[Extent, error]) *Ahead {
	ctx, cancel := context.WithCancel(ctx)
	a := &Ahead{src: src, cancel: cancel, free: make(chan []byte, readAhead), queue: make(chan chan *Block, readAhead)}
	a.readers.Go(func() { a.begin(ctx, extents) })
	return a
}

// Each gives extents that are known.
func Each(all []Extent) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (a *Ahead) begin(ctx context.Context, extents iter.Seq2[Extent, error]) {
	defer close(a.queue)
	buffers := 0
	for e, err := range extents {
		for err != nil || e.Length > 0 {
			var buf []byte
			if buffers < readAhead {
				buffers++
				buf = make([]byte, PieceBytes)
			} else {
				select {
				case buf = <-a.free:
				case <-ctx.Done():
					return
				}
			}
			place := make(chan *Block, 1)
			a.queue <- place // it has as many as there are buffers
			if err != nil {
				place <- &Block{err: err}
				return
			}
			p := e.firstPiece()
			b := &Block{At: p.At, Bytes: buf[:p.Length], a: a}
			a.readers.Go(func() {
				b.err = readFull(a.src, b.Bytes, b.At)
				place <- b
			})
			e.At, e.Length = p.End(), e.Length-p.Length
		}
	}
}

// Next waits for the next piece. io.EOF says that there is none.
//
// Errors: those of the source and of the extents; that of ctx, also while a read
// is under way.
func (a *Ahead) Next(ctx context.Context) (*Block, error) {
	ended := func() error { return fmt.Errorf("read %s: %w", a.src, context.Cause(ctx)) }
	var place chan *Block
	var more bool
	select {
	case place, more = <-a.queue:
	case <-ctx.Done():
		return nil, ended()
	}
	if !more {
		if ctx.Err() != nil {
			return nil, ended()
		}
		return nil, io.EOF
	}
	select {
	case b := <-place:
		return b, b.err
	case <-ctx.Done():
		return nil, ended()
	}
}

// Close ends the reading. It returns when no read is under way any more.
func (a *Ahead) Close() {
	a.cancel()
	a.readers.Wait()
}

// Use hands all pieces over, in order. The memory is there only until use
// returns, whose first error ends it.
//
// Errors: as Next; that of use.
func (a *Ahead) Use(ctx context.Context, use func(at int64, b []byte) error) error {
	for {
		b, err := a.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := use(b.At, b.Bytes); err != nil {
			return err
		}
		b.Release()
	}
}
