// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"hash/crc32"
	"io/fs"
	"math/bits"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// Features of XFS version 5, see the kernel's fs/xfs/libxfs/xfs_format.h. Those
// that are known either change nothing for a reader, or are seen to here.
const (
	xfsROKnown       = 0x1 | 0x2 | 0x4 | 0x8                                                        // free inodes, reverse map, reflink, inode counts
	xfsIncompatKnown = 0x1 | 0x2 | 0x4 | 0x8 | 0x20 | 0x40 | 0x80                                   // file type, sparse inodes, meta uuid, big time, nrext64, exchange, parent
	xfsFlagRealtime  = 0x1                                                                          // of an inode
	xfsFlag2NRExt64  = 0x10                                                                         // of an inode: wide counters of extents
	xfsVersionKnown  = 0x10 | 0x20 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 0x1000 | 0x2000 | 0x8000 // of version 4, see openXFS
)

// Formats of an inode's data.
const (
	xfsLocal   = 1
	xfsExtents = 2
	xfsBtree   = 3
)

type xfs struct {
	d         *device
	v5        bool
	fileType  bool
	blockSize int64
	dirBlock  int64 // bytes of a directory's block
	blocks    uint64
	agBlocks  uint64
	agCount   uint64
	agLog     uint // bits of a block's number within its allocation group
	inodeLog  uint // bits of an inode's number within its block
	inodeSize int64
	rootInode uint64
	uuid      [16]byte
}

func openXFS(d *device) (*xfs, error) {
	sb, err := d.bytes(0, sector)
	if err != nil {
		return nil, err
	}
	version := be.Uint16(sb[100:])
	x := &xfs{
		d:         d,
		v5:        version&0xf == 5,
		blockSize: int64(be.Uint32(sb[4:])),
		blocks:    be.Uint64(sb[8:]),
		agBlocks:  uint64(be.Uint32(sb[84:])),
		agCount:   uint64(be.Uint32(sb[88:])),
		agLog:     uint(sb[124]),
		inodeLog:  uint(sb[123]),
		inodeSize: int64(be.Uint16(sb[104:])),
		rootInode: be.Uint64(sb[56:]),
		uuid:      [16]byte(sb[32:48]),
	}
	if err := x.readFeatures(sb, version); err != nil {
		return nil, err
	}
	if err := x.checkGeometry(sb); err != nil {
		return nil, err
	}
	if err := x.checkLog(sb); err != nil {
		return nil, err
	}
	return x, nil
}

// readFeatures refuses features of a superblock that this reader does not know.
func (x *xfs) readFeatures(sb []byte, version uint16) error {
	switch version & 0xf {
	case 4:
		// Neither case-insensitive names (0x4000) nor anything older than
		// directories of version 2.
		if version&0x2000 == 0 || version&^(xfsVersionKnown|0xf) != 0 {
			return unsupported("XFS with the version %#x", version)
		}
		x.fileType = version&0x8000 != 0 && be.Uint32(sb[200:])&0x200 != 0
	case 5:
		ro, incompat, log := be.Uint32(sb[212:]), be.Uint32(sb[216:]), be.Uint32(sb[220:])
		if version&0x4000 != 0 || ro&^xfsROKnown != 0 || incompat&^xfsIncompatKnown != 0 || log != 0 {
			return unsupported("XFS with the features %#x, %#x, %#x, %#x", version, ro, incompat, log)
		}
		x.fileType = incompat&1 != 0
	default:
		return unsupported("XFS of version %d", version&0xf)
	}
	return nil
}

// checkGeometry refuses sizes and counts of a superblock that contradict each
// other or the device, and a damaged superblock.
func (x *xfs) checkGeometry(sb []byte) error {
	sectorSize := int64(be.Uint16(sb[102:]))
	x.dirBlock = x.blockSize << min(sb[192], 16)
	inodesPerBlock := int64(0)
	if x.inodeSize > 0 {
		inodesPerBlock = x.blockSize / x.inodeSize
	}
	switch {
	case x.blockSize < 512 || x.blockSize > 4096 || x.blockSize&(x.blockSize-1) != 0,
		x.blockSize != 1<<min(sb[120], 16),
		sectorSize < 512 || sectorSize > 4096 || sectorSize&(sectorSize-1) != 0,
		x.dirBlock > 64<<10,
		x.inodeSize < 256 || x.inodeSize > 2048 || x.inodeSize > x.blockSize || x.inodeSize&(x.inodeSize-1) != 0,
		inodesPerBlock != 1<<min(x.inodeLog, 16),
		x.agBlocks == 0 || x.agLog > 31 || uint(bits.Len64(x.agBlocks-1)) != x.agLog,
		x.agCount == 0 || x.blocks > x.agCount*x.agBlocks || x.blocks <= (x.agCount-1)*x.agBlocks,
		sb[126] != 0: // mkfs has not finished
		return unsupported("XFS with a superblock that makes no sense")
	case x.blocks > uint64(x.d.size/x.blockSize):
		return as(ErrCutOff, "an xfs of %d bytes on a device of %d", sizeOf(x.blocks, x.blockSize), x.d.size)
	}
	if !x.v5 {
		return nil
	}
	whole, err := x.d.bytes(0, sectorSize)
	if err != nil {
		return err
	}
	if !crcMatches(whole, 224) {
		return unsupported("XFS with a damaged superblock")
	}
	return nil
}

