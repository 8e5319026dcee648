// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// Features of ext4, see ext4(5) and the kernel's Documentation/filesystems/ext4.
// A compatible one never keeps a kernel from reading.
const (
	extCompatJournal    = 0x4
	extIncompatFiletype = 0x2
	extIncompatRecover  = 0x4
	extIncompatJournal  = 0x8 // another file system's journal, and no file system
	extIncompatExtents  = 0x40
	extIncompat64bit    = 0x80
	extIncompatFlexBG   = 0x200
	extIncompatCsumSeed = 0x2000
	extIncompatEncrypt  = 0x10000
	extIncompatCasefold = 0x20000 // of directories that have the flag
	extIncompatKnown    = extIncompatFiletype | extIncompatExtents | extIncompat64bit | extIncompatFlexBG |
		extIncompatCsumSeed | extIncompatEncrypt | extIncompatCasefold

	extROBigalloc = 0x200 // whose clusters matter to who allocates, not to who reads
	extROCsum     = 0x400 // metadata_csum
	extROKnown    = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | extROBigalloc | extROCsum | 0x1000 | 0x2000 | 0x8000
)

// Flags of inodes.
const (
	extFlagIndex   = 0x1000
	extFlagExtents = 0x80000
	// compressed, encrypted, huge (EA), verity, inline data, case-insensitive
	extFlagsUnknown = 0x4 | 0x800 | 0x200000 | 0x100000 | 0x10000000 | 0x40000000
)

const (
	extRootInode = 2
	// maxDir bounds the size of a directory, in bytes.
	maxDir = 64 << 20
)

type ext4 struct {
	d          *device
	blockSize  int64
	blocks     uint64
	inodes     uint32
	perGroup   uint32
	inodeSize  int64
	firstInode uint32
	firstBlock int64
	descSize   int64
	csum       bool
	seed       uint32
}

func openExt4(d *device) (*ext4, error) {
	sb, err := d.bytes(1024, 1024)
	if err != nil {
		return nil, err
	}
	incompat, ro := le.Uint32(sb[96:]), le.Uint32(sb[100:])
	switch {
	case incompat&extIncompatRecover != 0:
		return nil, unsupported("ext4 with a journal that must be replayed")
	case incompat&^extIncompatKnown != 0 || ro&^extROKnown != 0:
		return nil, unsupported("ext4 with the features %#x, %#x", incompat, ro)
	case le.Uint32(sb[76:]) != 1 || le.Uint32(sb[72:]) != 0:
		return nil, unsupported("ext4 of an old revision or another system")
	case journalOutside(sb):
		return nil, ErrJournal
	}
	logBlock := le.Uint32(sb[24:])
	if logBlock > 2 {
		return nil, unsupported("ext4 with blocks of more than 4 KiB")
	}
	e := &ext4{
		d:          d,
		blockSize:  1024 << logBlock,
		blocks:     uint64(le.Uint32(sb[4:])),
		inodes:     le.Uint32(sb[0:]),
		perGroup:   le.Uint32(sb[40:]),
		inodeSize:  int64(le.Uint16(sb[88:])),
		firstInode: le.Uint32(sb[84:]),
		firstBlock: int64(le.Uint32(sb[20:])),
		descSize:   32,
		csum:       ro&extROCsum != 0,
	}
	if incompat&extIncompat64bit != 0 {
		e.blocks |= uint64(le.Uint32(sb[336:])) << 32
		e.descSize = int64(le.Uint16(sb[254:]))
	}
	if e.csum {
		e.seed = extCRC(^uint32(0), sb[104:120])
		if incompat&extIncompatCsumSeed != 0 {
			e.seed = le.Uint32(sb[624:])
		}
		if sb[373] != 1 || extCRC(^uint32(0), sb[:1020]) != le.Uint32(sb[1020:]) {
			return nil, unsupported("ext4 with a damaged superblock")
		}
	}
	switch {
	case e.blocks > uint64(d.size/e.blockSize):
		return nil, as(ErrCutOff, "an ext4 of %d bytes on a device of %d", sizeOf(e.blocks, e.blockSize), d.size)
	case e.blocks == 0, e.perGroup == 0 || e.perGroup > uint32(e.blockSize)*8 || e.inodes == 0,
		e.inodeSize < 128 || e.inodeSize > e.blockSize || e.inodeSize&(e.inodeSize-1) != 0,
		e.descSize < 32 || e.descSize > 1024 || e.descSize&(e.descSize-1) != 0,
		incompat&extIncompat64bit != 0 && e.descSize < 64,
		e.firstBlock != int64(1-min(logBlock, 1)):
		return nil, unsupported("ext4 with a superblock that makes no sense")
	}
	return e, nil
}

