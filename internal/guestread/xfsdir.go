// SPDX-License-Identifier: MPL-2.0

package guestread

// leafOffset is where in a directory the search trees begin, which are not
// needed here, in bytes.
const leafOffset = 32 << 30

// found is told the names of a directory.
type found func(name []byte, num uint64) error

// scan hands over the names of a directory.
func (x *xfs) scan(dir *inode, use found) error {
	if format(dir) == xfsLocal {
		return x.scanShort(dir, use)
	}
	return x.scanBlocks(dir, use)
}

// scanShort hands over the names of a directory that stands in its inode.
func (x *xfs) scanShort(dir *inode, use found) error {
	damaged := unsupported("a damaged XFS directory")
	f, err := x.fork(dir)
	if err != nil {
		return err
	}
	if dir.size > int64(len(f)) || dir.size < 6 {
		return damaged
	}
	f = f[:dir.size]
	count, wide := int(f[0]), 4
	if f[1] != 0 { // some number needs 8 bytes, so all of them have these
		wide = 8
	}
	typed := 0
	if x.fileType {
		typed = 1
	}
	pos := 2 + wide
	for range count {
		if pos+3 > len(f) {
			return damaged
		}
		n := int(f[pos])
		end := pos + 3 + n + typed + wide
		if n == 0 || end > len(f) {
			return damaged
		}
		num := uint64(be.Uint32(f[end-4:]))
		if wide == 8 {
			num = be.Uint64(f[end-8:])
		}
		if num == 0 {
			return damaged
		}
		if err := use(f[pos+3:pos+3+n], num); err != nil {
			return err
		}
		pos = end
	}
	if pos != len(f) {
		return damaged
	}
	return nil
}

// scanBlocks hands over the names of a directory with blocks of its own.
func (x *xfs) scanBlocks(dir *inode, use found) error {
	runs, err := x.runs(dir)
	if err != nil {
		return err
	}
	per := uint64(x.dirBlock / x.blockSize)
	seen := uint64(0) // first directory block that was not looked at
	for _, r := range runs {
		if r.logical >= uint64(leafOffset/x.blockSize) {
			break
		}
		if r.logical+r.count > maxDir/uint64(x.blockSize) {
			return unsupported("an XFS directory of more than %d bytes", maxDir)
		}
		for n := max(seen, r.logical/per); n <= (r.logical+r.count-1)/per; n++ {
			b, err := x.readLogical(runs, n*per, x.dirBlock)
			if err != nil {
				return err
			}
			if b == nil {
				return unsupported("an XFS directory with a hole")
			}
			if err := x.scanBlock(dir, b, n == 0, use); err != nil {
				return err
			}
			seen = n + 1
		}
	}
	if seen == 0 {
		return unsupported("an XFS directory without blocks")
	}
	return nil
}

// scanBlock hands over the names of one block of a directory; first says whether
// it is the first one.
func (x *xfs) scanBlock(dir *inode, b []byte, first bool, use found) error {
	damaged := unsupported("a damaged XFS directory")
	header := 16
	if x.v5 {
		header = 64
		if !crcMatches(b, 4) || be.Uint64(b[40:]) != dir.num {
			return damaged
		}
	}
	end := len(b)
	switch magic := string(b[:4]); {
	case x.v5 && magic == "XDD3", !x.v5 && magic == "XD2D":
	case first && (x.v5 && magic == "XDB3" || !x.v5 && magic == "XD2B"):
		// A directory of one block has its search table at the end of it.
		leaves := int64(be.Uint32(b[len(b)-8:]))
		if leaves > int64(len(b)-header-8)/8 {
			return damaged
		}
		end -= 8 + 8*int(leaves)
	default:
		return damaged
	}
	fixed := 8 + 1 + 2 // number, length of the name, and at the end the entry's own place
	if x.fileType {
		fixed++
	}
	for pos := header; pos < end; {
		if pos+8 > end {
			return damaged
		}
		var size int
		if be.Uint16(b[pos:]) == 0xffff { // unused
			size = int(be.Uint16(b[pos+2:]))
			if size < 8 || size%8 != 0 || pos+size > end {
				return damaged
			}
		} else {
			n := int(b[pos+8])
			size = (fixed + n + 7) &^ 7
			if n == 0 || pos+size > end {
				return damaged
			}
			if err := use(b[pos+9:pos+9+n], be.Uint64(b[pos:])); err != nil {
				return err
			}
		}
		if int(be.Uint16(b[pos+size-2:])) != pos {
			return damaged
		}
		pos += size
	}
	return nil
}
