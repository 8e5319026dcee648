// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"hash/crc32"
	"strconv"
)

const sector = 512

// maxLogical bounds the chain of logical partitions.
const maxLogical = 60

// partition is a partition of a disk; type is MBR's (a byte in hexadecimal) or
// GPT's (the GUID as it stands on the disk).
type partition struct {
	*device
	name   string // as libguestfs names it
	number int
	kind   string
	table  string     // TableMBR or TableGPT
	within *partition // the extended one that holds a logical one
	hybrid bool       // beside a GPT the MBR has partitions, too
	tail   int64      // bytes that the table itself takes at the end of the disk
}

// start is where the partition begins, in bytes.
func (p partition) start() int64 { return p.device.r.(*linear).extents[0].at }

// mbrProtective is the type of the MBR's entry that stands for a GPT.
const mbrProtective = 0xee

// Partition types that matter.
const (
	mbrGPT       = "ee"
	mbrRAID      = "fd"
	gptESP       = "\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b"
	gptBIOSBoot  = "Hah!IdontNeedEFI"
	gptPReP      = "\x2d\xe3\x1a\x9e\x7d\xdc\x11\x44\xb5\x99\x8c\xf9\x08\xdc\x8a\xb3"
	gptLinuxRAID = "\x0f\x88\x9d\xa1\xfc\x05\x3b\x4d\xa0\x06\x74\x3f\x0f\x84\x91\x1e"
)

func (p *partition) named(number int, table string) {
	p.number, p.table, p.name = number, table, "/dev/sda"+strconv.Itoa(number)
}

// partitions returns the partitions of a disk, or none where it has no
// partition table.
func partitions(disk *device) ([]partition, error) {
	mbr, err := disk.bytes(0, 2*sector)
	if err != nil {
		return nil, err
	}
	gpt := string(mbr[sector:sector+8]) == "EFI PART"
	if mbr[510] != 0x55 || mbr[511] != 0xaa {
		if gpt {
			return nil, noTable(disk, "a GPT without a protective MBR")
		}
		return nil, nil
	}
	protective, others := false, false
	for i := range 4 {
		kind := mbr[446+16*i+4]
		protective = protective || kind == mbrProtective
		others = others || kind != mbrProtective && kind != 0
	}
	switch {
	case protective && gpt:
		return gptPartitions(disk, mbr[sector:], others)
	case protective:
		large, err := hasLargeSectors(disk)
		if err != nil {
			return nil, err
		}
		if large {
			return nil, unusable("its GPT is for disks with sectors of %d bytes, and virtual machines get an RBD image with %d", largeSector, sector)
		}
		return nil, noTable(disk, "the MBR stands for a GPT that is not there")
	case gpt:
		return nil, unsupported("two partition tables")
	}
	for i := range 4 {
		if mbr[446+16*i]&0x7f != 0 {
			return nil, nil // a boot sector, and no table to the kernel either
		}
	}
	return mbrPartitions(disk, mbr)
}

// noTable is the error of a table in which the kernel finds no partitions. Where there
// is a file system instead, that is not all there is to say.
func noTable(disk *device, why string) error {
	if contents(disk) != "" {
		return unsupported("%s", why)
	}
	return as(ErrTable, "%s, and without one Linux sees no partitions", why)
}

// largeSector is the other size of sectors that disks have, in bytes.
const largeSector = 4096

// hasLargeSectors tells whether the disk has a GPT for such sectors.
func hasLargeSectors(disk *device) (bool, error) {
	if disk.size < 2*largeSector {
		return false, nil
	}
	head, err := disk.bytes(largeSector, sector)
	return err == nil && string(head[:8]) == "EFI PART", err
}

func mbrPartitions(disk *device, mbr []byte) ([]partition, error) {
	var parts, extended []partition
	for i := range 4 {
		p, err := mbrEntry(disk, mbr, i, 0)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		p.named(i+1, TableMBR)
		switch p.kind {
		case "5", "f", "85":
			extended = append(extended, *p)
		case mbrGPT, "63", "81", "a5", "a6", "a9", "bf":
			// The kernel looks for partitions within these, and numbers them.
			return nil, unsupported("an MBR partition of type 0x%s", p.kind)
		default:
			parts = append(parts, *p)
		}
	}
	if len(extended) > 1 {
		return nil, unsupported("two extended partitions")
	}
	if len(extended) == 1 {
		logical, err := logicalPartitions(disk, extended[0])
		if err != nil {
			return nil, err
		}
		parts = append(parts, logical...)
	}
	return parts, nil
}

