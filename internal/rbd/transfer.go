package rbd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	librbd "github.com/ceph/go-ceph/rbd"
	"golang.org/x/sync/errgroup"
)

const (
	// transfers is how many reads and writes are under way at once, each with a
	// buffer of pieceBytes.
	transfers = 16
	// windowPieces is after how many pieces they are read back.
	windowPieces = 256
)

// ErrNotTheSame says that what was read back is not what was written.
var ErrNotTheSame = errors.New("the copy is not the same as the source")

// transfer copies what differs between two snapshots of an image into another
// image, maybe of another cluster, and reads it back.
type transfer struct {
	src *handle // set to the snapshot
	dst *handle
	// base is the snapshot that the destination has already; empty for an empty
	// destination, which needs no zeros.
	base Snapshot
	// compared says that nothing tells what has changed in the source since the
	// destination was made of it: all of both is read, and what differs written.
	compared bool
	progress func(done, total uint64) // may be nil

	seed        maphash.Seed
	all         []extent // the objects that were looked at
	done, total uint64
	read        atomic.Uint64 // bytes from the source
}

// written is what an extent of the destination must hold.
type written struct {
	extent
	sum     uint64 // of the data
	touched bool
}

// run returns how many bytes it has read from the source.
func (t *transfer) run(ctx context.Context, sizeBytes uint64) (uint64, error) {
	t.seed = maphash.MakeSeed()
	objects, parent, err := t.objects(ctx, sizeBytes)
	if err != nil {
		return 0, err
	}
	t.all = objects
	for _, o := range objects {
		t.total += o.n
	}
	for left := pieces(objects); len(left) > 0; {
		window := left[:min(windowPieces, len(left))]
		left = left[len(window):]
		if err := t.window(ctx, window, parent); err != nil {
			return t.read.Load(), err
		}
		for _, e := range window {
			t.done += e.n
		}
		if t.progress != nil {
			t.progress(t.done, t.total)
		}
	}
	return t.read.Load(), nil
}

// objects lists the objects to look at, and tells whether the source is, or was,
// a clone: there, what has no data of its own need not be zero.
func (t *transfer) objects(ctx context.Context, sizeBytes uint64) (out []extent, parent bool, err error) {
	from, lost := t.base.Name, extent{}
	overlap, err := t.src.img.GetOverlap()
	if err != nil {
		return nil, false, fmt.Errorf("read the overlap of %s with its parent: %w", t.src.spec, err)
	}
	parent = overlap > 0
	if from != "" {
		before, err := t.overlapOf(from)
		if err != nil {
			return nil, false, err
		}
		parent = parent || before > 0
		// What was seen of the parent and is not any more, leaves no trace in
		// the image's own objects.
		if before = min(before, sizeBytes); before > overlap {
			lost = extent{at: overlap, n: before - overlap}
		}
	}
	out, err = diffObjects(ctx, t.src.img, t.src.spec, from, sizeBytes)
	if err == nil && t.compared {
		var there []extent
		there, err = diffObjects(ctx, t.dst.img, t.dst.spec, "", sizeBytes)
		out = joined(append(out, there...))
	}
	if err == nil && lost.n > 0 {
		out = joined(append(out, lost))
	}
	return out, parent, err
}

func (t *transfer) overlapOf(snapshot string) (uint64, error) {
	err := t.src.img.SetSnapshot(snapshot)
	var overlap uint64
	if err == nil {
		overlap, err = t.src.img.GetOverlap()
	}
	if err = errors.Join(err, t.src.img.SetSnapshot(t.src.spec.Snapshot)); err != nil {
		return 0, fmt.Errorf("read the overlap of %s with its parent: %w", t.src.spec.WithSnapshot(snapshot), err)
	}
	return overlap, nil
}

func (t *transfer) window(ctx context.Context, window []extent, parent bool) error {
	changed, err := t.changed(ctx, window, parent)
	if err != nil {
		return err
	}
	all := make([]written, len(changed))
	workers := transfers
	if t.compared { // with two buffers each
		workers /= 2
	}
	err = inParallel(ctx, workers, len(changed), func(i int, buf []byte) error {
		all[i].extent = changed[i]
		return t.copy(&all[i], buf)
	})
	if err != nil {
		return err
	}
	if err := t.dst.img.Flush(); err != nil {
		return fmt.Errorf("flush %s: %w", t.dst.spec, err)
	}
	return t.readBack(ctx, all)
}

// changed says more exactly what has changed within objects that did.
func (t *transfer) changed(ctx context.Context, window []extent, parent bool) ([]extent, error) {
	if parent || t.compared { // it reads as it reads
		for i := range window {
			window[i].zero = false
		}
	}
	if t.base.Name == "" || parent {
		return window, nil
	}
	parts := make([][]extent, len(window))
	err := inParallel(ctx, transfers, len(window), func(i int, _ []byte) (err error) {
		if window[i].zero {
			parts[i] = window[i : i+1]
			return nil
		}
		parts[i], err = diff(ctx, t.src.img, t.src.spec, t.base.Name, window[i], librbd.DisableWholeObject)
		return err
	})
	var out []extent
	for _, p := range parts {
		out = append(out, p...)
	}
	return out, err
}

// change is what is to be done about a part of the destination.
type change int

const (
	leave change = iota
	overwrite
	erase
)

