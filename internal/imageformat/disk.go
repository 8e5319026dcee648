// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Disk is the content of an image, read without qemu: what was converted can be
// compared with it. It is for one goroutine.
type Disk struct {
	SizeBytes uint64

	f     file
	block uint64 // bytes
	// find tells where a block is.
	find    func(block uint64) (place, error)
	backing *Disk

	pages  map[uint64][]byte // of tables
	packed place             // that was unpacked last
	plain  []byte
}

// place is where the content of a block is.
type place struct {
	kind kind
	at   uint64
	// Of what is packed: how long at the most, what it unpacks to, and where the
	// block is in that.
	bytes, unpacked, skip uint64
	with                  string
}

type kind int

const (
	missing kind = iota // in the backing file, or zero
	zero
	plain
	packed
)

const (
	pageBytes = 64 << 10
	maxPages  = 64
	// maxPacked bounds what a block unpacks to.
	maxPacked = 2 << 20
)

// OpenDisk opens the content of an image whose header Read and Check have taken.
// backing is that of its backing file, or nil.
//
// Errors, in reading too: ErrFormat, ErrTruncated.
func OpenDisk(format string, r io.ReaderAt, sizeBytes int64, backing *Disk) (*Disk, error) {
	f := file{r, sizeBytes}
	if format == "raw" {
		d := &Disk{f: f, SizeBytes: (uint64(max(sizeBytes, 0)) + SectorBytes - 1) / SectorBytes * SectorBytes, block: 1 << 20}
		d.find = func(i uint64) (place, error) { return place{kind: plain, at: i * d.block}, nil }
		return d, nil
	}
	h, err := Read(format, r, sizeBytes)
	if err != nil {
		return nil, err
	}
	d := &Disk{f: f, backing: backing, pages: map[uint64][]byte{}, block: h.ClusterBytes}
	d.SizeBytes = (h.SizeBytes + SectorBytes - 1) / SectorBytes * SectorBytes
	switch format {
	case Qcow2:
		err = d.openQcow2(h)
	case VDI:
		err = d.openVDI()
	case VHDX:
		err = d.openVHDX()
	case VMDK:
		err = d.openVMDK()
	case VPC:
		err = d.openVPC()
	}
	if err == nil && d.block == 0 {
		err = fmt.Errorf("%w: blocks of no size", ErrFormat)
	}
	return d, err
}

// table reads n bytes of a table, which don't go over the end of a page.
func (d *Disk) table(at, n uint64) ([]byte, error) {
	number := at / pageBytes
	page, ok := d.pages[number]
	if !ok {
		const most = 1 << 62
		if at > most {
			return nil, fmt.Errorf("%w: a table at byte %d", ErrTruncated, at)
		}
		var err error
		if page, err = d.f.upTo(int64(number*pageBytes), pageBytes); err != nil {
			return nil, err
		}
		if len(d.pages) >= maxPages {
			clear(d.pages)
		}
		d.pages[number] = page
	}
	if from := at % pageBytes; from+n <= uint64(len(page)) {
		return page[from : from+n], nil
	}
	return nil, fmt.Errorf("%w: it refers to a table at byte %d", ErrTruncated, at)
}

// HasData tells whether anything but zeros may be in a part of the disk.
func (d *Disk) HasData(at, n uint64) (bool, error) {
	for end := min(at+n, d.SizeBytes); at < end; at = (at/d.block + 1) * d.block {
		p, err := d.find(at / d.block)
		if err != nil || p.kind == plain || p.kind == packed {
			return true, err
		}
		if p.kind == missing && d.backing != nil {
			if has, err := d.backing.HasData(at, min(end, (at/d.block+1)*d.block)-at); has || err != nil {
				return true, err
			}
		}
	}
	return false, nil
}

// ReadAt implements io.ReaderAt.
func (d *Disk) ReadAt(b []byte, off int64) (n int, err error) {
	at := uint64(off) //nolint:gosec // not negative
	for n < len(b) {
		if at >= d.SizeBytes {
			return n, io.EOF
		}
		inside := at % d.block
		part := b[n:][:min(uint64(len(b)-n), d.block-inside, d.SizeBytes-at)]
		p, err := d.find(at / d.block)
		if err == nil {
			err = d.read(part, p, at, inside)
		}
		if err != nil {
			return n, err
		}
		n, at = n+len(part), at+uint64(len(part))
	}
	return n, nil
}

func (d *Disk) read(b []byte, p place, at, inside uint64) error {
	switch {
	case p.kind == plain:
		return d.readPlain(b, p.at+inside)
	case p.kind == packed:
		if err := d.unpack(p); err != nil {
			return err
		}
		copy(b, d.plain[p.skip+inside:])
		return nil
	}
	clear(b)
	if p.kind == zero || d.backing == nil || at >= d.backing.SizeBytes {
		return nil
	}
	_, err := d.backing.ReadAt(b[:min(uint64(len(b)), d.backing.SizeBytes-at)], int64(at)) //nolint:gosec // within the disk
	return err
}

// readPlain takes zeros for what is missing of a last block, as qemu does.
func (d *Disk) readPlain(b []byte, at uint64) error {
	const most = 1 << 62
	if at > most {
		return fmt.Errorf("%w: it refers to data at byte %d", ErrTruncated, at)
	}
	n, err := d.f.r.ReadAt(b, int64(at))
	if errors.Is(err, io.EOF) {
		clear(b[n:])
		err = nil
	}
	return err
}

// unpack keeps what it has unpacked last, since a block is read in parts.
func (d *Disk) unpack(p place) error {
	whole := p
	whole.skip = 0
	if d.plain != nil && d.packed == whole {
		return nil
	}
	if p.bytes > 2*maxPacked || p.unpacked > maxPacked || p.skip > p.unpacked || d.block > p.unpacked-p.skip {
		return fmt.Errorf("%w: a compressed block of %d bytes", ErrFormat, p.unpacked)
	}
	b, err := d.f.upTo(int64(min(p.at, 1<<62)), int(p.bytes))
	if err != nil {
		return err
	}
	var r io.Reader
	switch p.with {
	case "zstd":
		z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4*maxPacked))
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	case "deflate":
		r = flate.NewReader(bytes.NewReader(b))
	default:
		z, err := zlib.NewReader(bytes.NewReader(b))
		if err != nil {
			return fmt.Errorf("%w: a compressed block at byte %d: %w", ErrFormat, p.at, err)
		}
		r = z
	}
	d.plain = make([]byte, p.unpacked)
	n, err := io.ReadFull(r, d.plain)
	if p.with == "" && errors.Is(err, io.ErrUnexpectedEOF) && n > 0 {
		err = nil // the last grain of a vmdk may be shorter
	}
	if err != nil {
		d.plain = nil
		return fmt.Errorf("%w: a compressed block at byte %d: %w", ErrFormat, p.at, err)
	}
	d.packed = whole
	return nil
}
