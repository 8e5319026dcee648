package rbd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	librbd "github.com/ceph/go-ceph/rbd"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
)

const (
	// streamWriters is how many writes are under way at once: a cluster answers
	// each only after a network round trip.
	streamWriters = 16
	// maxChunkBytes bounds what is written at once, and with that the memory.
	maxChunkBytes = 8 << 20
	// growBytes is by how much an image grows ahead of a stream whose length is
	// not known, at the least.
	growBytes = 1 << 30
)

// WriteStream writes a stream into the temporary image, object by object and
// many at once. What is zero is not written, as the image is empty. The image
// grows with the stream and has its length in bytes in the end. progress, where
// given, is called with the bytes that were read.
//
// Similar to: `rbd import - SPEC`.
//
// Errors: those of r; ErrPoolFull, ErrPermission.
func (p *Pending) WriteStream(ctx context.Context, r io.Reader, progress func(bytes uint64)) (written uint64, err error) {
	var all uint64
	err = p.writeWith(ctx, func(w *streamWriter) error {
		n, err := w.copy(ctx, r, progress)
		all = n
		return err
	}, func(img *librbd.Image) error {
		// The image is ours and unfinished: what it has beyond is what it grew ahead.
		return resize(img, p.Spec, all, true)
	})
	if err != nil {
		return 0, err
	}
	return all, nil
}

// CopyContent copies what an image or snapshot has, holes left out, into the
// temporary image, which must have its size. progress, where given, is called
// with bytes of all the data there is: `rbd export FROM - | rbd import - SPEC`.
//
// Errors: ErrImageNotFound, ErrSnapshotNotFound, ErrPoolFull, ErrPermission.
func (p *Pending) CopyContent(ctx context.Context, from Spec, progress func(done, total uint64)) error {
	extents, err := p.c.Extents(ctx, from, false)
	if err != nil {
		return err
	}
	var done, total uint64
	for _, e := range extents {
		total += uint64(e.Length) //nolint:gosec // of an image
	}
	return p.writeWith(ctx, func(w *streamWriter) error {
		return p.c.ReadExtents(ctx, from, extents, func(at int64, b []byte) error {
			done += uint64(len(b))
			if progress != nil {
				progress(done, total)
			}
			return w.put(ctx, at, b)
		})
	}, func(*librbd.Image) error { return nil })
}

// writeWith has put hand data to the writers, and settles the image when all of it
// has been written.
func (p *Pending) writeWith(ctx context.Context, put func(*streamWriter) error, settle func(*librbd.Image) error) error {
	// All that may hang is in there, and left to itself when ctx has ended.
	return p.c.withImage(ctx, p.Spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, p.Spec, p.id); err != nil {
			return err
		}
		stat, err := img.Stat()
		if err != nil {
			return fmt.Errorf("read %s: %w", p.Spec, err)
		}
		w := &streamWriter{img: img, size: stat.Size, spec: p.Spec}
		w.start(int(min(stat.Obj_size, maxChunkBytes))) //nolint:gosec // bounded
		err = put(w)
		if failed := w.end(); err == nil {
			err = failed
		}
		if err != nil {
			return err
		}
		if err := img.Flush(); err != nil {
			return translate("flush", p.Spec, ErrImageNotFound, err)
		}
		return settle(img)
	})
}

type streamWriter struct {
	img  *librbd.Image
	spec Spec
	size uint64

	free chan []byte // buffers of one object, or a part of a large one
	work chan chunk
	done sync.WaitGroup

	mu  sync.Mutex
	err error
}

type chunk struct {
	buf []byte // as it is given back
	n   int
	at  int64
}

func (w *streamWriter) start(objectBytes int) {
	w.free, w.work = make(chan []byte, streamWriters+1), make(chan chunk)
	for range streamWriters + 1 {
		w.free <- make([]byte, objectBytes)
	}
	for range streamWriters {
		w.done.Go(func() {
			for c := range w.work {
				w.write(c)
				w.free <- c.buf
			}
		})
	}
}

// zeroBlock is the granularity of what is left out, as that of `qemu-img convert
// -S`, and what is compared with.
var zeroBlock [64 << 10]byte

// runs takes a buffer to runs of blocks that are of one kind.
func runs[K comparable](b []byte, kindOf func(at, end int) K, do func(at, end int, kind K) error) error {
	for at := 0; at < len(b); {
		end := min(at+len(zeroBlock), len(b))
		kind := kindOf(at, end)
		for end < len(b) {
			next := min(end+len(zeroBlock), len(b))
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

func allZero(b []byte) bool {
	for ; len(b) > len(zeroBlock); b = b[len(zeroBlock):] {
		if !bytes.Equal(b[:len(zeroBlock)], zeroBlock[:]) {
			return false
		}
	}
	return bytes.Equal(b, zeroBlock[:len(b)])
}

// write writes the runs of a chunk that are not zero.
func (w *streamWriter) write(c chunk) {
	b := c.buf[:c.n]
	w.fail(runs(b, func(at, end int) bool { return !allZero(b[at:end]) }, func(at, end int, data bool) error {
		if !data {
			return nil
		}
		_, err := w.img.WriteAt(b[at:end], c.at+int64(at))
		return err
	}))
}

func (w *streamWriter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = translate("write", w.spec, ErrImageNotFound, err)
	}
}

func (w *streamWriter) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *streamWriter) end() error {
	close(w.work)
	w.done.Wait()
	return w.failed()
}

func (w *streamWriter) copy(ctx context.Context, r io.Reader, progress func(uint64)) (uint64, error) {
	var at uint64
	for {
		buf, err := w.buffer(ctx)
		if err != nil {
			return at, err
		}
		n, last, err := blocks.Read(r, buf)
		if err != nil {
			return at, err
		}
		if n > 0 {
			if err := w.grow(at + uint64(n)); err != nil {
				return at, err
			}
			if err := w.hand(ctx, chunk{buf, n, int64(at)}); err != nil {
				return at, err
			}
			at += uint64(n)
			if progress != nil {
				progress(at)
			}
		}
		if last {
			return at, nil
		}
	}
}

// put writes b, which is the caller's again when it returns.
func (w *streamWriter) put(ctx context.Context, at int64, b []byte) error {
	for len(b) > 0 {
		buf, err := w.buffer(ctx)
		if err != nil {
			return err
		}
		n := copy(buf, b)
		if err := w.hand(ctx, chunk{buf, n, at}); err != nil {
			return err
		}
		at, b = at+int64(n), b[n:]
	}
	return nil
}

// buffer waits for a free one.
func (w *streamWriter) buffer(ctx context.Context) ([]byte, error) {
	if err := w.failed(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, w.gaveUp(ctx)
	}
	select {
	case buf := <-w.free:
		return buf, nil
	case <-ctx.Done():
		return nil, w.gaveUp(ctx)
	}
}

// hand waits for a writer.
func (w *streamWriter) hand(ctx context.Context, c chunk) error {
	select {
	case w.work <- c:
		return nil
	case <-ctx.Done():
		return w.gaveUp(ctx)
	}
}

func (w *streamWriter) gaveUp(ctx context.Context) error {
	return fmt.Errorf("write %s: %w", w.spec, ctx.Err())
}

// grow makes room, well ahead: each time costs a round trip or two.
func (w *streamWriter) grow(to uint64) error {
	if to <= w.size {
		return nil
	}
	size := to + max(growBytes, w.size/4)
	if err := resize(w.img, w.spec, size, false); err != nil {
		return err
	}
	w.size = size
	return nil
}