func (t *transfer) copy(w *written, buf []byte) error {
	sparse := t.base.Name == "" && !t.compared
	if w.zero {
		if sparse {
			return nil
		}
		w.touched = true
		return t.writeZeros(w.at, w.n)
	}
	b := buf[:w.n]
	if err := readFull(t.src.img, t.src.spec, b, w.at); err != nil {
		return err
	}
	t.read.Add(w.n)
	w.sum = maphash.Bytes(t.seed, b)
	var there []byte
	if t.compared {
		other := takeBuffer()
		defer buffers.Put(other)
		there = other[:w.n]
		if err := readFull(t.dst.img, t.dst.spec, there, w.at); err != nil {
			return err
		}
	}
	kindOf := func(at, end int) change {
		zero := allZero(b[at:end])
		switch {
		case zero && sparse, t.compared && bytes.Equal(b[at:end], there[at:end]):
			return leave
		case zero:
			return erase
		}
		return overwrite
	}
	return runs(b, kindOf, func(at, end int, do change) error {
		from := w.at + uint64(at) //nolint:gosec // within the buffer
		switch do {
		case leave:
			return nil
		case erase:
			w.touched = true
			return t.writeZeros(from, uint64(end-at)) //nolint:gosec // within the buffer
		}
		w.touched = true
		if _, err := t.dst.img.WriteAt(b[at:end], int64(from)); err != nil { //nolint:gosec // signed in librbd
			return translate(fmt.Sprintf("write at %d of", from), t.dst.spec, ErrImageNotFound, err)
		}
		return nil
	})
}

// writeZeros gives the space back where it can. A discard would not do: librbd
// leaves the ends out that are no whole rbd_discard_granularity_bytes.
func (t *transfer) writeZeros(at, n uint64) error {
	block := zeroBlock[:512]
	if n%uint64(len(block)) != 0 {
		block = zeroBlock[:1]
	}
	if _, err := t.dst.img.WriteSame(at, n, block, 0); err != nil {
		return translate(fmt.Sprintf("write zeros at %d of", at), t.dst.spec, ErrImageNotFound, err)
	}
	return nil
}

// readBack reads what was written, as somebody else: no cache is in between.
func (t *transfer) readBack(ctx context.Context, all []written) error {
	h, err := t.dst.cn.open(t.dst.spec, readOnly)
	if err != nil {
		return err
	}
	err = inParallel(ctx, transfers, len(all), func(i int, buf []byte) error {
		w := all[i]
		if t.compared && !w.touched {
			return nil // it was read before
		}
		b := buf[:w.n]
		if err := readFull(h.img, h.spec, b, w.at); err != nil {
			return err
		}
		if ok := !w.zero && maphash.Bytes(t.seed, b) == w.sum || w.zero && allZero(b); !ok {
			return fmt.Errorf("%w: %s, %d bytes at %d", ErrNotTheSame, t.dst.spec, w.n, w.at)
		}
		return nil
	})
	return errors.Join(err, h.close())
}

// checkRest makes sure that nothing has changed in the destination since this
// snapshot of it but what was copied. An object that a rollback or a resize has
// written to has what it had before.
func (t *transfer) checkRest(ctx context.Context, last Snapshot, sizeBytes uint64) error {
	stat, err := t.dst.img.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", t.dst.spec, err)
	}
	from := last.Name
	if last.SizeBytes == 0 { // librbd 16 has no differences from that
		from = ""
	}
	changed, err := diffObjects(ctx, t.dst.img, t.dst.spec, from, sizeBytes)
	rest := without(changed, rounded(t.all, stat.Obj_size))
	if err != nil || len(rest) == 0 {
		return err
	}
	old, err := t.dst.cn.open(t.dst.spec.WithSnapshot(last.Name), readOnly)
	if err != nil {
		return err
	}
	beyond := without(rest, []extent{{n: last.SizeBytes}})
	same, err := sameContent(ctx, t.dst, old, pieces(without(rest, beyond)))
	if err == nil && same {
		same, err = t.dst.allZero(ctx, pieces(beyond))
	}
	if err == nil && !same {
		err = fmt.Errorf("image %s, while it was copied to: %w", t.dst.spec, ErrReplicaWritten)
	}
	return errors.Join(err, old.close())
}

// compare compares all that either image has, whole contents.
func (t *transfer) compare(ctx context.Context, sizeBytes uint64) error {
	a, err1 := diffObjects(ctx, t.src.img, t.src.spec, "", sizeBytes)
	b, err2 := diffObjects(ctx, t.dst.img, t.dst.spec, "", sizeBytes)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	h, err := t.dst.cn.open(t.dst.spec, readOnly)
	if err != nil {
		return err
	}
	same, err := sameContent(ctx, t.src, h, pieces(joined(append(a, b...))))
	if err == nil && !same {
		err = fmt.Errorf("%w: %s and %s", ErrNotTheSame, t.src.spec, t.dst.spec)
	}
	return errors.Join(err, h.close())
}

// buffers are those of pieceBytes: they are many, and asked for again and again.
var buffers = sync.Pool{New: func() any { return new([pieceBytes]byte) }}

func takeBuffer() *[pieceBytes]byte {
	b, ok := buffers.Get().(*[pieceBytes]byte)
	if !ok {
		b = new([pieceBytes]byte)
	}
	return b
}

// inParallel does something n times, by so many workers with a buffer of pieceBytes
// each, until one fails or ctx ends. It returns when all that began has
// ended.
func inParallel(ctx context.Context, workers, n int, do func(i int, buf []byte) error) error {
	group, inner := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(workers, n) {
		group.Go(func() error {
			buf := takeBuffer()
			defer buffers.Put(buf)
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := inner.Err(); err != nil {
					return err
				}
				if err := do(i, buf[:]); err != nil {
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
