// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"cmp"
	"slices"
)

// PieceBytes is what one read asks for: an object of the usual size.
const PieceBytes = 4 << 20

// Extent is a part of an image, in bytes.
type Extent struct {
	At, Length int64
	// Zero tells that it is known to have no data.
	Zero bool
}

// End is the offset behind it.
func (e Extent) End() int64 { return e.At + e.Length }

// Total is how many bytes extents have.
func Total(all []Extent) (n int64) {
	for _, e := range all {
		n += e.Length
	}
	return n
}

// Joined sorts extents and makes one of neighbours. Where some overlap, data
// counts.
func Joined(all []Extent) []Extent {
	slices.SortFunc(all, func(a, b Extent) int { return cmp.Compare(a.At, b.At) })
	var out []Extent
	for _, e := range all {
		if len(out) == 0 || out[len(out)-1].End() < e.At || out[len(out)-1].End() == e.At && out[len(out)-1].Zero != e.Zero {
			out = append(out, e)
			continue
		}
		last := &out[len(out)-1]
		last.Zero = last.Zero && e.Zero
		last.Length = max(last.End(), e.End()) - last.At
	}
	return out
}

// rounded widens extents to whole objects of this size.
func rounded(all []Extent, objectBytes int64) []Extent {
	out := make([]Extent, len(all))
	for i, e := range all {
		at := e.At - e.At%objectBytes
		out[i] = Extent{At: at, Length: (e.End()+objectBytes-1)/objectBytes*objectBytes - at}
	}
	return Joined(out)
}

// without is what is in all and not in cut; both are sorted, as Joined has them.
func without(all, cut []Extent) []Extent {
	var out []Extent
	for _, e := range all {
		at := e.At
		for len(cut) > 0 && cut[0].At < e.End() {
			if c := cut[0]; c.End() > at {
				if c.At > at {
					out = append(out, Extent{At: at, Length: c.At - at})
				}
				at = c.End()
			}
			if cut[0].End() > e.End() {
				break // the next may need it too
			}
			cut = cut[1:]
		}
		if at < e.End() {
			out = append(out, Extent{At: at, Length: e.End() - at})
		}
	}
	return out
}

// Pieces cuts extents at the multiples of PieceBytes.
func Pieces(all []Extent) []Extent {
	var out []Extent
	for _, e := range all {
		for e.Length > 0 {
			p := e.firstPiece()
			out = append(out, p)
			e.At, e.Length = p.End(), e.Length-p.Length
		}
	}
	return out
}

// firstPiece is the part before the next multiple of PieceBytes: a read does not
// go over the border of an object.
func (e Extent) firstPiece() Extent {
	return Extent{At: e.At, Length: min(e.Length, PieceBytes-e.At%PieceBytes), Zero: e.Zero}
}
