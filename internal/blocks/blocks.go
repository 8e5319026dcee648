// Package blocks reads streams block by block.
package blocks

import "io"

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
