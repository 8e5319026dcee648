// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

var (
	le         = binary.LittleEndian
	be         = binary.BigEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Bounds of what is read at once and kept, in bytes.
const (
	chunkSize = 16 << 10
	maxChunks = 512
	maxRead   = 16 << 20
)

// device is a disk, a partition or a logical volume.
type device struct {
	r     io.ReaderAt
	size  int64
	cache *cache
}

// cache keeps what was read, since directories and tables are read again and
// again, and each read of an RBD image is a round trip.
type cache struct {
	chunks map[int64][]byte
}

// part is a piece of a device, which must lie within it.
func (d *device) part(off, n int64) (*device, error) {
	if off < 0 || n < 0 || off > d.size || n > d.size-off {
		return nil, unsupported("a partition or volume reaches beyond its disk")
	}
	return &device{r: &linear{[]extent{{0, n, off, d}}}, size: n, cache: &cache{}}, nil
}

// bytes reads n bytes at off. What lies beyond the device is ErrUnsupported; an
// error of the disk is returned as it is.
func (d *device) bytes(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || n > maxRead || off > d.size || n > d.size-off {
		return nil, unsupported("a read of %d bytes at %d of a device of %d bytes", n, off, d.size)
	}
	out := make([]byte, n)
	if err := d.read(out, off); err != nil {
		return nil, err
	}
	return out, nil
}

func (d *device) read(out []byte, off int64) error {
	if len(out) > chunkSize {
		return d.direct(out, off)
	}
	for len(out) > 0 {
		start := off - off%chunkSize
		c, ok := d.cache.chunks[start]
		if !ok {
			c = make([]byte, min(chunkSize, d.size-start))
			if err := d.direct(c, start); err != nil {
				return err
			}
			if d.cache.chunks == nil || len(d.cache.chunks) >= maxChunks {
				d.cache.chunks = map[int64][]byte{}
			}
			d.cache.chunks[start] = c
		}
		n := copy(out, c[off-start:])
		out, off = out[n:], off+int64(n)
	}
	return nil
}

func (d *device) direct(out []byte, off int64) error {
	n, err := d.r.ReadAt(out, off)
	if n == len(out) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read the disk at %d: %w", off, err)
}

// extent maps n bytes at start of a linear device to a device below it.
type extent struct {
	start, n, at int64
	below        *device
}

// linear is a device made of pieces of others.
type linear struct {
	extents []extent // gapless, in order
}

// ReadAt implements io.ReaderAt.
func (l *linear) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for _, e := range l.extents {
		if done == len(p) {
			break
		}
		pos := off + int64(done)
		if pos < e.start || pos >= e.start+e.n {
			continue
		}
		n := min(int64(len(p)-done), e.start+e.n-pos)
		// Below a linear device the cache would only keep everything twice.
		if err := e.below.direct(p[done:done+int(n)], e.at+pos-e.start); err != nil {
			return done, err
		}
		done += int(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}
