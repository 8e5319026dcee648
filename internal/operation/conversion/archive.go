// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/archive"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// ErrNoArchive is about a member of what is no archive.
var ErrNoArchive = errors.New("the source is neither a tar nor a zip archive, and archive_member of the source is set")

// maxPeek bounds what a plan decompresses to find a member.
const maxPeek = 4 << 20

// openArchive opens a file of this machine, of which a member is the source: in
// place, where that lies in a tar in one piece, or else as a stream.
func openArchive(w *workspace, ref Reference) (source, error) {
	d, err := beginFile(ref.File, qemu.Source{Format: ref.Format, AnyContent: ref.AllowAnyContent, Env: w.tool.Env})
	if err != nil {
		return nil, err
	}
	if archiveKind(d.Head) == imageformat.Tar {
		m, err := findInTar(ref, int64(d.sizeBytes)) //nolint:gosec // of a regular file
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", ref.File, err)
		}
		if m.Offset >= 0 && m.Offset+int64(rawSize(uint64(m.SizeBytes))) <= int64(d.sizeBytes) { //nolint:gosec // of a regular file
			return openInPlace(d, qemu.Member{Name: ref.ArchiveMember, Offset: m.Offset, Bytes: m.SizeBytes})
		}
	}
	return &stream{ref: ref, beginning: d.Head, same: d.same}, nil
}

// findInTar looks a member up, which must be the only one of its name. It can't be
// read any more.
func findInTar(ref Reference, sizeBytes int64) (*archive.Member, error) {
	f, err := os.Open(ref.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	m, err := archive.OpenTar(io.NewSectionReader(f, 0, sizeBytes), ref.ArchiveMember, 0)
	if err == nil {
		err = m.Finish()
	}
	return m, err
}

// member is one of an archive that is read where it lies.
type member struct{ *disk }

func openInPlace(d *disk, p qemu.Member) (source, error) {
	d.Member, d.sizeBytes = &p, uint64(p.Bytes) //nolint:gosec // not negative
	archived := d.reader
	d.reader = func() (readAtCloser, error) {
		f, err := archived()
		if err != nil {
			return nil, err
		}
		return section{io.NewSectionReader(f, p.Offset, p.Bytes), f}, nil
	}
	r, err := d.reader()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // opened for reading
	return &member{d}, d.Inspect(r, p.Bytes)
}

// section is a part of a file that is closed with it.
type section struct {
	io.ReaderAt
	io.Closer
}

// write verifies the checksum of the archive.
func (m *member) write(ctx context.Context, j *job) (string, error) {
	if err := m.Check(); err != nil {
		return "", err
	}
	return "", j.convert(ctx, m.disk, j.verifyFile(m.File)...)
}

func (m *member) close() error { return nil }

// archiveKind is Tar or Zip of imageformat, or nothing.
func archiveKind(head []byte) string {
	if c := imageformat.Identify(head, nil, true); c.Archive {
		return c.Name
	}
	return ""
}

// otherBytes is how much an archive may have beside its member, in bytes.
func (j *job) otherBytes() int64 {
	if j.MaxSourceBytes > 0 {
		return int64(j.MaxSourceBytes) //nolint:gosec // the schema bounds it
	}
	return defaultMaxSource
}

// openMember makes a stream that of a member of its archive.
func (j *job) openMember(ctx context.Context, s *streamReader) error {
	read, _, again, err := readBeginning(s.Reader)
	if err != nil {
		return err
	}
	var m *archive.Member
	switch archiveKind(read) {
	case imageformat.Tar:
		m, err = archive.OpenTar(untilDone(ctx, again), j.Source.ArchiveMember, j.otherBytes())
	case imageformat.Zip:
		s.Reader = again
		m, err = j.openZip(ctx, s)
	default:
		err = ErrNoArchive
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.closers = append(s.closers, m.Close)
	s.Reader, s.sizeBytes, s.behind, s.name = m, m.SizeBytes, m.Finish, j.Source.memberName()
	return nil
}

// openZip opens a member of a zip, which is read from its end: what is not a file
// of this machine is copied first.
func (j *job) openZip(ctx context.Context, s *streamReader) (*archive.Member, error) {
	name := j.Source.File
	if name == "" || s.compression != decompress.None {
		limit := j.otherBytes()
		tooLong := func() error { return fmt.Errorf("%w: more than %d bytes", ErrTooLong, limit) }
		if s.sizeBytes > limit {
			return nil, tooLong()
		}
		s.Reader = &limited{s.Reader, limit, tooLong}
		var err error
		if name, err = j.materialize(ctx, s); err != nil {
			return nil, err
		}
		defer func() { _ = os.Remove(name) }() // the workspace goes with all that is in it
		if err := s.finish(); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, f.Close)
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return archive.OpenZip(f, info.Size(), j.Source.ArchiveMember)
}

// untilDone ends a stream with its context.
func untilDone(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(b)
	})
}

// memberName is what a member is called in messages.
func (r Reference) memberName() string { return fmt.Sprintf("%q of %s", r.ArchiveMember, r.location()) }

// location is where the source is, or its archive.
func (r Reference) location() string {
	if r.URL != "" {
		return r.URL
	}
	return r.File
}