// journalOutside tells whether the journal has no inode: another device has it.
func journalOutside(sb []byte) bool {
	return le.Uint32(sb[92:])&extCompatJournal != 0 && le.Uint32(sb[224:]) == 0
}

// extCRC is ext4's CRC-32C, which is not inverted at the end.
func extCRC(crc uint32, b []byte) uint32 { return ^crc32.Update(^crc, castagnoli, b) }

func le32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func (e *ext4) block(n uint64) ([]byte, error) {
	if n == 0 || n >= e.blocks {
		return nil, unsupported("ext4 block %d of %d", n, e.blocks)
	}
	return e.d.bytes(int64(n)*e.blockSize, e.blockSize)
}

func (e *ext4) root() (*inode, error) {
	ino, err := e.inode(extRootInode)
	if err == nil && ino.kind() != guest.Directory {
		return nil, unsupported("an ext4 root that is a %s", ino.kind())
	}
	return ino, err
}

func (e *ext4) inode(num uint32) (*inode, error) {
	if num != extRootInode && num < e.firstInode || num > e.inodes {
		return nil, unsupported("ext4 inode %d of %d", num, e.inodes)
	}
	group, index := (num-1)/e.perGroup, (num-1)%e.perGroup
	desc, err := e.d.bytes((e.firstBlock+1)*e.blockSize+int64(group)*e.descSize, e.descSize)
	if err != nil {
		return nil, err
	}
	table := uint64(le.Uint32(desc[8:]))
	if e.descSize >= 64 {
		table |= uint64(le.Uint32(desc[40:])) << 32
	}
	if e.csum {
		crc := extCRC(extCRC(e.seed, le32(group)), desc[:30])
		crc = extCRC(crc, []byte{0, 0})
		if uint16(extCRC(crc, desc[32:])) != le.Uint16(desc[30:]) {
			return nil, unsupported("ext4 with a damaged group descriptor")
		}
	}
	if table == 0 || table >= e.blocks {
		return nil, unsupported("ext4 with a damaged group descriptor")
	}
	raw, err := e.d.bytes(int64(table)*e.blockSize+int64(index)*e.inodeSize, e.inodeSize)
	if err != nil {
		return nil, err
	}
	if e.csum && !e.inodeIntact(num, raw) {
		return nil, unsupported("a damaged ext4 inode")
	}
	ino := &inode{
		num:  uint64(num),
		mode: uint32(le.Uint16(raw)),
		uid:  uint32(le.Uint16(raw[2:])) | uint32(le.Uint16(raw[0x78:]))<<16,
		gid:  uint32(le.Uint16(raw[0x18:])) | uint32(le.Uint16(raw[0x7a:]))<<16,
		size: int64(le.Uint32(raw[4:])),
		raw:  raw,
	}
	if ino.kind() == guest.Regular {
		ino.size |= int64(le.Uint32(raw[0x6c:])) << 32
	}
	if flags := extFlags(ino); flags&extFlagsUnknown != 0 {
		return nil, unsupported("an ext4 file with the flags %#x", flags)
	}
	if ino.size < 0 || le.Uint16(raw[0x1a:]) == 0 || ino.kind() == guest.Unknown {
		return nil, unsupported("a damaged ext4 inode")
	}
	return ino, nil
}

func extFlags(ino *inode) uint32 { return le.Uint32(ino.raw[0x20:]) }

// inodeSeed begins the checksums of what belongs to an inode.
func (e *ext4) inodeSeed(num uint32, raw []byte) uint32 {
	return extCRC(extCRC(e.seed, le32(num)), raw[0x64:0x68])
}

func (e *ext4) inodeIntact(num uint32, raw []byte) bool {
	b := slices.Clone(raw)
	want := uint32(le.Uint16(b[0x7c:]))
	clear(b[0x7c:0x7e])
	// The upper half is there where the inode is large enough to hold it.
	if len(b) > 128 && le.Uint16(b[0x80:]) >= 4 {
		want |= uint32(le.Uint16(b[0x82:])) << 16
		clear(b[0x82:0x84])
		return extCRC(e.inodeSeed(num, raw), b) == want
	}
	return extCRC(e.inodeSeed(num, raw), b)&0xffff == want
}

