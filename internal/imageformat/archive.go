// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"bytes"
	"compress/zlib"
	"io"
	"math/bits"
	"strconv"
	"strings"
)

// skippable is a frame in front of the data of zstd and lz4.
func skippable(head []byte) Content {
	if len(head) >= 8 && le32(head)&^0xf == 0x184d2a50 {
		return other("compressed with zstd or lz4, in several frames")
	}
	return Content{}
}

// oldTar is told by the checksum of its first header, as there is no signature
// in an archive of Version 7.
func oldTar(head []byte) Content {
	const block, sumAt, sumBytes = 512, 148, 8
	if len(head) < block || head[0] == 0 {
		return Content{}
	}
	said, err := strconv.ParseUint(strings.Trim(string(head[sumAt:sumAt+sumBytes]), " \x00"), 8, 32)
	if err != nil {
		return Content{}
	}
	var sum uint64
	for i, c := range head[:block] {
		if i >= sumAt && i < sumAt+sumBytes {
			c = ' '
		}
		sum += uint64(c)
	}
	if sum != said {
		return Content{}
	}
	return archive(Tar)
}

// binaryCpio has a magic of two bytes: the name behind it must make sense.
func binaryCpio(head []byte) Content {
	const header = 26
	if len(head) < header {
		return Content{}
	}
	order := le16
	switch string(head[:2]) {
	case "\xc7\x71":
	case "\x71\xc7":
		order = be16
	default:
		return Content{}
	}
	n := int(order(head[20:]))
	if n < 2 || n > 4096 || len(head) < header+n || head[header+n-1] != 0 || bytes.IndexByte(head[header:header+n-1], 0) >= 0 {
		return Content{}
	}
	return other("a cpio archive")
}

// lzma has no signature: it begins with its properties, the size of its
// dictionary and that of its content, which xz's own tool goes by, too.
func lzma(head []byte) Content {
	const header, unknown = 13, 1<<64 - 1
	if len(head) <= header || head[0] >= 9*5*5 || head[header] != 0 {
		return Content{}
	}
	dictionary, size := le32(head[1:]), le64(head[5:])
	// Either 2^n or 2^n + 2^(n-1).
	round := bits.OnesCount32(dictionary) == 1 ||
		bits.OnesCount32(dictionary) == 2 && bits.OnesCount32(dictionary&(dictionary>>1)) == 1
	if !round && dictionary != 1<<32-1 || dictionary < 1<<12 || size != unknown && size >= 1<<38 || size == 0 {
		return Content{}
	}
	// Of the properties only what encoders write, as zeros are not far from it.
	if head[0] != 0x5d && size != unknown {
		return Content{}
	}
	return other("compressed with lzma")
}

// zlibStream is told by decoding its beginning.
func zlibStream(head []byte) Content {
	const enough = 64
	if len(head) < 2 || head[0] != 0x78 || be16(head)%31 != 0 {
		return Content{}
	}
	z, err := zlib.NewReader(bytes.NewReader(head))
	if err != nil {
		return Content{}
	}
	if n, err := io.CopyN(io.Discard, z, enough); n < enough && err != io.EOF { //nolint:errorlint // as CopyN returns it
		return Content{}
	}
	return other("compressed with zlib")
}

// program is of Windows or EFI: a stub of DOS, which says where the rest begins.
func program(head []byte) Content {
	const at, pe = 0x3c, "PE\x00\x00"
	if !bytes.HasPrefix(head, []byte("MZ")) || len(head) < at+4 {
		return Content{}
	}
	if n := uint64(le32(head[at:])); n < uint64(len(head)) && bytes.HasPrefix(head[n:], []byte(pe)) {
		return other("a Windows or EFI program")
	}
	return Content{}
}
