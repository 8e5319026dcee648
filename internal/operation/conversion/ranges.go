package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
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
}

// takesParts tells whether a source on a server may be read in parts. What has a
// checksum has to be read as one stream, and what is raw may be.
func (j *job) takesParts() bool {
	return len(j.want) == 0 && (j.Source.Format != formatRaw || j.VerifyContent) && len(j.workspace.dir.Path()) <= longestSocket
}

// openRanges asks a server for parts of the source. What is compressed as a whole,
// and what a server gives no parts of, is a stream.
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
	at := begun{parts, beginning}
	return &ranges{parts: parts, disk: &disk{
		Source:    qemu.Source{File: ref.URL, Format: ref.Format, AnyContent: ref.AllowAnyContent},
		sizeBytes: uint64(parts.Info().SizeBytes), //nolint:gosec // not negative
		reader:    func() (readAtCloser, error) { return keptOpen{at}, nil },
		same:      parts.Unchanged,
	}}, nil
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
	return r.Inspect(at, r.parts.Info().SizeBytes)
}

// inspect reads the header without qemu-img.
func (r *ranges) inspect(context.Context) (Inspection, error) {
	if err := r.readHeader(); err != nil {
		return Inspection{}, err
	}
	if err := r.Check(); err != nil {
		return Inspection{}, err
	}
	return inspectionOf(*r.Header), nil
}

func (r *ranges) write(ctx context.Context, j *job) (revision string, err error) {
	server, err := nbd.Serve(j.workspace.dir.Path(), r.parts, r.parts.Info().SizeBytes)
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
