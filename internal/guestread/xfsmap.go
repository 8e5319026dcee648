// SPDX-License-Identifier: MPL-2.0

package guestread

import "slices"

// maxRuns bounds the extents of one file.
const maxRuns = 1 << 16

// run is an extent of a file, in blocks.
type run struct {
	logical, phys, count uint64
	unwritten            bool
}

func (x *xfs) block(n uint64) ([]byte, error) {
	at, err := x.offset(n)
	if err != nil {
		return nil, err
	}
	return x.d.bytes(at, x.blockSize)
}

// runs returns the extents of a file, in order.
func (x *xfs) runs(ino *inode) ([]run, error) {
	f, err := x.fork(ino)
	if err != nil {
		return nil, err
	}
	n := uint64(be.Uint32(ino.raw[76:]))
	if x.v5 && be.Uint64(ino.raw[120:])&xfsFlag2NRExt64 != 0 {
		n = be.Uint64(ino.raw[24:])
	}
	if n > maxRuns {
		return nil, unsupported("an XFS file with %d extents", n)
	}
	var out []run
	switch format(ino) {
	case xfsExtents:
		if n > uint64(len(f)/16) {
			return nil, unsupported("a damaged XFS inode")
		}
		out = decodeRuns(f[:16*n])
	case xfsBtree:
		if out, err = x.btree(ino, f, n); err != nil {
			return nil, err
		}
	default:
		return nil, unsupported("an XFS inode of the format %d", format(ino))
	}
	if uint64(len(out)) != n {
		return nil, unsupported("a damaged XFS map of blocks")
	}
	var end uint64
	for _, r := range out {
		if r.count == 0 || r.logical < end {
			return nil, unsupported("a damaged XFS map of blocks")
		}
		end = r.logical + r.count
		if _, err := x.offset(r.phys + r.count - 1); err != nil {
			return nil, err
		}
		// An extent never crosses into another allocation group.
		if r.phys>>x.agLog != (r.phys+r.count-1)>>x.agLog {
			return nil, unsupported("a damaged XFS map of blocks")
		}
	}
	return out, nil
}

// decodeRuns unpacks extents of 16 bytes: a flag, 54 bits of logical and 52
// bits of physical block, and 21 bits of length.
func decodeRuns(b []byte) []run {
	out := make([]run, 0, len(b)/16)
	for ; len(b) >= 16; b = b[16:] {
		hi, lo := be.Uint64(b), be.Uint64(b[8:])
		out = append(out, run{
			unwritten: hi>>63 != 0,
			logical:   hi << 1 >> 10,
			phys:      hi&(1<<9-1)<<43 | lo>>21,
			count:     lo & (1<<21 - 1),
		})
	}
	return out
}

// btree collects the extents of a tree, of which the inode holds the root; most
// is how many there are to be.
func (x *xfs) btree(ino *inode, root []byte, most uint64) ([]run, error) {
	damaged := unsupported("a damaged XFS map of blocks")
	level, n := int(be.Uint16(root)), int(be.Uint16(root[2:]))
	slots := (len(root) - 4) / 16
	if level < 1 || level > 8 || n < 1 || n > slots {
		return nil, damaged
	}
	header, magic := 24, "BMAP"
	if x.v5 {
		header, magic = 72, "BMA3"
	}
	pointers := root[4+8*slots:]
	nodes := make([]uint64, 0, n)
	for i := range n {
		nodes = append(nodes, be.Uint64(pointers[8*i:]))
	}
	var out []run
	for level--; ; level-- {
		var next []uint64
		for _, num := range nodes {
			b, err := x.block(num)
			if err != nil {
				return nil, err
			}
			n := int(be.Uint16(b[6:]))
			if string(b[:4]) != magic || int(be.Uint16(b[4:])) != level || n < 1 ||
				x.v5 && (!crcMatches(b, 64) || be.Uint64(b[56:]) != ino.num) {
				return nil, damaged
			}
			slots := (len(b) - header) / 16
			if n > slots {
				return nil, damaged
			}
			if level == 0 {
				out = append(out, decodeRuns(b[header:header+16*n])...)
			} else {
				for i := range n {
					next = append(next, be.Uint64(b[header+8*slots+8*i:]))
				}
			}
			// Every node leads to an extent at least: a tree with more of them
			// runs in circles.
			if uint64(len(out)) > most || uint64(len(next)) > most {
				return nil, damaged
			}
		}
		if level == 0 {
			return out, nil
		}
		nodes = next
	}
}

// readBlocks reads a file's blocks; holes, and blocks that were set aside but
// not written, are zeros.
func (x *xfs) readBlocks(ino *inode) ([]byte, error) {
	runs, err := x.runs(ino)
	if err != nil {
		return nil, err
	}
	out := make([]byte, ino.size)
	for _, r := range runs {
		if r.unwritten {
			continue
		}
		for done := uint64(0); done < r.count; {
			if r.logical+done > uint64(ino.size/x.blockSize) {
				break
			}
			at := int64(r.logical+done) * x.blockSize
			if at >= ino.size {
				break
			}
			n := min(int64(r.count-done)*x.blockSize, maxRead, (ino.size-at+x.blockSize-1)/x.blockSize*x.blockSize)
			from, err := x.offset(r.phys + done)
			if err != nil {
				return nil, err
			}
			b, err := x.d.bytes(from, n)
			if err != nil {
				return nil, err
			}
			copy(out[at:], b)
			done += uint64(n / x.blockSize)
		}
	}
	return out, nil
}

// readLogical reads n bytes at a block of a file that has no holes there; nil
// says that it has nothing there at all.
func (x *xfs) readLogical(runs []run, logical uint64, n int64) ([]byte, error) {
	var out []byte
	for int64(len(out)) < n {
		i := slices.IndexFunc(runs, func(r run) bool { return logical >= r.logical && logical < r.logical+r.count })
		if i < 0 {
			if out == nil {
				return nil, nil
			}
			return nil, unsupported("an XFS directory with a hole")
		}
		if runs[i].unwritten {
			return nil, unsupported("an XFS directory that was not written")
		}
		b, err := x.block(runs[i].phys + logical - runs[i].logical)
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
		logical++
	}
	return out, nil
}
