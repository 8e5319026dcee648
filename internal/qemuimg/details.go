package qemuimg

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Details are what `qemu-img info` says of an image. What a format has no word
// for is nil or empty.
type Details struct {
	VirtualSizeBytes uint64
	ClusterBytes     uint64
	Compat           string // version of qcow2, as "1.1"
	Compression      string
	ExtendedL2       *bool
	Encrypted        bool
	Dirty            bool
	Corrupt          *bool
	// Names as the image has them: nothing of the kind is looked for.
	BackingFile, BackingFormat string
	DataFile                   string
	CreateType                 string // subformat of a vmdk
	// Snapshots are nil where they can't be told.
	Snapshots []InternalSnapshot
}

// InternalSnapshot is one inside a qcow2, as savevm makes them.
type InternalSnapshot struct {
	ID, Name     string
	VMStateBytes int64
	CreatedAt    time.Time
}

// ReadDetails tells what is in an image, whatever a conversion would refuse:
// other files are named, and not opened. head are the source's first
// LongHeadBytes, or all of it. A qcow2 with an external data file is told by its
// header alone, since qemu opens that file with it.
//
// Errors: ErrFormat; ErrDataFile of a vmdk whose extents are elsewhere.
func ReadDetails(ctx context.Context, s Source, head []byte) (Details, error) {
	var d Details
	if s.Format == "qcow2" {
		var err error
		if d, err = qcow2Details(head); err != nil || d.DataFile != "" {
			return d, err
		}
	} else if err := s.CheckHead(); err != nil {
		return d, err
	}
	out, err := queryInfo(ctx, s)
	if err != nil {
		return d, err
	}
	data := out.FormatSpecific.Data
	d.VirtualSizeBytes, d.ClusterBytes, d.Dirty = out.VirtualSize, out.ClusterSize, out.Dirty
	if s.Format != "qcow2" { // of which the header has told more
		d.Compression = data.Compression
	}
	d.Encrypted = d.Encrypted || out.Encrypted
	d.CreateType = data.CreateType
	if s.Format == "vmdk" {
		d.BackingFile = out.BackingFile
	}
	if s.Format == "qcow2" {
		d.Snapshots = []InternalSnapshot{}
	}
	for _, snap := range out.Snapshots {
		d.Snapshots = append(d.Snapshots, InternalSnapshot{snap.ID, snap.Name, snap.VMStateSize, time.Unix(snap.Seconds, 0).UTC()})
	}
	return d, nil
}

// qcow2Details are those of the header.
func qcow2Details(head []byte) (Details, error) {
	const (
		dirty, corrupt, dataFile   = 1 << 0, 1 << 1, 1 << 2
		otherCompression, extended = 1 << 3, 1 << 4
		maxClusterBits             = 21
	)
	var d Details
	err := (Source{Format: "qcow2", Head: head, Chain: []Backing{{}}}).CheckHead()
	if err != nil && !errors.Is(err, ErrEncrypted) && !errors.Is(err, ErrDataFile) {
		return d, err
	}
	if d.BackingFile, d.BackingFormat, err = backingOf(head); err != nil {
		return d, err
	}
	bits := binary.BigEndian.Uint32(head[20:])
	if bits < 9 || bits > maxClusterBits {
		return d, fmt.Errorf("%w: clusters of 2^%d bytes", ErrFormat, bits)
	}
	d.VirtualSizeBytes, d.ClusterBytes = binary.BigEndian.Uint64(head[24:]), 1<<bits
	d.Encrypted = binary.BigEndian.Uint32(head[32:]) != 0
	no := false
	d.Compat, d.Compression, d.ExtendedL2, d.Corrupt = "0.10", "zlib", &no, &no
	if binary.BigEndian.Uint32(head[4:]) < 3 {
		return d, nil
	}
	flags := binary.BigEndian.Uint64(head[72:])
	extendedL2, isCorrupt := flags&extended != 0, flags&corrupt != 0
	d.Compat, d.ExtendedL2, d.Corrupt, d.Dirty = "1.1", &extendedL2, &isCorrupt, flags&dirty != 0
	if flags&otherCompression != 0 {
		d.Compression = "zstd"
	}
	if flags&dataFile != 0 {
		e, err := extensions(head, min(d.ClusterBytes, uint64(len(head))))
		if err != nil {
			return d, err
		}
		if d.DataFile = e[extensionDataFile]; d.DataFile == "" {
			return d, fmt.Errorf("%w: which one is not said", ErrDataFile)
		}
	}
	return d, nil
}
