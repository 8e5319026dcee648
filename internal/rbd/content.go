package rbd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	librbd "github.com/ceph/go-ceph/rbd"
)

const (
	// pieceBytes is what one read asks for: an object of the usual size.
	pieceBytes = 4 << 20
	// readAhead is how many reads are under way at a time. A read costs a round
	// trip to an OSD, and what has been read waits in memory for its turn.
	readAhead = 8
)

// Extent is a part of an image, in bytes.
type Extent struct{ At, Length int64 }

// Extents are the parts of an image or snapshot that may hold data, in order;
// what is between them is zero: `rbd diff --whole-object`. They are told by
// objects, from the object map where there is one. With exact, every object is
// asked for what is in it, as `rbd diff` does, which takes its time.
//
// Errors: ErrImageNotFound, ErrSnapshotNotFound, ErrPermission.
func (c *Cluster) Extents(ctx context.Context, spec Spec, exact bool) ([]Extent, error) {
	var out []Extent
	err := c.withImage(ctx, spec, readOnly, func(img *librbd.Image) error {
		size, err := img.GetSize()
		if err != nil {
			return fmt.Errorf("read the size of %s: %w", spec, err)
		}
		whole := librbd.EnableWholeObject
		if exact {
			whole = librbd.DisableWholeObject
		}
		var found []Extent
		err = allocated(ctx, img, spec, 0, size, whole, func(at, length uint64) {
			e := Extent{int64(at), int64(length)} //nolint:gosec // signed in librbd
			if n := len(found); n > 0 && found[n-1].At+found[n-1].Length == e.At {
				found[n-1].Length += e.Length
			} else {
				found = append(found, e)
			}
		})
		out = found
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ReadExtents reads these parts of an image or snapshot without a watch, some
// of them ahead, and hands them over in order, in pieces of at most 4 MiB that
// are there only until use returns. The first error of use ends it. It is what
// `rbd export` does.
//
// Errors: ErrImageNotFound, ErrSnapshotNotFound, ErrPermission.
func (c *Cluster) ReadExtents(ctx context.Context, spec Spec, extents []Extent, use func(at int64, b []byte) error) error {
	r, err := c.OpenReader(ctx, spec)
	if err != nil {
		return err
	}
	reading, cancel := context.WithCancel(ctx)
	a := &ahead{r: r, free: make(chan []byte, readAhead), queue: make(chan chan piece, readAhead)}
	a.readers.Go(func() { a.begin(reading, extents) })
	err = a.consume(ctx, use)
	cancel()

	// A read that hangs must not hold up whoever has given up on it, and the
	// image must not be closed under it.
	closed := make(chan error, 1)
	go func() {
		a.readers.Wait()
		closed <- r.Close()
	}()
	select {
	case e := <-closed:
		return errors.Join(err, e)
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}

// piece is a part of an extent that was read.
type piece struct {
	at  int64
	b   []byte
	err error
}

// ahead reads ahead. The queue has a place for each piece, in order, which is
// filled as soon as it has been read.
type ahead struct {
	r       *Reader
	readers sync.WaitGroup
	free    chan []byte // buffers, of which there are at most readAhead
	queue   chan chan piece
}

func (a *ahead) begin(ctx context.Context, extents []Extent) {
	defer close(a.queue)
	buffers := 0
	for _, e := range extents {
		for at, end := e.At, e.At+e.Length; at < end; {
			n := min(end-at, pieceBytes-at%pieceBytes) // not over the border of an object
			var b []byte
			if buffers < readAhead {
				buffers++
				b = make([]byte, pieceBytes)
			} else {
				select {
				case b = <-a.free:
				case <-ctx.Done():
					return
				}
			}
			place := make(chan piece, 1)
			a.queue <- place // it has as many as there are buffers
			p := piece{at: at, b: b[:n]}
			a.readers.Go(func() {
				if _, p.err = a.r.ReadAt(p.b, p.at); errors.Is(p.err, io.EOF) {
					p.err = fmt.Errorf("read %s at %d: %w", a.r.h.spec, p.at, io.ErrUnexpectedEOF)
				}
				place <- p
			})
			at += n
		}
	}
}

func (a *ahead) consume(ctx context.Context, use func(at int64, b []byte) error) error {
	for place := range a.queue {
		select {
		case p := <-place:
			if p.err != nil {
				return p.err
			}
			if err := use(p.at, p.b); err != nil {
				return err
			}
			a.free <- p.b[:pieceBytes]
		case <-ctx.Done():
			return fmt.Errorf("read %s: %w", a.r.h.spec, context.Cause(ctx))
		}
	}
	return nil
}
