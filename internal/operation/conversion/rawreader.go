// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"bytes"
	"errors"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// rawReader passes a raw stream on, and refuses what is no disk: by its
// beginning before anything is passed on, by its end when all was.
type rawReader struct {
	io.Reader
	name string
	tail []byte
}

// readRaw reads the beginning of a stream.
//
// Errors, in reading too: ErrContent.
func readRaw(name string, r io.Reader) (*rawReader, error) {
	read, more, again, err := readBeginning(r)
	if err != nil {
		return nil, err
	}
	if c := imageformat.Identify(read, nil, more); c.Name != "" {
		return nil, qemu.ContentError(name, c)
	}
	return &rawReader{Reader: again, name: name}, nil
}

func (d *rawReader) Read(b []byte) (int, error) {
	n, err := d.Reader.Read(b)
	if n >= imageformat.SectorBytes {
		d.tail = append(d.tail[:0], b[n-imageformat.SectorBytes:n]...)
	} else {
		d.tail = append(d.tail, b[:n]...)
		d.tail = d.tail[max(len(d.tail)-imageformat.SectorBytes, 0):]
	}
	if errors.Is(err, io.EOF) && len(d.tail) == imageformat.SectorBytes {
		if c := imageformat.Identify(nil, d.tail, true); c.Name != "" {
			return n, qemu.ContentError(d.name, c)
		}
	}
	return n, err
}

// readBeginning reads the first bytes of a stream. again is the stream from its
// first byte on, and more says that it goes on behind what was read.
func readBeginning(r io.Reader) (read []byte, more bool, again io.Reader, err error) {
	read = make([]byte, qemu.HeadBytes)
	n, err := io.ReadFull(r, read)
	read = read[:n]
	switch {
	case err == nil:
		return read, true, io.MultiReader(bytes.NewReader(read), r), nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return read, false, bytes.NewReader(read), nil
	}
	return nil, false, nil, err
}
