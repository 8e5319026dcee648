// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"context"
	"fmt"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
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
// other files are named, and not opened. What refers to other files, but for
// the backing file of a qcow2, is told by its header alone, since qemu opens
// those files with it.
func ReadDetails(ctx context.Context, s Source) (Details, error) {
	if s.Header == nil {
		return Details{}, fmt.Errorf("look at %s: %w", s, errNotInspected)
	}
	h := *s.Header
	d := headerDetails(s.Format, h)
	if s.Format == formatRaw || h.HasDataFile || h.HasParent || len(h.Extents) > 0 {
		return d, nil
	}
	out, err := queryInfo(ctx, s)
	if err != nil {
		return d, err
	}
	data := out.FormatSpecific.Data
	d.ClusterBytes, d.Dirty = out.ClusterSize, d.Dirty || out.Dirty
	if s.Format == imageformat.Qcow2 {
		d.Snapshots = []InternalSnapshot{}
	} else {
		d.Compression = data.Compression
	}
	d.Encrypted = d.Encrypted || out.Encrypted
	for _, snap := range out.Snapshots {
		d.Snapshots = append(d.Snapshots, InternalSnapshot{snap.ID, snap.Name, snap.VMStateSize, time.Unix(snap.Seconds, 0).UTC()})
	}
	return d, nil
}

// headerDetails are those of the header.
func headerDetails(format string, h imageformat.Header) Details {
	d := Details{
		VirtualSizeBytes: h.SizeBytes, ClusterBytes: h.ClusterBytes, Encrypted: h.Encryption != "", Dirty: h.Dirty,
		BackingFile: h.BackingFile, BackingFormat: h.BackingFormat, DataFile: h.DataFile, CreateType: h.CreateType,
	}
	if h.HasParent {
		d.BackingFile = h.Parent
	}
	if len(h.Extents) > 0 {
		d.DataFile = h.Extents[0].File
	}
	if format == imageformat.Qcow2 {
		d.Compression, d.ExtendedL2, d.Corrupt = h.Compression, &h.ExtendedL2, &h.Corrupt
		d.Compat = "0.10"
		if h.Version > 2 { //nolint:mnd // as the format counts
			d.Compat = "1.1"
		}
	}
	return d
}
