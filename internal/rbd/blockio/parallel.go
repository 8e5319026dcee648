// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// workers is how many reads and writes are under way at once, each with a buffer
// of its own: a cluster answers each only after a network round trip.
const workers = 16

// buffers are those of PieceBytes: they are many, and asked for again and again.
var buffers = sync.Pool{New: func() any { return new([PieceBytes]byte) }}

func takeBuffer() *[PieceBytes]byte {
	b, ok := buffers.Get().(*[PieceBytes]byte)
	if !ok {
		b = new([PieceBytes]byte)
	}
	return b
}

// inParallel does something about each of what next gives, by n workers, until one
// fails or ctx ends. next is called by one worker at a time, with the worker's
// buffer, so that it may fill it from a stream; more is false at the end. It
// returns when all that began has ended.
func inParallel[T any](ctx context.Context, n, bufferBytes int, next func(buf []byte) (item T, more bool, err error), do func(item T, buf []byte) error) error {
	group, inner := errgroup.WithContext(ctx)
	var turn sync.Mutex
	ended := false
	take := func(buf []byte) (item T, more bool, err error) {
		turn.Lock()
		defer turn.Unlock()
		if err = inner.Err(); err != nil || ended {
			return item, false, err
		}
		item, more, err = next(buf)
		ended = err != nil || !more
		return item, more && err == nil, err
	}
	for range n {
		group.Go(func() error {
			var buf []byte
			if bufferBytes == PieceBytes {
				own := takeBuffer()
				defer buffers.Put(own)
				buf = own[:]
			} else {
				buf = make([]byte, bufferBytes)
			}
			for {
				item, more, err := take(buf)
				if err != nil || !more {
					return err
				}
				if err := do(item, buf); err != nil {
					return err
				}
			}
		})
	}
	err := group.Wait()
	if e := ctx.Err(); e != nil {
		return e
	}
	return err
}

// forEach is inParallel for a list, with the index of each.
func forEach[T any](ctx context.Context, n int, list []T, do func(i int, item T, buf []byte) error) error {
	i := -1
	next := func([]byte) (int, bool, error) {
		i++
		return i, i < len(list), nil
	}
	return inParallel(ctx, min(n, len(list)), PieceBytes, next, func(i int, buf []byte) error { return do(i, list[i], buf) })
}
