// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync/atomic"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
)

// windowPieces is after how many pieces they are read back.
const windowPieces = 256

// ErrNotTheSame says that what was read back is not what was written.
var ErrNotTheSame = errors.New("the copy is not the same as the source")

// TransferSource is an open image, set to a snapshot, that is copied from.
type TransferSource interface {
	Content
	// Overlap is how many bytes of its parent a snapshot shows; an empty name
	// means the one that the image is set to.
	Overlap(snapshot string) (int64, error)
}

// TransferTarget is an open image that is copied to.
type TransferTarget interface {
	Content
	io.WriterAt
	// WriteZeros gives the space back where it can.
	WriteZeros(at, n int64) error
	Flush() error
	// ObjectBytes is the size of its objects.
	ObjectBytes() (int64, error)
	// Reopen opens the image once more, or a snapshot of it: as somebody else sees
	// it, without a cache in between.
	Reopen(snapshot string) (ClosingSource, error)
}

// ClosingSource is a source that is open until Close.
type ClosingSource interface {
	Source
	io.Closer
}

// Transfer copies what differs between two snapshots of an image into another
// image, maybe of another cluster, and reads it back.
type Transfer struct {
	From TransferSource
	To   TransferTarget
	// Base is the snapshot that the target has already; empty for an empty
	// target, which needs no zeros.
	Base string
	// Compared says that nothing tells what has changed in the source since the
	// target was made of it: all of both is read, and what differs written.
	Compared bool
	Progress func(done, total int64) // may be nil

	seed        maphash.Seed
	all         []Extent // the objects that were looked at
	done, total int64
	read        atomic.Int64 // bytes from the source
}

// written is what an extent of the target must hold.
type written struct {
	Extent
	sum     uint64 // of the data
	touched bool
}

// Run copies an image of so many bytes, and returns how many it has read from the
// source.
//
// Errors: ErrNotTheSame; those of the images; that of ctx.
func (t *Transfer) Run(ctx context.Context, sizeBytes int64) (int64, error) {
	t.seed = maphash.MakeSeed()
	objects, parent, err := t.objects(ctx, sizeBytes)
	if err != nil {
		return 0, err
	}
	t.all, t.total = objects, Total(objects)
	for left := Pieces(objects); len(left) > 0; {
		window := left[:min(windowPieces, len(left))]
		left = left[len(window):]
		if err := t.window(ctx, window, parent); err != nil {
			return t.read.Load(), err
		}
		t.done += Total(window)
		if t.Progress != nil {
			t.Progress(t.done, t.total)
		}
	}
	return t.read.Load(), nil
}

// objects lists the objects to look at, and tells whether the source is, or was,
// a clone: there, what has no data of its own need not be zero.
func (t *Transfer) objects(ctx context.Context, sizeBytes int64) (out []Extent, parent bool, err error) {
	var lost Extent
	overlap, err := t.From.Overlap("")
	if err != nil {
		return nil, false, err
	}
	parent = overlap > 0
	if t.Base != "" {
		before, err := t.From.Overlap(t.Base)
		if err != nil {
			return nil, false, err
		}
		parent = parent || before > 0
		// What was seen of the parent and is not any more, leaves no trace in
		// the image's own objects.
		if before = min(before, sizeBytes); before > overlap {
			lost = Extent{At: overlap, Length: before - overlap}
		}
	}
	out, err = Changed(ctx, t.From, t.Base, sizeBytes)
	if err == nil && t.Compared {
		var there []Extent
		there, err = Changed(ctx, t.To, "", sizeBytes)
		out = Joined(append(out, there...))
	}
	if err == nil && lost.Length > 0 {
		out = Joined(append(out, lost))
	}
	return out, parent, err
}

func (t *Transfer) window(ctx context.Context, window []Extent, parent bool) error {
	changed, err := t.changed(ctx, window, parent)
	if err != nil {
		return err
	}
	all := make([]written, len(changed))
	n := workers
	if t.Compared { // with two buffers each
		n /= 2
	}
	err = forEach(ctx, n, changed, func(i int, e Extent, buf []byte) error {
		all[i].Extent = e
		return t.copy(&all[i], buf)
	})
	if err != nil {
		return err
	}
	if err := t.To.Flush(); err != nil {
		return err
	}
	return t.readBack(ctx, all)
}

