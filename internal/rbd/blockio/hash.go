// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"context"
	"errors"
	"hash"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// hashQueue is how many pieces a hash may be behind of the fastest one.
const hashQueue = readAhead

// Hash hashes the content of an image of so many bytes, from the first to the
// last. It is read once for all sums, each of which has a goroutine of its own;
// holes are not read. progress is told how many bytes all of the sums have, every
// PieceBytes and never by two goroutines at once. read is how many bytes were
// read.
//
// Errors: the first one; no read is under way then.
func Hash(ctx context.Context, img Content, sizeBytes int64, sums []hash.Hash, progress func(done int64)) (read int64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	// The pieces of a hash come in order, and so does the end of each by the
	// slowest.
	var done int64
	finished := make(chan int64, hashQueue)
	queues := make([]chan *portion, len(sums))
	for i, sum := range sums {
		queue := make(chan *portion, hashQueue)
		queues[i] = queue
		group.Go(func() error { return hashQueued(ctx, sum, queue, finished) })
	}
	group.Go(func() error {
		for ctx.Err() == nil && done < sizeBytes {
			select {
			case n := <-finished:
				done += n
				progress(done)
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	})
	group.Go(func() (err error) {
		read, err = distribute(ctx, img, sizeBytes, queues)
		for _, q := range queues {
			close(q)
		}
		return err
	})
	err = group.Wait()
	return read, err
}

// portion is a piece of the content for all hashes.
type portion struct {
	length  int64
	block   *Block       // nil of a hole
	waiting atomic.Int32 // hashes that don't have it yet
}

// distribute gives every piece to the hashes.
func distribute(ctx context.Context, img Content, sizeBytes int64, queues []chan *portion) (read int64, err error) {
	ahead := ReadAhead(ctx, img, Allocated(ctx, img, sizeBytes))
	defer ahead.Close()
	for at := int64(0); at < sizeBytes; {
		b, err := ahead.Next(ctx)
		hole := Extent{At: at, Length: sizeBytes - at}
		switch {
		case err == nil:
			hole.Length = b.At - at
		case !errors.Is(err, io.EOF):
			return read, err
		}
		for hole.Length > 0 {
			p := hole.firstPiece()
			if err := send(ctx, queues, &portion{length: p.Length}); err != nil {
				return read, err
			}
			hole.At, hole.Length = p.End(), hole.Length-p.Length
		}
		if at = hole.At; b == nil {
			break
		}
		n := int64(len(b.Bytes))
		if err := send(ctx, queues, &portion{length: n, block: b}); err != nil {
			return read, err
		}
		at, read = at+n, read+n
	}
	return read, nil
}

func send(ctx context.Context, queues []chan *portion, p *portion) error {
	p.waiting.Store(int32(len(queues))) //nolint:gosec // there are a few hash functions
	for _, q := range queues {
		select {
		case q <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func hashQueued(ctx context.Context, sum hash.Hash, queue <-chan *portion, finished chan<- int64) error {
	for {
		select {
		case p, ok := <-queue:
			if !ok {
				return nil
			}
			p.writeTo(sum)
			if p.waiting.Add(-1) > 0 {
				continue
			}
			if p.block != nil {
				p.block.Release()
			}
			select {
			case finished <- p.length:
			case <-ctx.Done():
				return ctx.Err()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var zeros [64 << 10]byte

func (p *portion) writeTo(sum hash.Hash) {
	if p.block != nil {
		sum.Write(p.block.Bytes)
		return
	}
	for left := p.length; left > 0; {
		n := min(left, int64(len(zeros)))
		sum.Write(zeros[:n])
		left -= n
	}
}
