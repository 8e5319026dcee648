// SPDX-License-Identifier: MPL-2.0

// Package imageformat reads what the headers of disk images say, by itself: the
// size of the disk, the other files that an image refers to, and whether its
// content can be trusted. It also tells by signatures what a file is that should
// be a disk.
//
// Nobody vouches for what it reads: no name in an image is ever opened, what is
// read is bounded, and a header that contradicts itself is refused.
package imageformat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// Why an image is refused.
var (
	ErrFormat      = errors.New("not in the stated format")
	ErrBackingFile = errors.New("the image has a backing file")
	ErrParent      = errors.New("the image only holds what differs from its parent")
	ErrDataFile    = errors.New("the image keeps its data in another file")
	ErrEncrypted   = errors.New("the image is encrypted")
	ErrTruncated   = errors.New("the source is cut off")
	ErrCorrupt     = errors.New("the image is marked as corrupt")
	ErrSize        = errors.New("the image contradicts itself about its size")
	ErrContent     = errors.New("the source is no raw disk")
	// ErrArchive is told beside ErrFormat and ErrContent.
	ErrArchive = errors.New("which file in it is the disk is not stated")
)

// Names of the formats that have a header, as qemu-img writes them.
const (
	Qcow2 = "qcow2"
	VDI   = "vdi"
	VHDX  = "vhdx"
	VMDK  = "vmdk"
	VPC   = "vpc"
)

// maxBytes is the largest size that is a signed number, in whole sectors.
const maxBytes = math.MaxInt64 / SectorBytes * SectorBytes

// SectorBytes is the unit of most sizes.
const SectorBytes = 512

// HeadBytes is how much of a file Identify wants to see.
const HeadBytes = 64 << 10

// Header is what an image says of itself. What a format has no word for is zero.
type Header struct {
	// SizeBytes is the size of the disk that a virtual machine sees.
	SizeBytes    uint64
	ClusterBytes uint64

	// Names as they stand in the image; use Quote to show one.
	BackingFile, BackingFormat string
	DataFile                   string
	// Parent is what is told of the image that this one is the difference to.
	Parent string
	// Extents are the files that hold the data, where this is not one of them.
	Extents []Extent

	// HasBackingFile, HasDataFile and HasParent hold where no name is given, too.
	HasBackingFile, HasDataFile, HasParent bool

	Encryption     string // method, "" where there is none
	Dirty, Corrupt bool
	// Version is that of a qcow2.
	Version     uint32
	Compression string
	ExtendedL2  bool
	// Snapshots and Bitmaps are inside of a qcow2.
	Snapshots, Bitmaps uint32
	CreateType         string
}

// Extent is a part of a disk that a VMDK descriptor names.
type Extent struct {
	Kind, File string
	Sectors    uint64
}

// file is a source of known length; -1 where that can't be told.
type file struct {
	r    io.ReaderAt
	size int64
}

// read reads n bytes, all of them.
//
// Errors: ErrTruncated.
func (f file) read(at uint64, n int, what string) ([]byte, error) {
	const most = 1 << 62
	if at > most || f.size >= 0 && at+uint64(n) > uint64(f.size) { //nolint:gosec // not negative
		return nil, fmt.Errorf("%w: its %s would be at byte %d", ErrTruncated, what, at)
	}
	b := make([]byte, n)
	got, err := f.r.ReadAt(b, int64(at))
	switch {
	case got == n:
		return b, nil
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: its %s would be at byte %d", ErrTruncated, what, at)
	}
	return nil, err
}

// upTo reads n bytes, or as many as there are.
func (f file) upTo(at int64, n int) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(f.r, at, int64(n)))
}

// Read reads the header of an image whose format is stated. sizeBytes is the
// length of the source itself, -1 where it is not known.
//
// Errors: ErrFormat, ErrTruncated, ErrSize. What else stands against a
// conversion is in Check.
func Read(format string, r io.ReaderAt, sizeBytes int64) (Header, error) {
	readers := map[string]func(file) (Header, error){Qcow2: readQcow2, VDI: readVDI, VHDX: readVHDX, VMDK: readVMDK, VPC: readVPC}
	of, ok := readers[format]
	if !ok {
		return Header{}, fmt.Errorf("%w: unknown format %q", ErrFormat, format)
	}
	h, err := of(file{r, sizeBytes})
	if err == nil && h.SizeBytes > maxBytes {
		err = fmt.Errorf("%w: a disk of %d bytes", ErrFormat, h.SizeBytes)
	}
	return h, err
}

// Check refuses what can't be converted by itself. A backing file is taken where
// a chain is allowed.
//
// Errors: ErrBackingFile, ErrParent, ErrDataFile, ErrEncrypted, ErrCorrupt.
func (h Header) Check(chain bool) error {
	switch {
	case h.Encryption != "":
		return fmt.Errorf("%w: %s", ErrEncrypted, h.Encryption)
	case len(h.Extents) > 0:
		return fmt.Errorf("%w: %s", ErrDataFile, extentsText(h.Extents))
	case h.HasDataFile:
		return fmt.Errorf("%w: %s", ErrDataFile, named(h.DataFile))
	case h.HasParent:
		return fmt.Errorf("%w: %s", ErrParent, named(h.Parent))
	case h.HasBackingFile && !chain:
		return fmt.Errorf("%w: %s", ErrBackingFile, named(h.BackingFile))
	case h.Corrupt:
		return ErrCorrupt
	}
	return nil
}

func named(name string) string {
	if name == "" {
		return "it does not say which"
	}
	return "it names " + Quote(name)
}

// longestName is how much of a stranger's name is shown, in characters.
const longestName = 200

// Quote shows a name from an image: bounded, in quotation marks, and without
// anything that a terminal would obey.
func Quote(name string) string {
	short := name
	if utf8.RuneCountInString(name) > longestName {
		short = string([]rune(name)[:longestName]) + "…"
	}
	return strconv.Quote(short)
}

// WithArchive adds ErrArchive to an error about what is an archive.
func (c Content) WithArchive(err error) error {
	if c.Archive {
		return fmt.Errorf("%w; %w", err, ErrArchive)
	}
	return err
}

// notThe says that a file does not begin as its format does, and what it is.
func notThe(format string, f file) error {
	head, err := f.upTo(0, HeadBytes)
	if err != nil {
		return err
	}
	var tail []byte
	if f.size > SectorBytes {
		if tail, err = f.upTo(f.size-SectorBytes, SectorBytes); err != nil {
			return err
		}
	}
	if c := Identify(head, tail, f.size < 0 || f.size > HeadBytes); c.Name != "" {
		return c.WithArchive(fmt.Errorf("%w: it is %s, not %s", ErrFormat, c.Name, format))
	}
	return fmt.Errorf("%w: it does not begin as %s does", ErrFormat, format)
}

var (
	be16, be32, be64 = binary.BigEndian.Uint16, binary.BigEndian.Uint32, binary.BigEndian.Uint64
	le16, le32, le64 = binary.LittleEndian.Uint16, binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
)
