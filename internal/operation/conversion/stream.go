// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// errTwice is about a compression inside a compression.
var errTwice = errors.New("the source is compressed twice")

// stream is a source that comes as a stream: what is compressed as a whole, what
// is on a server and not read in parts, and a member of an archive. It is opened when it is written.
type stream struct {
	ref Reference
	// beginning is at hand where the source was opened before, or else nil.
	beginning []byte
	same      func() error
}

// newStream is a stream from a server, which sees to it itself that it does not
// change.
func newStream(ref Reference) *stream {
	return &stream{ref: ref, same: func() error { return nil }}
}

// inspect goes as far as the beginning tells: most formats have all there.
func (s *stream) inspect(ctx context.Context) (Inspection, error) {
	if s.ref.ArchiveMember != "" {
		return s.inspectMember(ctx)
	}
	src := qemu.Source{File: s.ref.location(), Format: s.ref.Format, AnyContent: s.ref.AllowAnyContent}
	b := beginning{src, s.beginning}
	if b.bytes != nil {
		return Inspection{}, b.checkDecompressed()
	}
	info, bytes, err := fetch.ReadHead(ctx, s.ref.URL, qemu.HeadBytes)
	if err != nil {
		return Inspection{}, err
	}
	b.bytes = bytes
	if decompress.Detect(bytes) != decompress.None {
		return Inspection{}, b.checkDecompressed()
	}
	if err := b.check(info.SizeBytes != int64(len(bytes))); err != nil {
		return Inspection{}, err
	}
	switch {
	case b.Format == formatRaw && info.SizeBytes >= 0:
		return Inspection{VirtualBytes: qemu.RawSize(info.SizeBytes), Known: true}, nil
	case b.Header != nil:
		return inspectionOf(*b.Header), nil
	}
	return Inspection{}, nil
}

// write has a raw stream go straight into RBD, and all else into a file first.
func (s *stream) write(ctx context.Context, j *job) (revision string, err error) {
	in, err := openStreamReader(ctx, s.ref, j.want)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	if s.ref.ArchiveMember != "" {
		if err := j.openMember(ctx, in); err != nil {
			return "", err
		}
	}
	if err := j.limitStream(in); err != nil {
		return "", err
	}
	if s.ref.Format == formatRaw && !j.VerifyContent {
		return in.revision, s.writeRaw(ctx, j, in)
	}
	return in.revision, s.writeCopy(ctx, j, in)
}

// writeRaw writes a raw stream as it comes.
func (s *stream) writeRaw(ctx context.Context, j *job, in *streamReader) (err error) {
	var content io.Reader = in
	if !s.ref.AllowAnyContent {
		if content, err = readRaw(in.name, in); err != nil {
			return err
		}
	}
	layout := j.Layout
	layout.SizeBytes = uint64(max(in.sizeBytes, 0))
	p, err := j.Ceph.NewPending(ctx, j.Target, layout, j.Token)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Discard(ctx)) }()
	log := j.progress(ctx, "conversion", p.Spec)
	defer log.Stop()
	written, err := p.WriteStream(ctx, content, func(n uint64) { log.Set(n, layout.SizeBytes) })
	if err == nil {
		err = in.finish()
	}
	if err == nil {
		err = s.unchanged()
	}
	if err != nil {
		return err
	}
	return j.publish(ctx, p, rawSize(written))
}

// materialize keeps the stream in a file, and logs how far it has come.
func (j *job) materialize(ctx context.Context, in *streamReader) (name string, err error) {
	log := j.progress(ctx, "copy of the source", j.Target)
	defer log.Stop()
	return in.materialize(ctx, j.workspace.dir.Path(), log.Set)
}

// writeCopy has qemu-img read a copy of the stream.
func (s *stream) writeCopy(ctx context.Context, j *job, in *streamReader) error {
	name, err := j.materialize(ctx, in)
	if err == nil {
		err = in.finish()
	}
	if err == nil {
		err = s.unchanged()
	}
	if err != nil {
		return err
	}
	src := qemu.Source{Format: s.ref.Format, AnyContent: s.ref.AllowAnyContent, Env: j.workspace.tool.Env}
	d, compressed, err := readFile(name, src, !s.ref.AllowAnyContent && s.ref.ArchiveMember == "")
	if err != nil {
		return err
	}
	if compressed {
		return errTwice
	}
	d.snapshot = s.ref.InternalSnapshot
	return j.convert(ctx, d)
}

func (s *stream) unchanged() error { return s.same() }

func (s *stream) close() error { return nil }
