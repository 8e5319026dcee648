// SPDX-License-Identifier: MPL-2.0

// Package archive reads one file out of a tar or zip archive that nobody vouches
// for. Nothing is unpacked: names are only compared, and shown.
package archive

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Why a file can't be read out of an archive.
var (
	ErrNoMember  = errors.New("the archive has no such file")
	ErrAmbiguous = errors.New("the archive has several files of that name")
	ErrKind      = errors.New("what the archive has under that name is no regular file")
	ErrDamaged   = errors.New("the archive is damaged")
	ErrTruncated = errors.New("the archive is cut off")
	// ErrTooLong says that an archive has more beside the file than it may have.
	ErrTooLong = errors.New("the archive holds more than it may")
	// ErrMethod is about a zip's encryption, and compressions that only few know.
	ErrMethod = errors.New("the file can't be read out of the archive")
)

const (
	// maxHeaders bounds the headers of a tar, and maxDirectory the directory of a
	// zip, in bytes: an archive of a disk image has a few hundred.
	maxHeaders   = 16 << 20
	maxDirectory = 4 << 20
	// shown files, and characters of a name, are in messages.
	shown     = 8
	shownName = 200
)

// Entry is a regular file of an archive.
type Entry struct {
	Name      string
	SizeBytes int64
}

// Member is a file of an archive that is being read.
//
// Errors, in reading: ErrDamaged, ErrTruncated; those of what the archive is read
// from as they are.
type Member struct {
	io.Reader
	// SizeBytes is its length, with its holes, as the archive's header states it.
	SizeBytes int64
	// Offset is where it lies in what could be jumped about in, in one piece; -1
	// where that is not so.
	Offset int64
	finish func() error
	close  func() error
}

// Finish reads the archive to its end when the member was read.
//
// Errors: ErrAmbiguous, where another file of that name comes behind; ErrTooLong,
// and those of reading.
func (m *Member) Finish() error { return m.finish() }

// Close releases what reads the member, and not what it is read from.
func (m *Member) Close() error { return m.close() }

// sameName compares names. Only a ./ in front makes no difference.
func sameName(a, b string) bool { return clean(a) == clean(b) }

func clean(name string) string {
	for strings.HasPrefix(name, "./") {
		name = strings.TrimLeft(name[2:], "/")
	}
	return name
}

// notThere names what is there.
func notThere(name string, all []Entry) error {
	return fmt.Errorf("%w: %s; it holds %s", ErrNoMember, quote(name), Text(all))
}

// Text lists files for a message.
func Text(all []Entry) string {
	var out []string
	for _, e := range all[:min(len(all), shown)] {
		out = append(out, fmt.Sprintf("%s (%d bytes)", quote(e.Name), e.SizeBytes))
	}
	switch n := len(all) - shown; {
	case len(all) == 0:
		return "no regular file"
	case n > 0:
		out = append(out, fmt.Sprintf("%d more", n))
	}
	return strings.Join(out, ", ")
}

// quote shows a name from an archive, bounded.
func quote(name string) string {
	if r := []rune(name); len(r) > shownName {
		name = string(r[:shownName]) + "…"
	}
	return strconv.Quote(name)
}

func noClose() error { return nil }
