// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"strings"
)

// OpenTar reads on to a member of a tar archive, as tar, GNU tar (sparse files
// too) and pax write it. What lies in front of it and behind may have otherBytes.
// Where r is an io.Seeker, that is not read, and otherBytes are nothing.
//
// Errors: ErrNoMember, ErrKind, ErrDamaged, ErrTruncated, ErrTooLong; those of r.
func OpenTar(r io.Reader, name string, otherBytes int64) (*Member, error) {
	in := newTarStream(r, otherBytes)
	var others []Entry
	for {
		h, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, notThere(name, others)
		case err != nil:
			return nil, err
		case sameName(h.Name, name):
			if err := checkKind(h); err != nil {
				return nil, err
			}
			return &Member{tarMember{in}, h.Size, in.offset(h), func() error { return in.finish(name) }, noClose}, nil
		case h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse:
			others = append(others, Entry{h.Name, h.Size})
		}
	}
}

// maxListed bounds what is looked at for a list.
const maxListed = 100

// ListTar lists the regular files of a tar archive, the first of them, as far as
// it can be read.
func ListTar(r io.Reader) (all []Entry) {
	in := newTarStream(r, 0)
	for range maxListed {
		h, err := in.next()
		if err != nil {
			return all
		}
		if checkKind(h) == nil {
			all = append(all, Entry{h.Name, h.Size})
		}
	}
	return all
}

func checkKind(h *tar.Header) error {
	kind := map[byte]string{
		tar.TypeLink: "a hard link to " + quote(h.Linkname), tar.TypeSymlink: "a symbolic link to " + quote(h.Linkname),
		tar.TypeDir: "a folder", tar.TypeChar: "a device", tar.TypeBlock: "a device", tar.TypeFifo: "a fifo",
	}
	switch text, ok := kind[h.Typeflag]; {
	case h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse:
		return nil
	case ok:
		return fmt.Errorf("%w: %s is %s", ErrKind, quote(h.Name), text)
	}
	return fmt.Errorf("%w: %s is of type %q", ErrKind, quote(h.Name), h.Typeflag)
}

// tarStream is what a tar.Reader reads. It gives the reader a way to skip files,
// so that what it reads otherwise are headers.
type tarStream struct {
	tar *tar.Reader
	in  io.Reader
	// headers and other are how many bytes there may still be of both.
	headers, other int64
	inside         bool // of the member
	at             int64
	failed         error // of in
}

func newTarStream(r io.Reader, otherBytes int64) *tarStream {
	s := &tarStream{in: r, headers: maxHeaders, other: otherBytes}
	s.tar = tar.NewReader(s)
	return s
}

// next reads the next header.
func (s *tarStream) next() (*tar.Header, error) {
	s.inside = false
	h, err := s.tar.Next()
	s.inside = true
	switch {
	case errors.Is(err, tar.ErrInsecurePath): // nothing is made under its name
		err = nil
	case err != nil && !errors.Is(err, io.EOF):
		err = s.blame(err)
	}
	return h, err
}

// blame tells an error of what is read from one of the archive.
func (s *tarStream) blame(err error) error {
	switch {
	case s.failed != nil:
		return s.failed
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

var errHeaders = fmt.Errorf("%w: headers of more than %d bytes", ErrTooLong, maxHeaders)

func (s *tarStream) Read(b []byte) (int, error) {
	if !s.inside {
		if s.headers == 0 {
			s.failed = errHeaders
			return 0, s.failed
		}
		b = b[:min(int64(len(b)), s.headers)]
	}
	n, err := s.in.Read(b)
	if s.at += int64(n); !s.inside {
		s.headers -= int64(n)
	}
	return n, s.keep(err)
}

func (s *tarStream) keep(err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return err
}

// Seek goes on by n bytes, of what is no header.
func (s *tarStream) Seek(n int64, _ int) (int64, error) {
	if n == 0 {
		return s.at, nil
	}
	if seeker, ok := s.in.(io.Seeker); ok {
		if _, err := seeker.Seek(n, io.SeekCurrent); err != nil { // beyond what any file has
			return s.at, io.ErrUnexpectedEOF
		}
		s.at += n
		return s.at, nil
	}
	skipped, err := io.CopyN(io.Discard, s.in, min(n, s.other))
	s.at += skipped
	s.other -= skipped
	switch {
	case errors.Is(err, io.EOF):
		return s.at, io.ErrUnexpectedEOF
	case err == nil && skipped < n:
		s.failed = fmt.Errorf("%w beside the file that is wanted", ErrTooLong)
		err = s.failed
	}
	return s.at, s.keep(err)
}

// offset is where the content of a file begins whose header was read last, -1
// where it has holes, or r can't be read there.
func (s *tarStream) offset(h *tar.Header) int64 {
	sparse := h.Typeflag == tar.TypeGNUSparse
	for name := range h.PAXRecords {
		sparse = sparse || strings.HasPrefix(name, "GNU.sparse.")
	}
	if _, ok := s.in.(io.Seeker); !ok || sparse {
		return -1
	}
	return s.at
}

// finish looks for another file of the name, and reads what it is read from to
// its end.
func (s *tarStream) finish(name string) error {
	for {
		h, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if sameName(h.Name, name) {
			return fmt.Errorf("%w: %s", ErrAmbiguous, quote(name))
		}
	}
	if _, ok := s.in.(io.Seeker); ok {
		return nil
	}
	n, err := io.Copy(io.Discard, io.LimitReader(s.in, s.other+1))
	if err == nil && n > s.other {
		err = fmt.Errorf("%w behind its end", ErrTooLong)
	}
	return err
}

// tarMember is the content of the file whose header was read last.
type tarMember struct{ in *tarStream }

func (m tarMember) Read(b []byte) (int, error) {
	n, err := m.in.tar.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = m.in.blame(err)
	}
	return n, err
}