func (e *ext4) lookup(dir *inode, name string) (*inode, error) {
	var found uint32
	err := e.eachBlock(dir, func(b []byte, first bool) (bool, error) {
		num, err := e.searchBlock(dir, b, name, first)
		found = num
		return num == 0, err
	})
	if err != nil {
		return nil, err
	}
	if found == 0 {
		return nil, fs.ErrNotExist
	}
	return e.inode(found)
}

func (e *ext4) list(dir *inode, found func(name string, num uint64) error) error {
	return e.eachBlock(dir, func(b []byte, first bool) (bool, error) {
		return true, e.scanBlock(dir, b, first, func(name []byte, num uint32) error { return found(string(name), uint64(num)) })
	})
}

func (e *ext4) numbered(num uint64) (*inode, error) {
	if num > uint64(e.inodes) {
		return nil, unsupported("ext4 inode %d of %d", num, e.inodes)
	}
	return e.inode(uint32(num))
}

// eachBlock hands over the blocks of a directory, until use says that it needs no
// more.
func (e *ext4) eachBlock(dir *inode, use func(b []byte, first bool) (more bool, err error)) error {
	if dir.size > maxDir || dir.size%e.blockSize != 0 {
		return unsupported("an ext4 directory of %d bytes", dir.size)
	}
	for i := range dir.size / e.blockSize {
		phys, err := e.mapBlock(dir, uint32(i))
		if err != nil {
			return err
		}
		if phys == 0 {
			return unsupported("an ext4 directory with a hole")
		}
		b, err := e.block(phys)
		if err != nil {
			return err
		}
		if more, err := use(b, i == 0); err != nil || !more {
			return err
		}
	}
	return nil
}

// dirTail is the length of the checksum at the end of a directory's block,
// which looks like an entry.
const dirTail = 12

// searchBlock returns the inode of a name, 0 when it is not in the block; first
// says whether it is the directory's first.
func (e *ext4) searchBlock(dir *inode, b []byte, name string, first bool) (found uint32, err error) {
	err = e.scanBlock(dir, b, first, func(is []byte, num uint32) error {
		if string(is) != name {
			return nil
		}
		if found != 0 {
			return unsupported("a damaged ext4 directory")
		}
		found = num
		return nil
	})
	return found, err
}

// scanBlock hands over the names of a block. The inner blocks of a hash tree look
// like empty ones, but have no such tail: what is there may be left from before.
func (e *ext4) scanBlock(dir *inode, b []byte, first bool, found func(name []byte, num uint32) error) error {
	damaged := unsupported("a damaged ext4 directory")
	inner := extFlags(dir)&extFlagIndex != 0 && (first || le.Uint32(b) == 0 && int64(le.Uint16(b[4:])) == e.blockSize)
	if e.csum && !inner {
		tail := b[len(b)-dirTail:]
		b = b[:len(b)-dirTail]
		if le.Uint32(tail) != 0 || le.Uint16(tail[4:]) != dirTail || tail[6] != 0 || tail[7] != 0xde ||
			extCRC(e.inodeSeed(uint32(dir.num), dir.raw), b) != le.Uint32(tail[8:]) {
			return damaged
		}
	}
	for len(b) > 0 {
		if len(b) < 8 {
			return damaged
		}
		num, size, nameLen := le.Uint32(b), int(le.Uint16(b[4:])), int(b[6])
		if size < 8+nameLen || size%4 != 0 || size > len(b) {
			return damaged
		}
		if num != 0 {
			if err := found(b[8:8+nameLen], num); err != nil {
				return err
			}
		}
		b = b[size:]
	}
	return nil
}

func (e *ext4) content(ino *inode) ([]byte, error) {
	if ino.kind() == guest.Symlink && e.fastLink(ino) {
		if ino.size >= 60 {
			return nil, unsupported("a damaged ext4 link")
		}
		return slices.Clone(ino.raw[0x28 : 0x28+ino.size]), nil
	}
	return e.readBlocks(ino)
}

// fastLink says whether a link's target stands in the inode: where it has no
// blocks besides the one of its extended attributes.
func (e *ext4) fastLink(ino *inode) bool {
	sectors := int64(le.Uint32(ino.raw[0x1c:])) | int64(le.Uint16(ino.raw[0x74:]))<<32
	if le.Uint32(ino.raw[0x68:]) != 0 || le.Uint16(ino.raw[0x76:]) != 0 {
		sectors -= e.blockSize / sector
	}
	return sectors == 0
}
