package rbd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"

	librbd "github.com/ceph/go-ceph/rbd"
)

// diffWindowBytes is how much of an image without fast-diff is asked about at
// once, object by object: a diff can't be interrupted.
const diffWindowBytes = 4 << 30

// extent is a range of an image, in bytes.
type extent struct {
	at, n uint64
	zero  bool // it is known to have no data
}

func (e extent) end() uint64 { return e.at + e.n }

// diff lists what differs between two snapshots, or a snapshot and an empty
// image where from is empty. The image is set to the later one; whole objects
// are found out without asking for each where the image has fast-diff.
//
// Similar to: `rbd diff --from-snap FROM SPEC`, with --whole-object.
func diff(ctx context.Context, img *librbd.Image, spec Spec, from string, within extent, whole librbd.DiffWholeObject) ([]extent, error) {
	var out []extent
	err := diffIterate(ctx, img, from, within, whole, func(e extent) { out = append(out, e) })
	return joined(out), translate("find what has changed in", spec, ErrSnapshotNotFound, err)
}

// diffIterate tells found what differs, in no order.
func diffIterate(ctx context.Context, img *librbd.Image, from string, within extent, whole librbd.DiffWholeObject, found func(extent)) error {
	if within.n == 0 {
		return ctx.Err() // librbd 16 aborts the process when asked for that
	}
	err := img.DiffIterate(librbd.DiffIterateConfig{
		SnapName: from, Offset: within.at, Length: within.n, WholeObject: whole, IncludeParent: librbd.IncludeParent,
		Callback: func(at, n uint64, exists int, _ any) int {
			if ctx.Err() != nil {
				return -int(syscall.ECANCELED) // nobody waits for the result any more
			}
			found(extent{at, n, exists == 0})
			return 0
		},
	})
	if e := ctx.Err(); e != nil {
		return e
	}
	return err
}

// diffObjects is diff for all of an image of this size, by whole objects.
func diffObjects(ctx context.Context, img *librbd.Image, spec Spec, from string, sizeBytes uint64) ([]extent, error) {
	features, err := img.GetFeatures()
	if err != nil {
		return nil, fmt.Errorf("read the features of %s: %w", spec, err)
	}
	window := uint64(diffWindowBytes)
	if features&librbd.FeatureFastDiff != 0 {
		window = max(sizeBytes, 1)
	}
	var out []extent
	for at := uint64(0); at < sizeBytes; at += window {
		some, err := diff(ctx, img, spec, from, extent{at: at, n: min(window, sizeBytes-at)}, librbd.EnableWholeObject)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return joined(out), nil
}

// joined sorts extents and makes one of neighbours. Where some overlap, data
// counts.
func joined(all []extent) []extent {
	slices.SortFunc(all, func(a, b extent) int { return cmp.Compare(a.at, b.at) })
	var out []extent
	for _, e := range all {
		if len(out) == 0 || out[len(out)-1].end() < e.at || out[len(out)-1].end() == e.at && out[len(out)-1].zero != e.zero {
			out = append(out, e)
			continue
		}
		last := &out[len(out)-1]
		last.zero = last.zero && e.zero
		last.n = max(last.end(), e.end()) - last.at
	}
	return out
}

// rounded widens extents to whole objects of this size.
func rounded(all []extent, objectBytes uint64) []extent {
	out := make([]extent, len(all))
	for i, e := range all {
		at := e.at - e.at%objectBytes
		out[i] = extent{at: at, n: (e.end()+objectBytes-1)/objectBytes*objectBytes - at}
	}
	return joined(out)
}

// without is what is in all and not in cut; both are sorted, as joined has them.
func without(all, cut []extent) []extent {
	var out []extent
	for _, e := range all {
		at := e.at
		for len(cut) > 0 && cut[0].at < e.end() {
			if c := cut[0]; c.end() > at {
				if c.at > at {
					out = append(out, extent{at: at, n: c.at - at})
				}
				at = c.end()
			}
			if cut[0].end() > e.end() {
				break // the next may need it too
			}
			cut = cut[1:]
		}
		if at < e.end() {
			out = append(out, extent{at: at, n: e.end() - at})
		}
	}
	return out
}

// pieces cuts extents at the multiples of pieceBytes.
func pieces(all []extent) []extent {
	var out []extent
	for _, e := range all {
		for at := e.at; at < e.end(); {
			n := min(e.end(), (at/pieceBytes+1)*pieceBytes) - at
			out = append(out, extent{at, n, e.zero})
			at += n
		}
	}
	return out
}

// differs tells whether the content of an open image is another than that of one
// of its snapshots. What librbd takes for changed is looked at: a rollback, too,
// writes what was there before. Where limit is not 0, no more bytes than that are.
// The image is set to no snapshot.
func (h *handle) differs(ctx context.Context, s Snapshot, limit int) (bool, error) {
	size, err := h.img.GetSize()
	if err != nil {
		return false, fmt.Errorf("read the size of %s: %w", h.spec, err)
	}
	if size != s.SizeBytes {
		return true, nil
	}
	changed, err := diffObjects(ctx, h.img, h.spec, s.Name, size)
	if err != nil || len(changed) == 0 {
		return false, err
	}
	old, err := h.cn.open(h.spec.WithSnapshot(s.Name), readOnly)
	if err != nil {
		return false, err
	}
	where := pieces(changed)
	if limit > 0 {
		where = where[:min(len(where), limit/pieceBytes)]
	}
	same, err := sameContent(ctx, h, old, where)
	return !same, errors.Join(err, old.close())
}

// allZero tells whether extents of the image are zero.
func (h *handle) allZero(ctx context.Context, where []extent) (bool, error) {
	var data atomic.Bool
	err := inParallel(ctx, transfers, len(where), func(i int, buf []byte) error {
		b := buf[:where[i].n]
		if err := readFull(h.img, h.spec, b, where[i].at); err != nil {
			return err
		}
		if !allZero(b) {
			data.Store(true)
		}
		return nil
	})
	return err == nil && !data.Load(), err
}

// sameContent compares extents of two images.
func sameContent(ctx context.Context, a, b *handle, where []extent) (bool, error) {
	same := make([]bool, len(where))
	err := inParallel(ctx, transfers/2, len(where), func(i int, buf []byte) error {
		e := where[i]
		other := takeBuffer()
		defer buffers.Put(other)
		one, two := buf[:e.n], other[:e.n]
		if err := errors.Join(readFull(a.img, a.spec, one, e.at), readFull(b.img, b.spec, two, e.at)); err != nil {
			return err
		}
		same[i] = bytes.Equal(one, two)
		return nil
	})
	return err == nil && !slices.Contains(same, false), err
}
