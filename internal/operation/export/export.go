// SPDX-License-Identifier: MPL-2.0

// Package export writes snapshots of RBD images to files: `rbd export`, or
// `qemu-img convert -O qcow2`. A file gets its name when all of it is there, and
// never takes the place of one that no state at hand has written.
package export

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// The formats of a file, and no compression.
const (
	FormatRaw       = "raw"
	FormatQcow2     = "qcow2"
	CompressionNone = "none"
)

// Deps is what an export works with.
type Deps struct {
	Ceph *rbd.Cluster
	// Log gets a line now and then of how far a long step has come.
	Log progress.Logger
	// By is on whose behalf the file is written.
	By Owner
}

// Request says what is to be written, and where.
type Request struct {
	Snapshot string // pool[/namespace]/image@snapshot
	// ImageID and SnapshotID are those that the snapshot must have, where ImageID is
	// not empty.
	ImageID    string
	SnapshotID uint64
	File       string // absolute path
	Format     string
	// Compression is one of qemu.Compressions, or CompressionNone.
	Compression string
	Mode        fs.FileMode
}

// Result is what was written.
type Result struct {
	Snapshot Snapshot
	Revision string
	Record   Record
}

// Do writes a snapshot into a file, under a temporary name, checks it and gives it
// its name: `rbd export`, or `qemu-img convert -O qcow2`. When it was cut off, the
// next Do of the same state begins anew.
//
// Errors: those of FindSnapshot; rbd.ErrOtherSnapshot, ErrSectors, ErrNoSpace,
// ErrBusy, ErrNotOurs, ErrOtherFolder, ErrNoPlace, ErrFileExists and what is one.
func Do(ctx context.Context, d Deps, r Request) (Result, error) {
	s, err := FindSnapshot(ctx, d.Ceph, r.Snapshot)
	if err != nil {
		return Result{}, err
	}
	if r.ImageID != "" && (r.ImageID != s.ImageID || r.SnapshotID != s.ID) {
		return Result{}, rbd.ErrOtherSnapshot
	}
	j := job{Snapshot: s, Request: r, revision: s.Revision(r.Format, r.Compression)}
	record, err := j.write(ctx, d)
	return Result{s, j.revision, record}, err
}

// job is an export to be made.
type job struct {
	Snapshot
	Request
	revision string
}

// write makes the file under its temporary name, checks it and publishes it.
func (j job) write(ctx context.Context, d Deps) (_ Record, err error) {
	if err := j.CheckFormat(j.Format); err != nil {
		return Record{}, err
	}
	p, err := newPending(j.File, d.By)
	if err != nil {
		return Record{}, err
	}
	defer func() { err = errors.Join(err, p.discard(ctx)) }()
	extents, err := j.extents(ctx, d)
	if err != nil {
		return Record{}, err
	}
	out := Record{}
	if j.Format == FormatRaw {
		out.SHA256, err = writeRaw(ctx, d, j.Spec, int64(j.SizeBytes), extents, p.file) //nolint:gosec // signed in librbd
	} else {
		out.SHA256, err = writeQcow2(ctx, d, j.Spec, j.SizeBytes, p.content, j.Compression)
	}
	if err != nil {
		return Record{}, err
	}
	if err := j.unchanged(ctx, d.Ceph); err != nil {
		return Record{}, err
	}
	fi, err := p.publish(j.Mode, j.revision)
	if err != nil {
		return Record{}, err
	}
	out.SizeBytes, out.Modified = fi.Size(), fi.ModTime()
	return out, nil
}

// extents are the data of the snapshot, for which there must be space. What a
// compressed file will need can't be told.
func (j job) extents(ctx context.Context, d Deps) ([]rbd.Extent, error) {
	extents, err := d.Ceph.Extents(ctx, j.Spec, false)
	if err != nil || j.Compression != CompressionNone {
		return extents, err
	}
	dir := filepath.Dir(j.File)
	if checkSpace(dir, length(extents)) == nil {
		return extents, nil
	}
	// An object need not be full: count closer before it is refused.
	if extents, err = d.Ceph.Extents(ctx, j.Spec, true); err != nil {
		return nil, err
	}
	return extents, checkSpace(dir, length(extents))
}

func length(extents []rbd.Extent) int64 {
	var n int64
	for _, e := range extents {
		n += e.Length
	}
	return n
}
