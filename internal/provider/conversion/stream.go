package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/unwrap"
)

// maxSums bounds what is read of a list of checksums, in bytes.
const maxSums = 16 << 20

// stream is a source that comes as a stream: from a server, or out of a
// compressed wrapper. Its checksum is that of what was published, wrapper and
// all.
type stream struct {
	io.Reader // what is inside of the wrapper
	published io.Reader
	verifier  *checksum.Verifier
	closers   []func() error

	// sizeBytes is how much there is inside, -1 where that is not known.
	sizeBytes int64
	revision  string
}

// openStream opens a source that is to be read as a stream.
func openStream(ctx context.Context, m sourceModel, want checksum.Sums) (_ *stream, err error) {
	s := &stream{sizeBytes: -1, verifier: checksum.NewVerifier(want)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	var r io.Reader
	if url := m.URL.ValueString(); url != "" {
		f, err := fetch.Open(ctx, url)
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, f.Close)
		r, s.sizeBytes, s.revision = f, f.Info().SizeBytes, f.Info().Revision()
	} else {
		f, err := os.Open(m.File.ValueString())
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, f.Close)
		r = f
	}
	s.published = io.TeeReader(r, s.verifier)
	inner, wrapper, err := unwrap.Open(s.published)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, inner.Close)
	if wrapper != unwrap.None {
		s.sizeBytes = -1
	}
	s.Reader = inner
	return s, nil
}

// finish verifies the checksum when all was read that is inside.
func (s *stream) finish() error {
	// A wrapper may end before the stream does.
	if _, err := io.Copy(io.Discard, s.published); err != nil {
		return err
	}
	return s.verifier.Verify()
}

func (s *stream) close() error {
	var err error
	for i := len(s.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closers[i]())
	}
	return err
}

// materialize writes the stream to a file in dir, as qemu-img has to jump about
// in what is not raw. What is zero takes up no space.
func (s *stream) materialize(ctx context.Context, dir string) (name string, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "source"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := make([]byte, 1<<20)
	var at int64
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, last, err := blocks.Read(s, buf)
		if err != nil {
			return "", err
		}
		if !allZero(buf[:n]) {
			if _, err := f.WriteAt(buf[:n], at); err != nil {
				return "", fmt.Errorf("keep the source for qemu-img: %w", err)
			}
		}
		at += int64(n)
		if last {
			return f.Name(), f.Truncate(at)
		}
	}
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// expected are the checksums that the source must have, none where none is given.
func expected(ctx context.Context, m sourceModel) (checksum.Sums, error) {
	want := checksum.Sums{}
	for algorithm, v := range m.sums() {
		if s := v.ValueString(); s != "" {
			want[algorithm] = s
		}
	}
	list := m.ChecksumsURL.ValueString()
	if list == "" {
		return want, nil
	}
	r, err := fetch.Open(ctx, list)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // what was wanted was read
	sums, err := checksum.Find(io.LimitReader(r, maxSums), m.publishedName())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	return sums, nil
}

// publishedName is what the source is called in a list of checksums.
func (m sourceModel) publishedName() string {
	switch {
	case !m.PublishedName.IsNull():
		return m.PublishedName.ValueString()
	case !m.File.IsNull():
		return filepath.Base(m.File.ValueString())
	case !m.Image.IsNull():
		spec, _ := rbd.ParseSpec(m.Image.ValueString()) // the schema has looked
		return spec.Image
	}
	return urlName(m.URL.ValueString())
}

func urlName(url string) string {
	name, _, _ := strings.Cut(url, "?")
	return path.Base(name)
}

// revisionNow asks what the source's revision is: the checksum in the list where
// there is one, or else what the server says.
func revisionNow(ctx context.Context, m sourceModel) (string, error) {
	if m.ChecksumsURL.ValueString() != "" {
		want, err := expected(ctx, m)
		return revisionOf(want), err
	}
	if m.URL.ValueString() == "" {
		return "", nil
	}
	info, _, err := fetch.ReadHead(ctx, m.URL.ValueString(), 1)
	return info.Revision(), err
}

func revisionOf(want checksum.Sums) string {
	for _, algorithm := range checksum.Algorithms() {
		if s := want[algorithm]; s != "" {
			return algorithm + ":" + s
		}
	}
	return ""
}
