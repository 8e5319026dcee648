// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"context"
	"iter"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// Differ is an open image as librbd has it.
type Differ interface {
	DiffIterate(librbd.DiffIterateConfig) error
}

// Query asks an open image, set to the later of two snapshots, what differs.
type Query struct {
	// From is the earlier snapshot; empty means an empty image, and what differs
	// from that is what is allocated.
	From   string
	Within Extent
	// Exact asks every object what is in it, as `rbd diff` does. Without it whole
	// objects are told, from the object map where there is one: `rbd diff
	// --whole-object`.
	Exact bool
	// Own leaves out what a clone has from its parent.
	Own bool
}

// Content is an open image or snapshot whose content is looked through and read.
type Content interface {
	Source
	// Iterate is the function Iterate for this image, with errors that say so.
	Iterate(ctx context.Context, q Query, found func(Extent)) error
	// FastDiff tells whether whole objects are found out without asking for each.
	FastDiff() (bool, error)
}

// Iterate tells found what differs, in no order. It is the one place that asks
// librbd for that: librbd 16 aborts the process when asked about no bytes, and a
// diff ends early only where its callback says so.
//
// Errors: that of ctx; those of librbd as they are.
func Iterate(ctx context.Context, img Differ, q Query, found func(Extent)) error {
	if q.Within.Length == 0 {
		return ctx.Err()
	}
	config := librbd.DiffIterateConfig{
		SnapName: q.From, Offset: uint64(q.Within.At), Length: uint64(q.Within.Length), //nolint:gosec // not negative
		WholeObject: librbd.EnableWholeObject, IncludeParent: librbd.IncludeParent,
		Callback: func(at, n uint64, exists int, _ any) int {
			if ctx.Err() != nil {
				return -int(syscall.ECANCELED) // nobody waits for the result any more
			}
			found(Extent{At: int64(at), Length: int64(n), Zero: exists == 0}) //nolint:gosec // signed in librbd
			return 0
		},
	}
	if q.Exact {
		config.WholeObject = librbd.DisableWholeObject
	}
	if q.Own {
		config.IncludeParent = librbd.ExcludeParent
	}
	err := img.DiffIterate(config)
	if e := ctx.Err(); e != nil {
		return e
	}
	return err
}

// slowWindowBytes is how much of an image without fast-diff is asked about at
// once, object by object: a diff can't be interrupted between two objects that
// don't differ.
const slowWindowBytes = 4 << 30

// diff is Iterate in order, with neighbours joined.
func diff(ctx context.Context, img Content, q Query) ([]Extent, error) {
	var out []Extent
	err := img.Iterate(ctx, q, func(e Extent) { out = append(out, e) })
	return Joined(out), err
}

// Changed lists the objects of an image of so many bytes that differ between a
// snapshot and what it is set to, in order: `rbd diff --whole-object`. An image
// without fast-diff is asked window by window.
func Changed(ctx context.Context, img Content, from string, sizeBytes int64) ([]Extent, error) {
	fast, err := img.FastDiff()
	if err != nil {
		return nil, err
	}
	window := int64(slowWindowBytes)
	if fast {
		window = max(sizeBytes, 1)
	}
	var out []Extent
	for at := int64(0); at < sizeBytes; at += window {
		some, err := diff(ctx, img, Query{From: from, Within: Extent{At: at, Length: min(window, sizeBytes-at)}})
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return Joined(out), nil
}

// allocatedWindow is how much is looked through for objects at a time: 1 TiB.
// More would be slower for clones only, whose parents librbd looks through as a
// whole each time.
const allocatedWindow = 1 << 18 * PieceBytes

// Allocated gives, in order, the pieces of an image of so many bytes that may
// hold data, neighbours as one. A piece of which a smaller object is there is
// given as a whole: librbd asks for all its objects at once, which is faster than
// one read for each, and the memory does not depend on the size of an object.
func Allocated(ctx context.Context, img Content, sizeBytes int64) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		for from := int64(0); from < sizeBytes; from += allocatedWindow {
			within := Extent{At: from, Length: min(sizeBytes-from, allocatedWindow)}
			there, err := allocatedPieces(ctx, img, within)
			if err != nil {
				yield(Extent{}, err)
				return
			}
			for i := 0; i < len(there); i++ {
				first := i
				for i < len(there) && there[i] {
					i++
				}
				if i == first {
					continue
				}
				at := from + int64(first)*PieceBytes
				if !yield(Extent{At: at, Length: min(within.End(), from+int64(i)*PieceBytes) - at}, nil) {
					return
				}
			}
		}
	}
}

func allocatedPieces(ctx context.Context, img Content, within Extent) ([]bool, error) {
	there := make([]bool, (within.Length+PieceBytes-1)/PieceBytes)
	err := img.Iterate(ctx, Query{Within: within}, func(e Extent) {
		if e.Zero {
			return
		}
		end := min(e.End(), within.End())
		for at := max(e.At, within.At); at < end; at += PieceBytes - at%PieceBytes {
			there[(at-within.At)/PieceBytes] = true
		}
	})
	return there, err
}
