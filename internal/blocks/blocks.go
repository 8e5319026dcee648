// SPDX-License-Identifier: MPL-2.0

// Package blocks reads streams block by block, and knows blocks of zeros.
package blocks

import (
	"bytes"
	"io"
)

// Read fills b from r as far as there is something; last tells that r is at its
// end. Unlike with io.ReadFull, a stream that broke off never looks like one
// that ended: only io.EOF itself is the end, and every other error is returned,
// io.ErrUnexpectedEOF among them.
func Read(r io.Reader, b []byte) (n int, last bool, err error) {
	for n < len(b) {
		m, err := r.Read(b[n:])
		n += m
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

var zeros [64 << 10]byte

// AllZero tells whether there is nothing but zeros in b.
func AllZero(b []byte) bool {
	for ; len(b) > len(zeros); b = b[len(zeros):] {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
	}
	return bytes.Equal(b, zeros[:len(b)])
}