// mbrEntry is entry i of a table, nil when it is empty; base is the sector that
// its start counts from.
func mbrEntry(disk *device, table []byte, i int, base int64) (*partition, error) {
	e := table[446+16*i:]
	start, n := int64(le.Uint32(e[8:])), int64(le.Uint32(e[12:]))
	if e[4] == 0 || n == 0 {
		return nil, nil
	}
	if e[0]&0x7f != 0 {
		return nil, unsupported("a logical partition with the boot indicator %#x", e[0])
	}
	kind := strconv.FormatUint(uint64(e[4]), 16)
	if kind == mbrGPT {
		return &partition{kind: kind}, nil // its size means nothing
	}
	d, err := disk.part((base+start)*sector, n*sector)
	if err != nil {
		return nil, err
	}
	return &partition{device: d, kind: kind}, nil
}

// logicalPartitions follows the chain of tables in an extended partition.
func logicalPartitions(disk *device, ext partition) ([]partition, error) {
	base := ext.start() / sector
	at := base
	var parts []partition
	for range maxLogical {
		table, err := disk.bytes(at*sector, sector)
		if err != nil {
			return nil, err
		}
		if table[510] != 0x55 || table[511] != 0xaa {
			return nil, unsupported("a broken chain of logical partitions")
		}
		p, err := mbrEntry(disk, table, 0, at)
		if err != nil {
			return nil, err
		}
		if p == nil {
			return nil, unsupported("an empty logical partition")
		}
		p.named(5+len(parts), TableMBR)
		p.within = &ext
		parts = append(parts, *p)
		next := table[446+16:]
		if next[4] == 0 {
			return parts, nil
		}
		at = base + int64(le.Uint32(next[8:]))
	}
	return nil, unsupported("more than %d logical partitions", maxLogical)
}

// gptPartitions reads a GPT whose header stands in sector 1. Where that one is
// damaged the kernel takes the other, at the end; this package does not. hybrid says
// that the MBR has partitions of its own, which the kernel does not look at.
func gptPartitions(disk *device, header []byte, hybrid bool) ([]partition, error) {
	size := le.Uint32(header[12:])
	if size < 92 || size > sector {
		return nil, noTable(disk, "a GPT with a damaged header")
	}
	h := append([]byte(nil), header[:size]...)
	clear(h[16:20])
	if crc32.ChecksumIEEE(h) != le.Uint32(header[16:]) || le.Uint64(h[24:]) != 1 {
		return nil, noTable(disk, "a GPT that contradicts its checksum")
	}
	if sectors := uint64(disk.size / sector); le.Uint64(h[48:]) >= sectors {
		return nil, as(ErrCutOff, "the GPT is of a disk of %d bytes, and it has %d", sizeOf(le.Uint64(h[32:])+1, sector), disk.size)
	}
	at, count, each := le.Uint64(h[72:]), le.Uint32(h[80:]), le.Uint32(h[84:])
	if at > uint64(disk.size/sector) || count > 1024 || each < 128 || each > 4096 {
		return nil, unsupported("a GPT with %d entries of %d bytes", count, each)
	}
	table, err := disk.bytes(int64(at)*sector, int64(count)*int64(each))
	if err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(table) != le.Uint32(h[88:]) {
		return nil, noTable(disk, "a GPT that contradicts its checksum")
	}
	var parts []partition
	for i := range int(count) {
		e := table[i*int(each):]
		kind := string(e[:16])
		if kind == string(make([]byte, 16)) {
			continue
		}
		first, last := le.Uint64(e[32:]), le.Uint64(e[40:])
		if first > last || last >= uint64(disk.size/sector) {
			return nil, unsupported("a partition reaches beyond its disk")
		}
		d, err := disk.part(int64(first)*sector, int64(last-first+1)*sector)
		if err != nil {
			return nil, err
		}
		p := partition{device: d, kind: kind, hybrid: hybrid, tail: sector + (int64(count)*int64(each)+sector-1)/sector*sector}
		p.named(i+1, TableGPT)
		parts = append(parts, p)
	}
	return parts, nil
}
