// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"fmt"
	"strings"
)

// See docs/interop/qcow2.txt in qemu.
const (
	qcow2Magic       = "QFI\xfb"
	qcow2V2, qcow2V3 = 72, 104 // lengths of the header

	flagDirty, flagCorrupt, flagDataFile = 1 << 0, 1 << 1, 1 << 2
	flagCompression, flagExtendedL2      = 1 << 3, 1 << 4
	flagsKnown                           = 1<<5 - 1

	extensionBackingFormat = 0xe2792aca
	extensionDataFile      = 0x44415441
	extensionBitmaps       = 0x23852875

	minClusterBits, maxClusterBits = 9, 21
	// maxBackingName is that of qemu, in bytes.
	maxBackingName = 1023
	maxExtension   = 64 << 10
	maxExtensions  = 64
)

func readQcow2(f file) (h Header, err error) {
	b, err := f.upTo(0, SectorBytes)
	if err != nil {
		return h, err
	}
	if !strings.HasPrefix(string(b), qcow2Magic) {
		return h, notThe(Qcow2, f)
	}
	if len(b) < qcow2V2 {
		return h, fmt.Errorf("%w: the qcow2 header is cut off", ErrTruncated)
	}
	if h.Version = be32(b[4:]); h.Version != 2 && h.Version != 3 {
		return h, fmt.Errorf("%w: qcow2 version %d", ErrFormat, h.Version)
	}
	bits := be32(b[20:])
	if bits < minClusterBits || bits > maxClusterBits {
		return h, fmt.Errorf("%w: clusters of 2^%d bytes", ErrFormat, bits)
	}
	h.ClusterBytes, h.SizeBytes = 1<<bits, be64(b[24:])
	if h.SizeBytes%SectorBytes != 0 {
		return h, fmt.Errorf("%w: its header gives %d bytes, which qemu-img would cut to whole sectors", ErrSize, h.SizeBytes)
	}
	switch method := be32(b[32:]); method {
	case 0:
	case 1:
		h.Encryption = "AES"
	case 2: //nolint:mnd // as in the format's description
		h.Encryption = "LUKS"
	default:
		h.Encryption = fmt.Sprintf("method %d", method)
	}
	h.Snapshots = be32(b[60:])
	h.Compression = "zlib"
	extensions := uint64(qcow2V2)
	if h.Version == 3 { //nolint:mnd // as above
		if extensions, err = h.readVersion3(b); err != nil {
			return h, err
		}
	}
	return h, h.readQcow2Names(f, b, extensions)
}

// readVersion3 reads the fields of version 3, and tells where the extensions are.
func (h *Header) readVersion3(b []byte) (uint64, error) {
	if len(b) < qcow2V3 {
		return 0, fmt.Errorf("%w: the qcow2 header is cut off", ErrTruncated)
	}
	flags := be64(b[72:])
	if unknown := flags &^ flagsKnown; unknown != 0 {
		return 0, fmt.Errorf("%w: it has features that are not known here (%#x)", ErrFormat, unknown)
	}
	h.Dirty, h.Corrupt, h.HasDataFile = flags&flagDirty != 0, flags&flagCorrupt != 0, flags&flagDataFile != 0
	h.ExtendedL2 = flags&flagExtendedL2 != 0
	length := uint64(be32(b[100:]))
	if flags&flagCompression != 0 {
		h.Compression = "zstd"
		if length <= qcow2V3 || len(b) <= qcow2V3 || b[104] != 1 {
			return 0, fmt.Errorf("%w: its compression is none that is known here", ErrFormat)
		}
	}
	if length < qcow2V3 || length > h.ClusterBytes || length%8 != 0 {
		return 0, fmt.Errorf("%w: a header of %d bytes", ErrFormat, length)
	}
	return length, nil
}

// readQcow2Names reads the extensions, which end where the name of the backing
// file begins, and that name.
func (h *Header) readQcow2Names(f file, b []byte, at uint64) error {
	end := h.ClusterBytes
	offset, length := be64(b[8:]), uint64(be32(b[16:]))
	if offset != 0 {
		h.HasBackingFile = true
		if length > maxBackingName || offset < at || offset > h.ClusterBytes || length > h.ClusterBytes-offset {
			return fmt.Errorf("%w: the name of the backing file is out of bounds", ErrFormat)
		}
		name, err := f.read(offset, int(length), "name of the backing file")
		if err != nil {
			return err
		}
		h.BackingFile, end = string(name), offset
	}
	for range maxExtensions {
		if at+8 > end {
			return nil
		}
		b, err := f.upTo(int64(at), 8) //nolint:gosec // within a cluster
		if err != nil || len(b) < 8 {
			return err
		}
		kind, n := be32(b), uint64(be32(b[4:]))
		at += 8
		if kind == 0 {
			return nil
		}
		if n > end-at || n > maxExtension {
			return fmt.Errorf("%w: an extension of its header is out of bounds", ErrFormat)
		}
		data, err := f.read(at, int(n), "header")
		if err != nil {
			return err
		}
		switch {
		case kind == extensionBackingFormat:
			h.BackingFormat = string(data)
		case kind == extensionDataFile:
			h.DataFile = string(data)
		case kind == extensionBitmaps && len(data) >= 4:
			h.Bitmaps = be32(data)
		}
		at += (n + 7) / 8 * 8
	}
	return fmt.Errorf("%w: its header has more than %d extensions", ErrFormat, maxExtensions)
}
