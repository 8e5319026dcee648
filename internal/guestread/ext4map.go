// SPDX-License-Identifier: MPL-2.0

package guestread

// maxExtentDepth is the depth that a tree of extents has at most.
const maxExtentDepth = 5

// readBlocks reads a file's blocks; holes, and blocks that were set aside but
// not written, are zeros.
func (e *ext4) readBlocks(ino *inode) ([]byte, error) {
	out := make([]byte, ino.size)
	count := (ino.size + e.blockSize - 1) / e.blockSize
	for i := int64(0); i < count; {
		if i > 1<<32-2 {
			return nil, unsupported("an ext4 file of %d bytes", ino.size)
		}
		phys, n, err := e.mapRun(ino, uint32(i), min(count-i, maxRead/e.blockSize))
		if err != nil {
			return nil, err
		}
		if phys != 0 {
			if phys >= e.blocks || uint64(n) > e.blocks-phys {
				return nil, unsupported("ext4 block %d of %d", phys, e.blocks)
			}
			b, err := e.d.bytes(int64(phys)*e.blockSize, n*e.blockSize)
			if err != nil {
				return nil, err
			}
			copy(out[i*e.blockSize:], b)
		}
		i += n
	}
	return out, nil
}

// mapBlock finds where a block of a file is; 0 is a hole.
func (e *ext4) mapBlock(ino *inode, logical uint32) (uint64, error) {
	phys, _, err := e.mapRun(ino, logical, 1)
	return phys, err
}

// mapRun finds where a block of a file is, and how many of the wanted ones
// follow it in the same way; 0 is a hole.
func (e *ext4) mapRun(ino *inode, logical uint32, want int64) (uint64, int64, error) {
	if extFlags(ino)&extFlagExtents != 0 {
		return e.mapExtent(ino, logical, want)
	}
	phys, err := e.mapIndirect(ino, logical)
	return phys, 1, err
}

// mapExtent goes down a tree of extents.
func (e *ext4) mapExtent(ino *inode, logical uint32, want int64) (uint64, int64, error) {
	node := ino.raw[0x28 : 0x28+60]
	limit := uint64(1) << 32 // first block that is no longer below this node
	for depth := -1; ; {
		magic, entries, most, d := le.Uint16(node), int(le.Uint16(node[2:])), int(le.Uint16(node[4:])), int(le.Uint16(node[6:]))
		if magic != 0xf30a || entries > most || 12+12*entries > len(node) || d > maxExtentDepth || depth >= 0 && d != depth-1 {
			return 0, 0, unsupported("a damaged ext4 extent tree")
		}
		depth = d
		if depth > 0 && entries == 0 {
			return 0, 0, unsupported("a damaged ext4 extent tree")
		}
		// The entry that begins last of those that don't begin after the block.
		at := -1
		for i := range entries {
			first := le.Uint32(node[12+12*i:])
			if i > 0 && first <= le.Uint32(node[12*i:]) {
				return 0, 0, unsupported("a damaged ext4 extent tree")
			}
			if first > logical {
				limit = min(limit, uint64(first))
				break
			}
			at = i
		}
		if at < 0 {
			return 0, min(want, int64(limit-uint64(logical))), nil
		}
		ent := node[12+12*at : 24+12*at]
		if depth == 0 {
			return e.inExtent(ent, logical, limit, want)
		}
		child := uint64(le.Uint32(ent[4:])) | uint64(le.Uint16(ent[8:]))<<32
		b, err := e.block(child)
		if err != nil {
			return 0, 0, err
		}
		if e.csum {
			tail := 12 + 12*int(le.Uint16(b[4:]))
			if tail+4 > len(b) || extCRC(e.inodeSeed(uint32(ino.num), ino.raw), b[:tail]) != le.Uint32(b[tail:]) {
				return 0, 0, unsupported("a damaged ext4 extent tree")
			}
		}
		node = b
	}
}

// inExtent maps a block that lies in an extent, or in the hole behind it.
func (e *ext4) inExtent(ent []byte, logical uint32, limit uint64, want int64) (uint64, int64, error) {
	const initialized = 32768
	first, n := le.Uint32(ent), uint64(le.Uint16(ent[4:]))
	written := n <= initialized
	if !written {
		n -= initialized
	}
	end := uint64(first) + n
	if n == 0 || end > limit {
		return 0, 0, unsupported("a damaged ext4 extent tree")
	}
	if uint64(logical) >= end {
		return 0, min(want, int64(limit-uint64(logical))), nil
	}
	run := min(want, int64(end-uint64(logical)))
	if !written {
		return 0, run, nil
	}
	start := uint64(le.Uint32(ent[8:])) | uint64(le.Uint16(ent[6:]))<<32
	if start == 0 {
		return 0, 0, unsupported("a damaged ext4 extent tree")
	}
	return start + uint64(logical-first), run, nil
}

// mapIndirect goes through the block maps of ext2 and ext3.
func (e *ext4) mapIndirect(ino *inode, logical uint32) (uint64, error) {
	const direct = 12
	per := uint64(e.blockSize / 4)
	n := uint64(logical)
	if n < direct {
		return uint64(le.Uint32(ino.raw[0x28+4*n:])), nil
	}
	n -= direct
	span := per
	for level := range uint64(3) {
		if n >= span {
			n -= span
			span *= per
			continue
		}
		phys := uint64(le.Uint32(ino.raw[0x28+4*(direct+level):]))
		for phys != 0 && span > 1 {
			b, err := e.block(phys)
			if err != nil {
				return 0, err
			}
			span /= per
			phys = uint64(le.Uint32(b[4*(n/span):]))
			n %= span
		}
		return phys, nil
	}
	return 0, unsupported("an ext3 file that is too large")
}
