// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// See the Virtual Hard Disk Image Format Specification.
const (
	vpcCookie, vpcDynamicCookie = "conectix", "cxsparse"
	vpcFooterBytes              = 512
	vpcDynamicBytes             = 1024
	vpcSparse                   = 1<<32 - 1 // of a block that is not there

	vpcFixed, vpcDynamic, vpcDifferencing = 2, 3, 4

	// maxVPCEntries is 2040 GiB in blocks of 512 KiB, and a margin.
	maxVPCEntries = 16 << 20
)

// readVPC reads the footer, of which a dynamic disk has a copy at its beginning.
//
// The size is the one that the footer states, in bytes. Its geometry of cylinders,
// heads and sectors is only rounded from that; who goes by it loses the end.
func readVPC(f file) (h Header, err error) {
	footer, fixed, err := findVPCFooter(f)
	if err != nil {
		return h, err
	}
	if sum := vpcChecksum(footer, 64); sum != be32(footer[64:]) {
		return h, fmt.Errorf("%w: the checksum of the vhd footer is wrong, it is damaged", ErrFormat)
	}
	h.SizeBytes = be64(footer[48:])
	kind := be32(footer[60:])
	if (kind == vpcFixed) != fixed {
		return h, fmt.Errorf("%w: a vhd of type %d with its footer in the wrong place", ErrFormat, kind)
	}
	if h.SizeBytes%SectorBytes != 0 {
		return h, fmt.Errorf("%w: its footer gives %d bytes, which is not in whole sectors", ErrSize, h.SizeBytes)
	}
	if err := checkGeometry(footer, h.SizeBytes); err != nil {
		return h, err
	}
	switch kind {
	case vpcFixed:
		data := uint64(f.size) - vpcFooterBytes //nolint:gosec // the footer was there
		if h.SizeBytes > data {
			return h, fmt.Errorf("%w: its footer gives %d bytes, and there are %d", ErrTruncated, h.SizeBytes, data)
		}
		if h.SizeBytes < data {
			return h, fmt.Errorf("%w: its footer gives %d bytes, and there are %d", ErrSize, h.SizeBytes, data)
		}
		return h, nil
	case vpcDynamic, vpcDifferencing:
		return h, h.readVPCDynamic(f, be64(footer[16:]), kind)
	}
	return h, fmt.Errorf("%w: a vhd of type %d", ErrFormat, kind)
}

func findVPCFooter(f file) (footer []byte, fixed bool, err error) {
	footer, err = f.upTo(0, vpcFooterBytes)
	if err != nil {
		return nil, false, err
	}
	if strings.HasPrefix(string(footer), vpcCookie) {
		if len(footer) < vpcFooterBytes {
			return nil, false, fmt.Errorf("%w: the vhd footer is cut off", ErrTruncated)
		}
		return footer, false, nil
	}
	if f.size < vpcFooterBytes {
		return nil, false, notThe(VPC, f)
	}
	if footer, err = f.read(uint64(f.size-vpcFooterBytes), vpcFooterBytes, "footer"); err != nil {
		return nil, false, err
	}
	if !strings.HasPrefix(string(footer), vpcCookie) {
		return nil, false, fmt.Errorf("%w: a fixed vhd ends with a footer, which is cut off or has something behind it", notThe(VPC, f))
	}
	return footer, true, nil
}

// vpcChecksum is the one's complement of the sum of all bytes but its own.
func vpcChecksum(b []byte, at int) uint32 {
	var sum uint32
	for i, c := range b {
		if i < at || i >= at+4 {
			sum += uint32(c)
		}
	}
	return ^sum
}

// checkGeometry refuses a disk of a creator who goes by the geometry, where that
// says more than the size does: the rest may be anything.
func checkGeometry(footer []byte, size uint64) error {
	const maxGeometry = 65535 * 16 * 255
	creator := string(footer[28:32])
	if creator != "vpc " && creator != "qemu" {
		return nil
	}
	sectors := uint64(be16(footer[56:])) * uint64(footer[58]) * uint64(footer[59])
	if sectors*SectorBytes > size && sectors != maxGeometry {
		return fmt.Errorf("%w: its footer gives %d bytes, and a geometry of %d", ErrSize, size, sectors*SectorBytes)
	}
	return nil
}

// readVPCDynamic reads the header of a dynamic or differencing disk, and looks
// whether all of its blocks are there.
func (h *Header) readVPCDynamic(f file, at uint64, kind uint32) error {
	b, err := f.read(at, vpcDynamicBytes, "vhd header")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(b), vpcDynamicCookie) || vpcChecksum(b, 36) != be32(b[36:]) {
		return fmt.Errorf("%w: the header of a dynamic vhd is damaged", ErrFormat)
	}
	if h.ClusterBytes = uint64(be32(b[32:])); h.ClusterBytes < SectorBytes || h.ClusterBytes&(h.ClusterBytes-1) != 0 {
		return fmt.Errorf("%w: vhd blocks of %d bytes", ErrFormat, h.ClusterBytes)
	}
	if kind == vpcDifferencing {
		h.HasParent, h.Parent = true, vpcParent(f, b)
		return nil
	}
	entries := uint64(be32(b[28:]))
	if entries > maxVPCEntries || entries*h.ClusterBytes < h.SizeBytes {
		return fmt.Errorf("%w: its footer gives %d bytes, and its table has %d blocks of %d", ErrSize, h.SizeBytes, entries, h.ClusterBytes)
	}
	return h.checkVPCBlocks(f, be64(b[16:]), entries)
}

// checkVPCBlocks makes sure that no block lies beyond the end: each is a bitmap
// and its data.
func (h *Header) checkVPCBlocks(f file, at, entries uint64) error {
	if f.size < 0 {
		return nil
	}
	const entryBytes, atOnce = 4, 64 << 10
	bitmap := (h.ClusterBytes/SectorBytes/8 + SectorBytes - 1) / SectorBytes * SectorBytes
	needed := (h.SizeBytes + h.ClusterBytes - 1) / h.ClusterBytes
	for done := uint64(0); done < min(entries, needed); {
		n := min(needed-done, atOnce)
		b, err := f.read(at+done*entryBytes, int(n*entryBytes), "table of blocks")
		if err != nil {
			return err
		}
		for ; len(b) > 0; b = b[entryBytes:] {
			sector := be32(b)
			if end := uint64(sector)*SectorBytes + bitmap + h.ClusterBytes; sector != vpcSparse && end > uint64(f.size) {
				return fmt.Errorf("%w: it has %d bytes, and refers to data up to byte %d", ErrTruncated, f.size, end)
			}
		}
		done += n
	}
	return nil
}

// vpcParent is the name of the parent, and what its locators say.
func vpcParent(f file, b []byte) string {
	const (
		nameBytes, locatorBytes, locators = 512, 24, 8
		longest                           = 2048
	)
	names := []string{utf16Text(b[64:64+nameBytes], binary.BigEndian)}
	for i := range locators {
		l := b[576+i*locatorBytes:]
		code, n, at := string(l[:4]), be32(l[8:]), be64(l[16:])
		if code != "W2ru" && code != "W2ku" || n == 0 || n > longest {
			continue
		}
		if data, err := f.read(at, int(n), "parent locator"); err == nil {
			names = append(names, utf16Text(data, binary.LittleEndian))
		}
	}
	return joinNames(names)
}

// utf16Text is text up to its first NUL.
func utf16Text(b []byte, order binary.ByteOrder) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		u := order.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// joinNames are the names that differ.
func joinNames(names []string) string {
	var out []string
	seen := map[string]bool{"": true}
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return strings.Join(out, " or ")
}
