// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// OpenZip opens a member of a zip archive of sizeBytes: stored or deflated, and
// not encrypted.
//
// Errors: ErrNoMember, ErrAmbiguous, ErrKind, ErrMethod, ErrDamaged, ErrTooLong;
// those of r.
func OpenZip(r io.ReaderAt, sizeBytes int64, name string) (*Member, error) {
	files, err := zipFiles(r, sizeBytes)
	if err != nil {
		return nil, err
	}
	var found *zip.File
	for _, f := range files {
		switch {
		case !sameName(f.Name, name):
		case found != nil:
			return nil, fmt.Errorf("%w: %s", ErrAmbiguous, quote(name))
		default:
			found = f
		}
	}
	switch {
	case found == nil:
		return nil, notThere(name, entries(files))
	case !found.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is of mode %s", ErrKind, quote(name), found.Mode())
	case found.Flags&1 != 0:
		return nil, fmt.Errorf("%w: %s is encrypted", ErrMethod, quote(name))
	case found.Method != zip.Store && found.Method != zip.Deflate:
		return nil, fmt.Errorf("%w: %s is compressed by method %d", ErrMethod, quote(name), found.Method)
	case found.UncompressedSize64 > 1<<62:
		return nil, fmt.Errorf("%w: %s of %d bytes", ErrDamaged, quote(name), found.UncompressedSize64)
	}
	in, err := found.Open()
	if err != nil {
		return nil, zipError(err)
	}
	size := int64(found.UncompressedSize64)
	return &Member{zipMember{in}, size, -1, noClose, in.Close}, nil
}

// ListZip lists the regular files of a zip archive, nothing where it can't be read.
func ListZip(r io.ReaderAt, sizeBytes int64) []Entry {
	files, err := zipFiles(r, sizeBytes)
	if err != nil {
		return nil
	}
	return entries(files)
}

func zipFiles(r io.ReaderAt, sizeBytes int64) ([]*zip.File, error) {
	bounded := &directory{r: r, left: maxDirectory}
	z, err := zip.NewReader(bounded, sizeBytes)
	bounded.left = -1 // what follows is content
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		if bounded.failed != nil {
			err = bounded.failed
		}
		return nil, zipError(err)
	}
	return z.File, nil
}

func entries(files []*zip.File) (all []Entry) {
	for _, f := range files {
		if f.Mode().IsRegular() {
			all = append(all, Entry{f.Name, int64(min(f.UncompressedSize64, math.MaxInt64))})
		}
	}
	return all
}

// zipError tells an error of what is read from one of the archive.
func zipError(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return ErrTruncated
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrChecksum):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

var errDirectory = fmt.Errorf("%w: a directory of more than %d bytes", ErrTooLong, maxDirectory)

// directory bounds what is read for the directory, which is kept in memory, and
// how many files it may announce: zip makes room for all of them beforehand.
type directory struct {
	r      io.ReaderAt
	left   int64 // -1 where nothing is bounded
	failed error
}

func (d *directory) ReadAt(b []byte, at int64) (int, error) {
	if d.left >= 0 {
		if d.left -= int64(len(b)); d.left < 0 {
			d.left = 0
			d.failed = errDirectory
			return 0, d.failed
		}
	}
	n, err := d.r.ReadAt(b, at)
	const (
		end64, recordsAt = "PK\x06\x06", 32
		leastRecord      = 46
	)
	if d.left >= 0 && n >= recordsAt+8 && string(b[:4]) == end64 {
		if binary.LittleEndian.Uint64(b[recordsAt:]) > maxDirectory/leastRecord {
			d.failed = errDirectory
			return 0, d.failed
		}
	}
	return n, err
}

// zipMember is the content of a file; its length and CRC-32 are checked.
type zipMember struct{ in io.Reader }

func (m zipMember) Read(b []byte) (int, error) {
	n, err := m.in.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = zipError(err)
	}
	return n, err
}
