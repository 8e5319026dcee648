// SPDX-License-Identifier: MPL-2.0

// Package qemu runs qemu-img on disk images that nobody vouches for, and boots
// guests in qemu.
//
// The format is stated by the caller and never probed. Whatever in an image
// points at another file (a backing file, an external data file, an extent
// elsewhere) is refused before qemu-img may follow it, and the tool runs under
// limits.
package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
)

// Why a source image is refused.
var (
	ErrFormat      = imageformat.ErrFormat
	ErrBackingFile = imageformat.ErrBackingFile
	ErrParent      = imageformat.ErrParent
	ErrDataFile    = imageformat.ErrDataFile
	ErrEncrypted   = imageformat.ErrEncrypted
	ErrTruncated   = imageformat.ErrTruncated
	ErrCorrupt     = imageformat.ErrCorrupt
	ErrSize        = imageformat.ErrSize
	ErrContent     = imageformat.ErrContent
	ErrArchive     = imageformat.ErrArchive
	ErrChanged     = errors.New("the source changed while it was read")
)

const formatRaw = "raw"

// Formats are the names of the formats that can be read, as qemu-img writes
// them.
func Formats() []string {
	return []string{imageformat.Qcow2, formatRaw, imageformat.VDI, imageformat.VHDX, imageformat.VMDK, imageformat.VPC}
}

// Source is an image to read: a local file, an image in RBD, or what a server of
// network block devices has.
type Source struct {
	File string
	RBD  *RBD
	// Socket is the Unix socket of an NBD server; File is then what it serves,
	// for messages.
	Socket string
	Format string
	// Member is where in File the source lies, nil where it is all of it.
	Member *Member
	// Chain are the backing files that may be read, nearest first, see
	// ReadChain; none where a backing file is refused.
	Chain []Backing
	// AnyContent takes a raw source for a disk, whatever it looks like.
	AnyContent bool
	// Head is the beginning of the source, HeadBytes or less if it is shorter.
	Head []byte
	// Header is what Inspect has found.
	Header *imageformat.Header
	// Content is what a raw source looks like, where that is no disk.
	Content imageformat.Content
	// Env is added to qemu-img's environment.
	Env []string
}

// Member is a piece of a file, in bytes: a file in an archive. It begins with a
// sector, and what follows it up to the end of its last sector are zeros.
type Member struct {
	Name          string // for messages
	Offset, Bytes int64
}

// HeadBytes is how much of a source there is in Head.
const HeadBytes = imageformat.HeadBytes

func (s Source) String() string {
	if s.RBD != nil {
		return s.RBD.Pool + "/" + s.RBD.Image
	}
	if s.Member != nil {
		return fmt.Sprintf("%q of %s", s.Member.Name, s.File)
	}
	return s.File
}

// fileNode is what qemu reads the source from.
func (s Source) fileNode() map[string]any {
	file := map[string]any{"driver": "file", "filename": s.File}
	switch {
	case s.RBD != nil:
		return s.RBD.node()
	case s.Socket != "":
		return map[string]any{"driver": "nbd", "server": map[string]any{"type": "unix", "path": s.Socket}}
	case s.Member != nil:
		return map[string]any{"driver": formatRaw, "offset": s.Member.Offset, "size": RawSize(s.Member.Bytes), "file": file}
	}
	return file
}

// filename is the source as a json: pseudo file name. It opens no backing
// file but those of Chain, even where one was put in after the check.
func (s Source) filename() (string, error) {
	node := map[string]any{"driver": s.Format, "file": s.fileNode()}
	if s.Format == "qcow2" || s.Format == "vmdk" {
		node["backing"] = chainNode(s.Chain)
	}
	if s.Format == imageformat.VPC {
		// By itself qemu goes by the geometry of most creators, and cuts off the end.
		node["force_size_calc"] = "current_size"
	}
	b, err := json.Marshal(node)
	return "json:" + string(b), err
}

// Inspect reads the header of a source of sizeBytes through r, which is -1 where
// it is not known. It has to come before anything that qemu-img does with it.
//
// Errors: ErrFormat, ErrTruncated, ErrSize. What else is wrong is told by Check.
func (s *Source) Inspect(r io.ReaderAt, sizeBytes int64) error {
	var err error
	if s.Head, err = io.ReadAll(io.NewSectionReader(r, 0, HeadBytes)); err != nil {
		return err
	}
	if s.Format == formatRaw {
		tail := make([]byte, imageformat.SectorBytes)
		if sizeBytes < int64(len(tail)) {
			tail = nil
		} else if _, err := r.ReadAt(tail, sizeBytes-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		s.Content = imageformat.Identify(s.Head, tail, sizeBytes < 0 || sizeBytes > int64(len(s.Head)))
		s.Header = &imageformat.Header{SizeBytes: RawSize(max(sizeBytes, 0))}
		return nil
	}
	h, err := imageformat.Read(s.Format, r, sizeBytes)
	if err != nil {
		return fmt.Errorf("look at %s: %w", s, err)
	}
	s.Header = &h
	return nil
}

// RawSize is the size of the disk in a raw file, in bytes: it is in whole sectors.
func RawSize(fileBytes int64) uint64 {
	const sector = imageformat.SectorBytes
	return (uint64(fileBytes) + sector - 1) / sector * sector //nolint:gosec // not negative
}

// errNotInspected is a fault of ours.
var errNotInspected = errors.New("its header was not read")

// Check refuses what Inspect has found: what is no disk, what refers to other
// files, and what can't be read as it is.
//
// Errors: ErrContent, ErrBackingFile, ErrParent, ErrDataFile, ErrEncrypted,
// ErrCorrupt.
func (s Source) Check() error {
	if s.Header == nil {
		return fmt.Errorf("look at %s: %w", s, errNotInspected)
	}
	if s.Content.Name != "" && !s.AnyContent {
		return ContentError(s.String(), s.Content)
	}
	if err := s.Header.Check(len(s.Chain) > 0); err != nil {
		return fmt.Errorf("look at %s: %w", s, err)
	}
	return nil
}

// ContentError is about a raw source that is something else.
//
// Errors: ErrContent, and ErrArchive where it is an archive.
func ContentError(name string, c imageformat.Content) error {
	if c.Format != "" {
		return fmt.Errorf("%w: %s is %s; its format is %q", ErrContent, name, c.Name, c.Format)
	}
	return c.WithArchive(fmt.Errorf("%w: %s is %s", ErrContent, name, c.Name))
}