// archiveView is what a plan sees of an archive: all of it, or what its beginning
// has.
type archiveView struct {
	kind  string
	all   io.ReaderAt // nil where only the beginning is at hand
	bytes int64       // of all of it
	// start is the beginning, decompressed; ended tells that it is all there is.
	start []byte
	ended bool
	close func() error
}

// view looks at an archive. Of one on a server only a zip can be read anywhere in
// a few requests.
func (s *stream) view(ctx context.Context) (*archiveView, error) {
	v := &archiveView{close: func() error { return nil }}
	head := s.beginning
	if s.ref.URL == "" {
		f, err := os.Open(s.ref.File)
		if err != nil {
			return nil, err
		}
		v.close = f.Close
		info, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		v.all, v.bytes = f, info.Size()
	} else {
		info, beginning, err := fetch.ReadHead(ctx, s.ref.URL, qemu.HeadBytes)
		if err != nil {
			return nil, err
		}
		head, v.bytes = beginning, info.SizeBytes
		if archiveKind(head) == imageformat.Zip {
			parts, _, err := fetch.OpenRanges(ctx, s.ref.URL, qemu.HeadBytes)
			switch {
			case err == nil:
				v.all, v.close = parts, parts.Close
			case !errors.Is(err, fetch.ErrNoRanges):
				return nil, err
			}
		}
	}
	v.start, v.ended = head, v.bytes == int64(len(head))
	if decompress.Detect(head) != decompress.None {
		v.all = nil
		v.decompress()
	}
	v.kind = archiveKind(v.start)
	return v, nil
}

// decompress puts what is inside in place of the beginning. What does not decode
// is told of when all of it is read.
func (v *archiveView) decompress() {
	inner, _, err := decompress.Open(bytes.NewReader(v.start))
	if err != nil {
		v.start, v.ended = nil, false
		return
	}
	defer func() { _ = inner.Close() }() // of what was read to its end
	inside, err := io.ReadAll(io.LimitReader(inner, maxPeek))
	v.start, v.ended = inside, v.ended && err == nil && len(inside) < maxPeek
}

// open opens a member. It returns none where the beginning does not have it.
func (v *archiveView) open(name string) (m *archive.Member, err error) {
	switch {
	case v.kind == "" && (len(v.start) > 0 || v.ended):
		return nil, ErrNoArchive
	case v.kind == imageformat.Zip && v.all != nil:
		return archive.OpenZip(v.all, v.bytes, name)
	case v.kind != imageformat.Tar:
		return nil, nil
	case v.all != nil:
		return archive.OpenTar(io.NewSectionReader(v.all, 0, v.bytes), name, 0)
	}
	m, err = archive.OpenTar(bytes.NewReader(v.start), name, 0)
	if !v.ended && (errors.Is(err, archive.ErrTruncated) || errors.Is(err, archive.ErrNoMember)) {
		return nil, nil
	}
	return m, err
}

// inspectMember looks a member up, and at its beginning.
func (s *stream) inspectMember(ctx context.Context) (_ Inspection, err error) {
	v, err := s.view(ctx)
	if err != nil {
		return Inspection{}, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	m, err := v.open(s.ref.ArchiveMember)
	if err != nil {
		return Inspection{}, fmt.Errorf("look at %s: %w", s.ref.location(), err)
	}
	if m == nil {
		return Inspection{}, nil
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	read, err := io.ReadAll(io.LimitReader(m, qemu.HeadBytes))
	if err != nil && (v.all != nil || v.ended || !errors.Is(err, archive.ErrTruncated)) {
		return Inspection{}, fmt.Errorf("look at %s: %w", s.ref.location(), err)
	}
	b := beginning{qemu.Source{File: s.ref.memberName(), Format: s.ref.Format, AnyContent: s.ref.AllowAnyContent}, read}
	if err := b.check(int64(len(read)) < m.SizeBytes); err != nil {
		return Inspection{}, err
	}
	if v.all != nil {
		if err := m.Finish(); err != nil {
			return Inspection{}, fmt.Errorf("look at %s: %w", s.ref.location(), err)
		}
	}
	switch {
	case b.Format == formatRaw:
		return Inspection{VirtualBytes: qemu.RawSize(m.SizeBytes), Known: true}, nil
	case b.Header != nil:
		return inspectionOf(*b.Header), nil
	}
	return Inspection{}, nil
}

// withMembers names what is in an archive whose member is not stated, as far as
// that is at hand.
func withMembers(ctx context.Context, ref Reference, err error) error {
	s := newStream(ref)
	if ref.URL == "" {
		d, failed := beginFile(ref.File, qemu.Source{})
		if failed != nil {
			return err
		}
		s.beginning = d.Head
	}
	v, failed := s.view(ctx)
	if failed != nil {
		return err
	}
	defer func() { _ = v.close() }() // it was looked at
	var all []archive.Entry
	switch {
	case v.kind == imageformat.Zip && v.all != nil:
		all = archive.ListZip(v.all, v.bytes)
	case v.kind == imageformat.Tar && v.all != nil:
		all = archive.ListTar(io.NewSectionReader(v.all, 0, v.bytes))
	case v.kind == imageformat.Tar:
		all = archive.ListTar(bytes.NewReader(v.start))
	}
	if len(all) == 0 {
		return err
	}
	return fmt.Errorf("%w: it has %s", err, archive.Text(all))
}
