// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/archive"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/nbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// longestSocket is what fits into a socket's address, with a margin.
const longestSocket = 90

// ranges is a source on its server, which qemu-img reads in parts by way of this
// process: nothing is kept on this machine, and of the server's file only what is
// needed is fetched. qemu itself never talks to the server: it would follow
// redirects, and would not notice that the file changes.
type ranges struct {
	*disk
	parts *fetch.Ranges
	// content is that of the source: the file, or a member of it.
	content io.ReaderAt
}

// takesParts tells whether a source on a server may be read in parts. What has a
// checksum has to be read as one stream, and what is raw may be.
func (j *job) takesParts() bool {
	return len(j.want) == 0 && (j.Source.Format != formatRaw || j.VerifyContent) && len(j.workspace.dir.Path()) <= longestSocket
}

// openRanges asks a server for parts of the source. What is compressed as a whole,
// or lies in an archive otherwise than in one piece, and what a server gives no
// parts of, is a stream.
func openRanges(ctx context.Context, ref Reference) (source, error) {
	parts, beginning, err := fetch.OpenRanges(ctx, ref.URL, qemu.HeadBytes)
	if errors.Is(err, fetch.ErrNoRanges) {
		return newStream(ref), nil
	}
	if err != nil {
		return nil, err
	}
	if decompress.Detect(beginning) != decompress.None {
		s := newStream(ref)
		s.beginning = beginning
		return s, parts.Close()
	}
	r := &ranges{parts: parts, content: begun{parts, beginning}, disk: &disk{
		Source:    qemu.Source{File: ref.URL, Format: ref.Format, AnyContent: ref.AllowAnyContent},
		sizeBytes: uint64(parts.Info().SizeBytes), //nolint:gosec // not negative
		same:      parts.Unchanged,
	}}
	r.reader = func() (readAtCloser, error) { return keptOpen{r.content}, nil }
	if ref.ArchiveMember != "" {
		found, err := r.findMember(ref.ArchiveMember)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("look at %s: %w", ref.URL, err), parts.Close())
		}
		if !found {
			return newStream(ref), parts.Close()
		}
	}
	return r, nil
}

// maxLooks bounds how often a server is asked while headers are looked for: an
// archive of many files is sooner read as a stream.
const maxLooks = 256

var errTooManyLooks = errors.New("the archive has many files")

// findMember makes the source a member of a tar, where that lies in one piece. It
// returns false where it has to be read as a stream.
func (r *ranges) findMember(name string) (bool, error) {
	size := r.parts.Info().SizeBytes
	head := make([]byte, min(size, qemu.HeadBytes))
	if _, err := r.content.ReadAt(head, 0); err != nil {
		return false, err
	}
	if archiveKind(head) != imageformat.Tar {
		return false, nil
	}
	m, err := archive.OpenTar(io.NewSectionReader(&looks{r.content, maxLooks}, 0, size), name, 0)
	if err == nil {
		err = m.Finish()
	}
	switch {
	case errors.Is(err, errTooManyLooks):
		return false, nil
	case err != nil:
		return false, err
	case m.Offset < 0:
		return false, nil
	}
	r.Member = &qemu.Member{Name: name, Offset: m.Offset, Bytes: m.SizeBytes}
	r.content, r.sizeBytes = io.NewSectionReader(r.content, m.Offset, m.SizeBytes), uint64(m.SizeBytes) //nolint:gosec // not negative
	return true, nil
}

// looks gives an error where it is read too often.
type looks struct {
	io.ReaderAt
	left int
}

func (l *looks) ReadAt(b []byte, at int64) (int, error) {
	if l.left--; l.left < 0 {
		return 0, errTooManyLooks
	}
	return l.ReaderAt.ReadAt(b, at)
}

// begun has the beginning at hand, which should not be fetched again, with all that
// is read ahead.
type begun struct {
	io.ReaderAt
	beginning []byte
}

func (b begun) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > int64(len(b.beginning)) {
		return b.ReaderAt.ReadAt(p, at)
	}
	return copy(p, b.beginning[at:]), nil
}

// readHeader reads the header, wherever that lies.
func (r *ranges) readHeader() error {
	at, err := r.reader()
	if err != nil {
		return err
	}
	return r.Inspect(at, int64(r.sizeBytes)) //nolint:gosec // of a file
}

// inspect reads the header without qemu-img.
func (r *ranges) inspect(context.Context) (Inspection, error) {
	if err := r.readHeader(); err != nil {
		return Inspection{}, err
	}
	if err := r.Check(); err != nil {
		return Inspection{}, err
	}
	return r.inspection()
}

func (r *ranges) write(ctx context.Context, j *job) (revision string, err error) {
	server, err := nbd.Serve(j.workspace.dir.Path(), r.content, int64(r.sizeBytes)) //nolint:gosec // of a file
	if err != nil {
		return "", err
	}
	// The reads that the server waits for end with the parts.
	defer func() { err = errors.Join(err, r.parts.Close(), server.Close()) }()
	r.Socket, r.Env = server.Socket, j.workspace.tool.Env
	if err = r.readHeader(); err == nil {
		err = j.convert(ctx, r.disk)
	}
	// qemu-img knows no more than that it could not read.
	if why := r.parts.Err(); err != nil && why != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w (%w)", why, err)
	}
	return r.parts.Info().Revision(), err
}

func (r *ranges) close() error { return r.parts.Close() }