// crcMatches checks the CRC-32C of XFS's metadata, which stands in it, in the
// byte order of Intel.
func crcMatches(b []byte, at int) bool {
	crc := crc32.Update(0, castagnoli, b[:at])
	crc = crc32.Update(crc, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(crc, castagnoli, b[at+4:]) == le.Uint32(b[at:])
}

// offset is where a block is, in bytes. The upper bits of its number are the
// allocation group's.
func (x *xfs) offset(block uint64) (int64, error) {
	ag, n := block>>x.agLog, block&(1<<x.agLog-1)
	if ag >= x.agCount || n >= x.agBlocks || ag*x.agBlocks+n >= x.blocks {
		return 0, unsupported("XFS block %d of %d", block, x.blocks)
	}
	return int64(ag*x.agBlocks+n) * x.blockSize, nil
}

func (x *xfs) root() (*inode, error) {
	ino, err := x.inode(x.rootInode)
	if err == nil && ino.kind() != guest.Directory {
		return nil, unsupported("an XFS root that is a %s", ino.kind())
	}
	return ino, err
}

func (x *xfs) inode(num uint64) (*inode, error) {
	at, err := x.offset(num >> x.inodeLog)
	if err != nil {
		return nil, err
	}
	raw, err := x.d.bytes(at+int64(num&(1<<x.inodeLog-1))*x.inodeSize, x.inodeSize)
	if err != nil {
		return nil, err
	}
	version := raw[4]
	switch {
	case string(raw[:2]) != "IN", x.v5 != (version == 3), !x.v5 && version != 2,
		x.v5 && (!crcMatches(raw, 100) || be.Uint64(raw[152:]) != num),
		be.Uint32(raw[16:]) == 0: // no links
		return nil, unsupported("a damaged XFS inode")
	}
	ino := &inode{
		num:  num,
		mode: uint32(be.Uint16(raw[2:])),
		uid:  be.Uint32(raw[8:]),
		gid:  be.Uint32(raw[12:]),
		size: int64(be.Uint64(raw[56:])),
		raw:  raw,
	}
	if be.Uint16(raw[90:])&xfsFlagRealtime != 0 {
		return nil, unsupported("an XFS file on a realtime device")
	}
	if ino.size < 0 || ino.kind() == guest.Unknown {
		return nil, unsupported("a damaged XFS inode")
	}
	return ino, nil
}

// fork is the part of an inode that holds its data, or the map of its blocks.
func (x *xfs) fork(ino *inode) ([]byte, error) {
	core := 100
	if x.v5 {
		core = 176
	}
	f := ino.raw[core:]
	if n := int(ino.raw[82]) * 8; n > len(f) {
		return nil, unsupported("a damaged XFS inode")
	} else if n > 0 {
		f = f[:n]
	}
	return f, nil
}

func format(ino *inode) byte { return ino.raw[5] }

func (x *xfs) content(ino *inode) ([]byte, error) {
	if ino.kind() != guest.Symlink {
		return x.readBlocks(ino)
	}
	f, err := x.fork(ino)
	if err != nil {
		return nil, err
	}
	if format(ino) == xfsLocal {
		if ino.size > int64(len(f)) {
			return nil, unsupported("a damaged XFS link")
		}
		return slices.Clone(f[:ino.size]), nil
	}
	return x.remoteLink(ino)
}

// remoteLink reads a link's target from blocks of its own, each with a header
// in version 5.
func (x *xfs) remoteLink(ino *inode) ([]byte, error) {
	if !x.v5 {
		return x.readBlocks(ino)
	}
	runs, err := x.runs(ino)
	if err != nil {
		return nil, err
	}
	const header = 56
	var out []byte
	for _, r := range runs {
		for i := range r.count {
			b, err := x.block(r.phys + i)
			if err != nil {
				return nil, err
			}
			n := int(be.Uint32(b[8:]))
			if string(b[:4]) != "XSLM" || be.Uint32(b[4:]) != uint32(len(out)) || n < 1 || n > len(b)-header ||
				!crcMatches(b, 12) || be.Uint64(b[32:]) != ino.num {
				return nil, unsupported("a damaged XFS link")
			}
			if out = append(out, b[header:header+n]...); int64(len(out)) >= ino.size {
				break
			}
		}
	}
	if int64(len(out)) != ino.size {
		return nil, unsupported("a damaged XFS link")
	}
	return out, nil
}

func (x *xfs) lookup(dir *inode, name string) (*inode, error) {
	var num uint64
	err := x.scan(dir, func(is []byte, n uint64) error {
		if string(is) != name {
			return nil
		}
		if num != 0 || n == 0 {
			return unsupported("a damaged XFS directory")
		}
		num = n
		return nil
	})
	if err != nil {
		return nil, err
	}
	if num == 0 {
		return nil, fs.ErrNotExist
	}
	return x.inode(num)
}

func (x *xfs) list(dir *inode, found func(name string, num uint64) error) error {
	return x.scan(dir, func(name []byte, num uint64) error { return found(string(name), num) })
}

func (x *xfs) numbered(num uint64) (*inode, error) { return x.inode(num) }