// changed says more exactly what has changed within objects that did.
func (t *Transfer) changed(ctx context.Context, window []Extent, parent bool) ([]Extent, error) {
	if parent || t.Compared { // only reading tells what is zero
		for i := range window {
			window[i].Zero = false
		}
	}
	if t.Base == "" || parent {
		return window, nil
	}
	parts := make([][]Extent, len(window))
	err := forEach(ctx, workers, window, func(i int, e Extent, _ []byte) (err error) {
		if e.Zero {
			parts[i] = window[i : i+1]
			return nil
		}
		parts[i], err = diff(ctx, t.From, Query{From: t.Base, Within: e, Exact: true})
		return err
	})
	var out []Extent
	for _, p := range parts {
		out = append(out, p...)
	}
	return out, err
}

// change is what is to be done about a part of the target.
type change int

const (
	leave change = iota
	overwrite
	erase
)

func (t *Transfer) copy(w *written, buf []byte) error {
	sparse := t.Base == "" && !t.Compared
	if w.Zero {
		if sparse {
			return nil
		}
		w.touched = true
		return t.To.WriteZeros(w.At, w.Length)
	}
	b := buf[:w.Length]
	if err := readFull(t.From, b, w.At); err != nil {
		return err
	}
	t.read.Add(w.Length)
	w.sum = maphash.Bytes(t.seed, b)
	var there []byte
	if t.Compared {
		other := takeBuffer()
		defer buffers.Put(other)
		there = other[:w.Length]
		if err := readFull(t.To, there, w.At); err != nil {
			return err
		}
	}
	kindOf := func(at, end int) change {
		zero := blocks.AllZero(b[at:end])
		switch {
		case zero && sparse, t.Compared && bytes.Equal(b[at:end], there[at:end]):
			return leave
		case zero:
			return erase
		}
		return overwrite
	}
	return runs(b, kindOf, func(at, end int, do change) error {
		if do == leave {
			return nil
		}
		w.touched = true
		if do == erase {
			return t.To.WriteZeros(w.At+int64(at), int64(end-at))
		}
		_, err := t.To.WriteAt(b[at:end], w.At+int64(at))
		return err
	})
}

// readBack reads what was written, as somebody else: no cache is in between.
func (t *Transfer) readBack(ctx context.Context, all []written) error {
	back, err := t.To.Reopen("")
	if err != nil {
		return err
	}
	err = forEach(ctx, workers, all, func(_ int, w written, buf []byte) error {
		if t.Compared && !w.touched {
			return nil // it was read before
		}
		b := buf[:w.Length]
		if err := readFull(back, b, w.At); err != nil {
			return err
		}
		if ok := !w.Zero && maphash.Bytes(t.seed, b) == w.sum || w.Zero && blocks.AllZero(b); !ok {
			return fmt.Errorf("%w: %s, %d bytes at %d", ErrNotTheSame, t.To, w.Length, w.At)
		}
		return nil
	})
	return errors.Join(err, back.Close())
}

// RestIsSame tells, after Run, whether nothing has changed in the target since a
// snapshot of it, which had so many bytes, but what was copied. An object that a
// rollback or a resize has written to has what it had before.
func (t *Transfer) RestIsSame(ctx context.Context, snapshot string, snapshotBytes, sizeBytes int64) (same bool, err error) {
	objectBytes, err := t.To.ObjectBytes()
	if err != nil {
		return false, err
	}
	from := snapshot
	if snapshotBytes == 0 { // librbd 16 has no differences from that
		from = ""
	}
	changed, err := Changed(ctx, t.To, from, sizeBytes)
	rest := without(changed, rounded(t.all, objectBytes))
	if err != nil || len(rest) == 0 {
		return err == nil, err
	}
	old, err := t.To.Reopen(snapshot)
	if err != nil {
		return false, err
	}
	beyond := without(rest, []Extent{{Length: snapshotBytes}})
	same, err = Same(ctx, t.To, old, Pieces(without(rest, beyond)))
	if err == nil && same {
		same, err = IsZero(ctx, t.To, Pieces(beyond))
	}
	err = errors.Join(err, old.Close())
	return same && err == nil, err
}

// Compare compares all that either image has, whole contents.
//
// Errors: ErrNotTheSame; those of the images; that of ctx.
func (t *Transfer) Compare(ctx context.Context, sizeBytes int64) error {
	a, err1 := Changed(ctx, t.From, "", sizeBytes)
	b, err2 := Changed(ctx, t.To, "", sizeBytes)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	back, err := t.To.Reopen("")
	if err != nil {
		return err
	}
	same, err := Same(ctx, t.From, back, Pieces(Joined(append(a, b...))))
	if err == nil && !same {
		err = fmt.Errorf("%w: %s and %s", ErrNotTheSame, t.From, t.To)
	}
	return errors.Join(err, back.Close())
}
