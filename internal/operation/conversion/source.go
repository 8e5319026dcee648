// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// formatRaw is the format that has no header.
const formatRaw = "raw"

// Reference says which source is meant, and what is stated about it. One of File,
// Image and URL is set.
type Reference struct {
	File   string // path on this machine
	Image  string // spec of an image or snapshot of the cluster
	URL    string // http or https
	Format string // as qemu-img calls it
	// Sums are the checksums that it must have, by algorithm; ChecksumsURL is a
	// list to look it up in by PublishedName, or else by its own name.
	Sums          checksum.Sums
	ChecksumsURL  string
	PublishedName string
	// ArchiveMember is the file in a tar or zip archive that is meant, where File or
	// URL is one.
	ArchiveMember string
	// InternalSnapshot is the name or id of a snapshot inside of a qcow2, of which the
	// disk is converted as it was then.
	InternalSnapshot string
	// AllowBackingChain takes a qcow2 file with backing files in its folder.
	AllowBackingChain bool
	// AllowAnyContent takes a raw source for a disk, whatever it looks like.
	AllowAnyContent bool
}

// source is an opened source of one of the kinds file, chain, member, image,
// ranges and stream. A plan calls inspect and then close; an apply calls write and then close.
type source interface {
	// inspect refuses what can't be converted, as far as that can be told without
	// reading all of it.
	inspect(ctx context.Context) (Inspection, error)
	// write makes the image of a job. It gives the revision that the source's
	// server tells, if any.
	write(ctx context.Context, j *job) (revision string, err error)
	// unchanged fails where the source is not what it was when it was opened.
	unchanged() error
	close() error
}

// open opens a source. parts says whether one on a server may be read in parts; it
// becomes a stream otherwise, as all does that is compressed as a whole, and most
// that is in an archive.
func open(ctx context.Context, w *workspace, ref Reference, parts bool) (source, error) {
	s, err := openKind(ctx, w, ref, parts)
	switch s := s.(type) {
	case *file:
		s.snapshot = ref.InternalSnapshot
	case *chain:
		s.snapshot = ref.InternalSnapshot
	case *member:
		s.snapshot = ref.InternalSnapshot
	case *image:
		s.snapshot = ref.InternalSnapshot
	case *ranges:
		s.snapshot = ref.InternalSnapshot
	}
	return s, err
}

func openKind(ctx context.Context, w *workspace, ref Reference, parts bool) (source, error) {
	switch {
	case ref.ArchiveMember != "" && ref.File != "":
		return openArchive(w, ref)
	case ref.URL != "" && parts:
		return openRanges(ctx, ref)
	case ref.URL != "":
		return newStream(ref), nil
	case ref.Image != "":
		return openImage(ctx, w, ref)
	}
	return openFile(w, ref)
}

// Inspection is what a plan sees of a source.
type Inspection struct {
	// VirtualBytes is the size of the disk in it, where Known: not of what is
	// compressed as a whole.
	VirtualBytes uint64
	Known        bool
	// Omitted says, in sentences, what of it a conversion leaves out.
	Omitted []string
}

// inspectionOf is that of a source with this header.
func inspectionOf(h imageformat.Header) Inspection {
	return Inspection{VirtualBytes: rawSize(h.SizeBytes), Known: true, Omitted: omitted(h)}
}

// Inspect refuses a source that can't be converted, as far as that can be told
// without reading all of it: `qemu-img info`. Of one on a server the beginning is
// fetched, and what its header refers to.
//
// Errors: those of imageformat, qemu, fetch and archive; ErrNoChain, ErrNoArchive,
// ErrCompressedImage.
func Inspect(ctx context.Context, d Deps, ref Reference) (Inspection, error) {
	found, err := inspect(ctx, d, ref)
	if errors.Is(err, qemu.ErrArchive) && ref.Image == "" && ref.ArchiveMember == "" {
		err = withMembers(ctx, ref, err)
	}
	return found, err
}

func inspect(ctx context.Context, d Deps, ref Reference) (_ Inspection, err error) {
	w := &workspace{}
	if ref.URL == "" {
		if w, err = newWorkspace(ctx, d.Ceph, nil); err != nil {
			return Inspection{}, err
		}
		defer func() { err = errors.Join(err, w.remove()) }()
	}
	s, err := open(ctx, w, ref, true)
	if err != nil {
		return Inspection{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	found, err := s.inspect(ctx)
	if _, ok := s.(*stream); ok && ref.InternalSnapshot != "" {
		return Inspection{}, err // the beginning tells of the disk of today
	}
	return found, err
}
