// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"fmt"
)

// openQcow2 reads two levels of tables; with extended L2 entries a cluster has
// 32 parts that are or are not there.
func (d *Disk) openQcow2(h Header) error {
	b, err := d.f.read(0, qcow2V2, "header")
	if err != nil {
		return err
	}
	const (
		offsets               = 1<<56 - 1<<9
		compressed, zeroFlag  = 1 << 62, 1
		subclusters, plainEnt = 32, 8
	)
	cluster, entries, l1 := h.ClusterBytes, uint64(be32(b[36:])), be64(b[40:])
	entry, parts := uint64(plainEnt), uint64(1)
	if h.ExtendedL2 {
		entry, parts = 2*plainEnt, subclusters
	}
	d.block = cluster / parts
	perTable := cluster / entry
	with := "deflate"
	if h.Compression == "zstd" {
		with = "zstd"
	}
	d.find = func(i uint64) (place, error) {
		number, part := i/parts, i%parts
		if number/perTable >= entries {
			return place{}, fmt.Errorf("%w: its L1 table ends in front of the disk's end", ErrFormat)
		}
		e, err := d.table(l1+number/perTable*plainEnt, plainEnt)
		if err != nil || be64(e)&offsets == 0 {
			return place{}, err
		}
		if e, err = d.table(be64(e)&offsets+number%perTable*entry, entry); err != nil {
			return place{}, err
		}
		v := be64(e)
		if v&compressed != 0 {
			return qcow2Packed(v, cluster, part*d.block, with), nil
		}
		at := place{kind: plain, at: v&offsets + part*d.block}
		if !h.ExtendedL2 {
			switch {
			case v&zeroFlag != 0 && h.Version > 2: //nolint:mnd // as the format counts
				return place{kind: zero}, nil
			case v&offsets == 0:
				return place{}, nil
			}
			return at, nil
		}
		switch bitmap := be64(e[plainEnt:]); {
		case bitmap>>(subclusters+part)&1 != 0:
			return place{kind: zero}, nil
		case bitmap>>part&1 != 0:
			return at, nil
		}
		return place{}, nil
	}
	return nil
}

// qcow2Packed reads where a compressed cluster is: the place in bytes, and how
// many more sectors than the first it touches.
func qcow2Packed(v, cluster, skip uint64, with string) place {
	bits := uint64(0)
	for cluster>>bits > 1 {
		bits++
	}
	shift := 62 - (bits - 8)
	at := v & (1<<shift - 1)
	sectors := v >> shift & (1<<(bits-8) - 1)
	return place{kind: packed, at: at, bytes: (sectors+1)*SectorBytes - at%SectorBytes, unpacked: cluster, skip: skip, with: with}
}

func (d *Disk) openVDI() error {
	b, err := d.f.read(0, vdiHeaderBytes, "header")
	if err != nil {
		return err
	}
	const entryBytes, discarded = 4, 1<<32 - 2
	table, data, extra := uint64(le32(b[340:])), uint64(le32(b[344:])), uint64(le32(b[380:]))
	d.find = func(i uint64) (place, error) {
		e, err := d.table(table+i*entryBytes, entryBytes)
		if err != nil || le32(e) >= discarded {
			return place{}, err
		}
		return place{kind: plain, at: data + uint64(le32(e))*(d.block+extra) + extra}, nil
	}
	return nil
}

func (d *Disk) openVPC() error {
	footer, fixed, err := findVPCFooter(d.f)
	if err != nil {
		return err
	}
	if fixed {
		d.block = 1 << 20
		d.find = func(i uint64) (place, error) { return place{kind: plain, at: i * d.block}, nil }
		return nil
	}
	b, err := d.f.read(be64(footer[16:]), vpcDynamicBytes, "vhd header")
	if err != nil {
		return err
	}
	const entryBytes = 4
	table := be64(b[16:])
	bitmap := (d.block/SectorBytes/8 + SectorBytes - 1) / SectorBytes * SectorBytes
	d.find = func(i uint64) (place, error) {
		e, err := d.table(table+i*entryBytes, entryBytes)
		if err != nil || be32(e) == vpcSparse {
			return place{}, err
		}
		return place{kind: plain, at: uint64(be32(e))*SectorBytes + bitmap}, nil
	}
	return nil
}

var guidBlocks = guid(0x2dc27766, 0xf623, 0x4200, "\x9d\x64\x11\x5e\x9b\xfd\x4a\x08")

func (d *Disk) openVHDX() error {
	regions, err := vhdxRegionTable(d.f)
	if err != nil {
		return err
	}
	table, _, ok := vhdxFind(regions, 16, le32(regions[8:]), guidBlocks)
	if !ok || d.block == 0 {
		return fmt.Errorf("%w: a vhdx without a table of blocks", ErrFormat)
	}
	const (
		entryBytes     = 8
		states, there  = 7, 6
		offsets        = 1<<64 - 1<<20
		sectorsOfChunk = 1 << 23
	)
	// Behind so many blocks is an entry for a bitmap of sectors.
	chunk := max(sectorsOfChunk*SectorBytes/d.block, 1)
	d.find = func(i uint64) (place, error) {
		e, err := d.table(table+(i+i/chunk)*entryBytes, entryBytes)
		if err != nil || le64(e)&states != there {
			return place{}, err
		}
		return place{kind: plain, at: le64(e) & offsets}, nil
	}
	return nil
}

func (d *Disk) openVMDK() error {
	b, err := d.f.read(0, vmdkHeaderBytes, "header")
	if err != nil {
		return err
	}
	if le64(b[56:]) == vmdkAtEnd {
		const fromEnd = 1024
		if b, err = d.f.read(uint64(max(d.f.size-fromEnd, 0)), vmdkHeaderBytes, "footer"); err != nil {
			return err
		}
	}
	const (
		entryBytes                 = 4
		zeroGrains, compressedFlag = 1 << 2, 1 << 16
		marker                     = 12
	)
	flags, perTable, directory := le32(b[8:]), uint64(le32(b[44:])), le64(b[56:])
	if perTable == 0 || perTable > 1<<20 || directory > 1<<50 {
		return fmt.Errorf("%w: a vmdk with tables of %d grains", ErrFormat, perTable)
	}
	d.find = func(i uint64) (place, error) {
		e, err := d.table(directory*SectorBytes+i/perTable*entryBytes, entryBytes)
		if err != nil || le32(e) == 0 {
			return place{}, err
		}
		if e, err = d.table(uint64(le32(e))*SectorBytes+i%perTable*entryBytes, entryBytes); err != nil {
			return place{}, err
		}
		grain := uint64(le32(e))
		switch {
		case grain == 0:
			return place{}, nil
		case grain == 1 && flags&zeroGrains != 0:
			return place{kind: zero}, nil
		case flags&compressedFlag == 0:
			return place{kind: plain, at: grain * SectorBytes}, nil
		}
		head, err := d.f.read(grain*SectorBytes, marker, "grain")
		if err != nil {
			return place{}, err
		}
		return place{kind: packed, at: grain*SectorBytes + marker, bytes: uint64(le32(head[8:])), unpacked: d.block}, nil
	}
	return nil
}
