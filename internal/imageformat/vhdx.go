// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// See [MS-VHDX].
const (
	vhdxSignature = "vhdxfile"
	// There are two region tables, in case one is being written.
	vhdxRegions1, vhdxRegions2 = 192 << 10, 256 << 10
	vhdxRegionsBytes           = 64 << 10
	vhdxMetadataBytes          = 64 << 10

	vhdxHasParent = 1 << 1
	// maxLocator bounds what is read of where the parent is.
	maxLocator = 64 << 10
)

// GUIDs as they stand in the file.
var (
	guidMetadata   = guid(0x8b7ca206, 0x4790, 0x4b9a, "\xb8\xfe\x57\x5f\x05\x0f\x88\x6e")
	guidParameters = guid(0xcaa16737, 0xfa36, 0x4d43, "\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b")
	guidDiskSize   = guid(0x2fa54224, 0xcd1b, 0x4876, "\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8")
	guidLocator    = guid(0xa8d35f2d, 0xb30b, 0x454d, "\xab\xf7\xd3\xd8\x48\x34\xab\x0c")
)

func guid(a uint32, b, c uint16, d string) string {
	out := binary.LittleEndian.AppendUint32(nil, a)
	out = binary.LittleEndian.AppendUint16(out, b)
	out = binary.LittleEndian.AppendUint16(out, c)
	return string(out) + d
}

func readVHDX(f file) (h Header, err error) {
	b, err := f.upTo(0, len(vhdxSignature))
	if err != nil {
		return h, err
	}
	if string(b) != vhdxSignature {
		return h, notThe(VHDX, f)
	}
	table, err := vhdxRegionTable(f)
	if err != nil {
		return h, err
	}
	at, _, ok := vhdxFind(table, 16, le32(table[8:]), guidMetadata)
	if !ok {
		return h, fmt.Errorf("%w: a vhdx without metadata", ErrFormat)
	}
	meta, err := f.read(at, vhdxMetadataBytes, "metadata")
	if err != nil {
		return h, err
	}
	if !strings.HasPrefix(string(meta), "metadata") {
		return h, fmt.Errorf("%w: the metadata of the vhdx is damaged", ErrFormat)
	}
	item := func(id string, least int) ([]byte, error) {
		offset, n, ok := vhdxFind(meta, 32, uint32(le16(meta[10:])), id)
		if !ok || n < uint32(least) || //nolint:gosec // a few bytes
			n > maxLocator {
			return nil, fmt.Errorf("%w: the metadata of the vhdx is damaged", ErrFormat)
		}
		return f.read(at+offset, int(n), "metadata")
	}
	parameters, err := item(guidParameters, 8)
	if err != nil {
		return h, err
	}
	size, err := item(guidDiskSize, 8)
	if err != nil {
		return h, err
	}
	h.SizeBytes, h.ClusterBytes = le64(size), uint64(le32(parameters))
	if h.SizeBytes%SectorBytes != 0 {
		return h, fmt.Errorf("%w: its metadata gives %d bytes, which is not in whole sectors", ErrSize, h.SizeBytes)
	}
	if le32(parameters[4:])&vhdxHasParent != 0 {
		h.HasParent = true
		if locator, err := item(guidLocator, 20); err == nil {
			h.Parent = vhdxParent(locator)
		}
	}
	return h, nil
}

// vhdxRegionTable is the first of the two that is whole.
func vhdxRegionTable(f file) ([]byte, error) {
	for _, at := range []uint64{vhdxRegions1, vhdxRegions2} {
		b, err := f.read(at, vhdxRegionsBytes, "region table")
		if err != nil {
			return nil, err
		}
		sum := le32(b[4:])
		clear(b[4:8])
		if string(b[:4]) == "regi" && crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) == sum {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: both region tables of the vhdx are damaged", ErrFormat)
}

// vhdxFind looks up an entry of a table: an id, where it is, and how long.
func vhdxFind(table []byte, first int, count uint32, id string) (at uint64, n uint32, ok bool) {
	const entryBytes, most = 32, 2047
	for i := range min(count, most) {
		e := table[first:]
		if at := int(i) * entryBytes; at+entryBytes <= len(e) {
			e = e[at:]
		} else {
			break
		}
		if string(e[:16]) != id {
			continue
		}
		if first == entryBytes { // of the metadata: both have 32 bits
			return uint64(le32(e[16:])), le32(e[20:]), true
		}
		return le64(e[16:]), le32(e[24:]), true
	}
	return 0, 0, false
}

// vhdxParent is what the keys of a parent locator say about where it is.
func vhdxParent(b []byte) string {
	const header, entryBytes = 20, 12
	var names []string
	for i := range int(le16(b[18:])) {
		at := header + i*entryBytes
		if at+entryBytes > len(b) {
			break
		}
		key, value := slice(b, le32(b[at:]), le16(b[at+8:])), slice(b, le32(b[at+4:]), le16(b[at+10:]))
		switch utf16Text(key, binary.LittleEndian) {
		case "relative_path", "absolute_win32_path", "volume_path":
			names = append(names, utf16Text(value, binary.LittleEndian))
		}
	}
	return joinNames(names)
}

// slice is nothing where it would be out of bounds.
func slice(b []byte, at uint32, n uint16) []byte {
	if uint64(at)+uint64(n) > uint64(len(b)) {
		return nil
	}
	return b[at:][:n]
}
