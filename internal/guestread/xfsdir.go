// SPDX-License-Identifier: MPL-2.0

package guestread

// leafOffset is where in a directory the search trees begin, which are not
// needed here, in bytes.
const leafOffset = 32 << 30

// searchShort finds a name in a directory that stands in its inode; it returns
// 0 where there is none.
func (x *xfs) searchShort(dir *inode, name string) (uint64, error) {
	damaged := unsupported("a damaged XFS directory")
	f, err := x.fork(dir)
	if err != nil {
		return 0, err
	}
	if dir.size > int64(len(f)) || dir.size < 6 {
		return 0, damaged
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
	var found uint64
	for range count {
		if pos+3 > len(f) {
			return 0, damaged
		}
		n := int(f[pos])
		end := pos + 3 + n + typed + wide
		if n == 0 || end > len(f) {
			return 0, damaged
		}
		if string(f[pos+3:pos+3+n]) == name {
			if found != 0 {
				return 0, damaged
			}
			if wide == 8 {
				found = be.Uint64(f[end-8:])
			} else {
				found = uint64(be.Uint32(f[end-4:]))
			}
			if found == 0 {
				return 0, damaged
			}
		}
		pos = end
	}
	if pos != len(f) {
		return 0, damaged
	}
	return found, nil
}

// searchBlocks finds a name in a directory with blocks of its own; it returns 0
// where there is none.
func (x *xfs) searchBlocks(dir *inode, name string) (uint64, error) {
	runs, err := x.runs(dir)
	if err != nil {
		return 0, err
	}
	per := uint64(x.dirBlock / x.blockSize)
	var found uint64
	seen := uint64(0) // first directory block that was not looked at
	for _, r := range runs {
		if r.logical >= uint64(leafOffset/x.blockSize) {
			break
		}
		if r.logical+r.count > maxDir/uint64(x.blockSize) {
			return 0, unsupported("an XFS directory of more than %d bytes", maxDir)
		}
		for n := max(seen, r.logical/per); n <= (r.logical+r.count-1)/per; n++ {
			b, err := x.readLogical(runs, n*per, x.dirBlock)
			if err != nil {
				return 0, err
			}
			if b == nil {
				return 0, unsupported("an XFS directory with a hole")
			}
			num, err := x.searchBlock(dir, b, name, n == 0)
			if err != nil {
				return 0, err
			}
			if num != 0 && found != 0 {
				return 0, unsupported("a damaged XFS directory")
			}
			found |= num
			seen = n + 1
		}
	}
	if seen == 0 {
		return 0, unsupported("an XFS directory without blocks")
	}
	return found, nil
}

// searchBlock finds a name in one block of a directory; first says whether it
// is the first one.
func (x *xfs) searchBlock(dir *inode, b []byte, name string, first bool) (uint64, error) {
	damaged := unsupported("a damaged XFS directory")
	header := 16
	if x.v5 {
		header = 64
		if !crcMatches(b, 4) || be.Uint64(b[40:]) != dir.num {
			return 0, damaged
		}
	}
	end := len(b)
	switch magic := string(b[:4]); {
	case x.v5 && magic == "XDD3", !x.v5 && magic == "XD2D":
	case first && (x.v5 && magic == "XDB3" || !x.v5 && magic == "XD2B"):
		// A directory of one block has its search table at the end of it.
		leaves := int64(be.Uint32(b[len(b)-8:]))
		if leaves > int64(len(b)-header-8)/8 {
			return 0, damaged
		}
		end -= 8 + 8*int(leaves)
	default:
		return 0, damaged
	}
	fixed := 8 + 1 + 2 // number, length of the name, and at the end the entry's own place
	if x.fileType {
		fixed++
	}
	var found uint64
	for pos := header; pos < end; {
		if pos+8 > end {
			return 0, damaged
		}
		var size int
		if be.Uint16(b[pos:]) == 0xffff { // unused
			size = int(be.Uint16(b[pos+2:]))
			if size < 8 || size%8 != 0 || pos+size > end {
				return 0, damaged
			}
		} else {
			n := int(b[pos+8])
			size = (fixed + n + 7) &^ 7
			if n == 0 || pos+size > end {
				return 0, damaged
			}
			if string(b[pos+9:pos+9+n]) == name {
				if found != 0 {
					return 0, damaged
				}
				found = be.Uint64(b[pos:])
			}
		}
		if int(be.Uint16(b[pos+size-2:])) != pos {
			return 0, damaged
		}
		pos += size
	}
	return found, nil
}
