// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

const (
	// defaultMaxSource bounds a stream of which nothing is known.
	defaultMaxSource = 128 << 30
	// A format's own tables take up less than this part of a disk, and at the end
	// there may be one block of the largest size that a format has, or two.
	tablesPart   = 16
	largestBlock = 256 << 20
	qcow2Block   = 2 << 20
)

var (
	// ErrTooSmall says that the size asked for does not hold the source.
	ErrTooSmall = errors.New("size is smaller than the source")
	// ErrTooLong says that a stream holds more than it may.
	ErrTooLong = errors.New("the source holds more than it may")
)

// CheckSize refuses a size in bytes, unless it is 0, that does not hold a disk of
// virtual bytes.
//
// Errors: ErrTooSmall.
func CheckSize(size, virtual uint64) error {
	if size > 0 && size < virtual {
		return fmt.Errorf("%w: the source's virtual size is %d bytes, size is %d", ErrTooSmall, virtual, size)
	}
	return nil
}

// limitStream makes a stream end with an error where it gets longer than it may,
// before more of it is used.
//
// Errors, in reading too: ErrTooSmall, ErrTooLong.
func (j *job) limitStream(s *streamReader) error {
	limit, err := j.limit(s)
	if err != nil {
		return err
	}
	if s.sizeBytes > limit {
		return j.tooLong(limit)
	}
	s.Reader = &limited{s.Reader, limit, func() error { return j.tooLong(limit) }}
	return nil
}

// tooLong names what has set the limit.
func (j *job) tooLong(limit int64) error {
	if size := j.Layout.SizeBytes; j.Source.Format == formatRaw && size > 0 && size <= uint64(limit) { //nolint:gosec // not negative
		return fmt.Errorf("%w: it holds more than %d bytes", ErrTooSmall, limit)
	}
	return fmt.Errorf("%w: more than %d bytes", ErrTooLong, limit)
}

// limit is how much a stream may hold, in bytes.
func (j *job) limit(s *streamReader) (int64, error) {
	stated, size := int64(j.MaxSourceBytes), int64(j.Layout.SizeBytes) //nolint:gosec // the schema bounds both
	if j.Source.Format == formatRaw {
		switch {
		case size > 0 && stated > 0:
			return min(size, stated), nil
		case size > 0:
			return size, nil
		case stated > 0:
			return stated, nil
		}
		return defaultMaxSource, nil
	}
	virtual, block, err := j.stated(s)
	switch {
	case err != nil:
		return 0, err
	case stated > 0:
		return stated, nil
	case virtual < 0 && size > 0:
		virtual = size
	case virtual < 0:
		return defaultMaxSource, nil
	}
	return virtual + virtual/tablesPart + 2*block, nil
}

// stated is the size of the disk that the beginning of a stream tells, -1 where it
// does not, or where more may be in it.
func (j *job) stated(s *streamReader) (virtual, block int64, err error) {
	read, _, again, err := readBeginning(s.Reader)
	if err != nil {
		return 0, 0, err
	}
	s.Reader = again
	if format := j.Source.Format; format != imageformat.Qcow2 && format != imageformat.VDI {
		return -1, largestBlock, nil // it stands elsewhere
	}
	src := qemu.Source{File: s.name, Format: j.Source.Format}
	if err := src.Inspect(bytes.NewReader(read), -1); err != nil || src.Header == nil {
		return -1, largestBlock, nil //nolint:nilerr // whoever has all of it inspects it again
	}
	h := src.Header
	if err := CheckSize(j.Layout.SizeBytes, h.SizeBytes); err != nil {
		return 0, 0, err
	}
	if h.Snapshots > 0 || h.SizeBytes > defaultMaxSource*1024 {
		return -1, largestBlock, nil
	}
	if j.Source.Format == imageformat.Qcow2 {
		return int64(h.SizeBytes), qcow2Block, nil
	}
	return int64(h.SizeBytes), largestBlock, nil
}

// limited gives an error in place of what is too much.
type limited struct {
	io.Reader
	left int64
	err  func() error
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left == 0 {
		// It may be the end.
		var one [1]byte
		n, err := io.ReadFull(l.Reader, one[:])
		if n > 0 {
			return 0, l.err()
		}
		return 0, err
	}
	n, err := l.Reader.Read(b[:min(int64(len(b)), l.left)])
	l.left -= int64(n)
	return n, err
}
