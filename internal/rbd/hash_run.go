package rbd

import (
	"context"
	"hash"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const (
	// hashBlock is the size of a read: that of an object, unless somebody chose
	// another.
	hashBlock = 4 << 20
	// hashReads is how many reads are under way at the same time.
	hashReads = 4
	// hashBuffers are for those that are under way and those that wait to be
	// hashed.
	hashBuffers = 2 * hashReads
	// hashWindow is how much is looked through for objects at a time, in blocks:
	// 1 TiB. More would be slower for clones only, whose parents librbd looks
	// through as a whole each time.
	hashWindow = 1 << 18
)

// hashing is one pass over a content.
type hashing struct {
	size uint64
	sums []hash.Hash
	// allocated tells mark which parts of one may be other than zero.
	allocated func(ctx context.Context, from, length uint64, mark func(from, length uint64)) error
	readAt    func(b []byte, at uint64) error
	// progress is told how many bytes all of sums have.
	progress func(done uint64)

	readBytes uint64
	free      chan []byte // buffers; one that is nil was not needed yet

	mu   sync.Mutex
	done uint64
}

// block is a part of the content, hashBlock long but for the last.
type block struct {
	at, length uint64
	buf        []byte        // nil of a hole
	ready      chan struct{} // closed when buf has been read
	waiting    atomic.Int32  // hashes that don't have it yet
}

// run returns the first error; no read is under way then.
func (r *hashing) run(ctx context.Context) error {
	r.free = make(chan []byte, hashBuffers)
	for range hashBuffers {
		r.free <- nil
	}
	group, ctx := errgroup.WithContext(ctx)
	reads := make(chan *block)
	queues := make([]chan *block, len(r.sums))
	for i, sum := range r.sums {
		queue := make(chan *block, hashBuffers)
		queues[i] = queue
		group.Go(func() error { return r.hash(ctx, sum, queue) })
	}
	for range hashReads {
		group.Go(func() error { return r.read(ctx, reads) })
	}
	group.Go(func() error {
		if err := r.produce(ctx, reads, queues); err != nil {
			return err
		}
		close(reads)
		for _, q := range queues {
			close(q)
		}
		return nil
	})
	return group.Wait()
}

// produce gives every block to the hashes, and those that are no holes to be
// read before.
func (r *hashing) produce(ctx context.Context, reads chan<- *block, queues []chan *block) error {
	for at := uint64(0); at < r.size; {
		window := min(r.size-at, hashWindow*hashBlock)
		there, err := r.look(ctx, at, window)
		if err != nil {
			return err
		}
		for _, found := range there {
			b := &block{at: at, length: min(r.size-at, hashBlock)}
			b.waiting.Store(int32(len(queues))) //nolint:gosec // there are three hash functions
			if found {
				if err := r.request(ctx, b, reads); err != nil {
					return err
				}
			}
			for _, q := range queues {
				if err := send(ctx, q, b); err != nil {
					return err
				}
			}
			at += b.length
		}
	}
	return nil
}

// look tells which blocks of a window have to be read. A block of which a
// smaller object is there is read as a whole: librbd asks for all its objects
// at once, which is faster than one read for each.
func (r *hashing) look(ctx context.Context, from, length uint64) ([]bool, error) {
	there := make([]bool, (length+hashBlock-1)/hashBlock)
	err := r.allocated(ctx, from, length, func(at, n uint64) {
		end := min(at+n, from+length)
		for at = max(at, from); at < end; at += hashBlock - at%hashBlock {
			there[(at-from)/hashBlock] = true
		}
	})
	return there, err
}

// request waits for a buffer and for a reader.
func (r *hashing) request(ctx context.Context, b *block, reads chan<- *block) error {
	b.ready = make(chan struct{})
	select {
	case b.buf = <-r.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.buf == nil {
		b.buf = make([]byte, min(r.size, hashBlock))
	}
	r.readBytes += b.length
	return send(ctx, reads, b)
}

func send(ctx context.Context, to chan<- *block, b *block) error {
	select {
	case to <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *hashing) read(ctx context.Context, reads <-chan *block) error {
	for {
		select {
		case b, ok := <-reads:
			if !ok {
				return nil
			}
			if err := r.readAt(b.buf[:b.length], b.at); err != nil {
				return err
			}
			close(b.ready)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *hashing) hash(ctx context.Context, sum hash.Hash, queue <-chan *block) error {
	for {
		select {
		case b, ok := <-queue:
			if !ok {
				return nil
			}
			if err := b.writeTo(ctx, sum); err != nil {
				return err
			}
			if b.waiting.Add(-1) == 0 {
				r.finish(b)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *block) writeTo(ctx context.Context, sum hash.Hash) error {
	if b.buf == nil {
		for left := b.length; left > 0; {
			n := min(left, uint64(len(zeroBlock)))
			sum.Write(zeroBlock[:n])
			left -= n
		}
		return ctx.Err()
	}
	select {
	case <-b.ready:
		sum.Write(b.buf[:b.length])
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finish is for a block that all hashes have.
func (r *hashing) finish(b *block) {
	if b.buf != nil {
		r.free <- b.buf
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done += b.length
	r.progress(r.done)
}
