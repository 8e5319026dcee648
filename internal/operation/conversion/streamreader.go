// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// streamReader reads a source from a server, or out of a compressed compression. Its
// checksum is that of what was published, compression and all.
type streamReader struct {
	io.Reader // what is inside of the compression
	published io.Reader
	verifier  *checksum.Verifier
	closers   []func() error
	// behind reads on behind a member of an archive, nil where there is none.
	behind func() error

	// name is that of the source, for messages.
	name string
	// sizeBytes is how much there is inside, -1 where that is not known.
	sizeBytes   int64
	revision    string
	compression string
}

// ErrUnknownEnd is about a server whose answer ends with the connection.
var ErrUnknownEnd = errors.New("the server does not tell how long the source is, and one that is cut off can't be told from a whole one")

// openStreamReader opens a source that is to be read as a stream, and to have
// these checksums.
//
// Errors: ErrUnknownEnd, where a source without a checksum may be cut off.
func openStreamReader(ctx context.Context, ref Reference, want checksum.Sums) (_ *streamReader, err error) {
	s := &streamReader{sizeBytes: -1, verifier: checksum.NewVerifier(want)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	var r io.Reader
	if url := ref.URL; url != "" {
		f, err := fetch.Open(ctx, url)
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, f.Close)
		s.name = url
		r, s.sizeBytes, s.revision = f, f.Info().SizeBytes, f.Info().Revision()
	} else {
		f, err := os.Open(ref.File)
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, f.Close)
		s.name = f.Name()
		r = f
	}
	s.published = io.TeeReader(r, s.verifier)
	inner, compression, err := decompress.Open(s.published)
	if err != nil {
		return nil, err
	}
	if f, ok := r.(*fetch.Reader); ok && !f.Info().EndTold && compression == decompress.None && len(want) == 0 {
		return nil, errors.Join(fmt.Errorf("get %s: %w", s.name, ErrUnknownEnd), inner.Close())
	}
	s.closers = append(s.closers, inner.Close)
	if compression != decompress.None {
		s.sizeBytes = -1
	}
	s.Reader, s.compression = inner, compression
	return s, nil
}

// finish verifies the checksum when all was read that is inside.
func (s *streamReader) finish() error {
	if s.behind != nil {
		if err := s.behind(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	// A compression may end before the stream does.
	if _, err := io.Copy(io.Discard, s.published); err != nil {
		return err
	}
	return s.verifier.Verify()
}

func (s *streamReader) close() error {
	var err error
	for i := len(s.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closers[i]())
	}
	return err
}

// spaceInterval is how many bytes are written between two looks at the space that
// is left.
const spaceInterval = 16 << 20

// materialize writes the stream to a file in dir, as qemu-img has to jump about
// in what is not raw. What is zero takes up no space. progress is called with bytes
// of the stream, of which a total of 0 is not known.
func (s *streamReader) materialize(ctx context.Context, dir string, progress func(done, total uint64)) (name string, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "source"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := workdir.CheckSpace(dir, max(s.sizeBytes, 0)); err != nil {
		return "", err
	}
	buf := make([]byte, 1<<20)
	var at, written int64
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, last, err := blocks.Read(s, buf)
		if err != nil {
			return "", err
		}
		if !blocks.AllZero(buf[:n]) {
			if written%spaceInterval == 0 {
				if err := workdir.CheckSpace(dir, spaceInterval); err != nil {
					return "", err
				}
			}
			written += int64(len(buf))
			if _, err := f.WriteAt(buf[:n], at); err != nil {
				return "", fmt.Errorf("keep the source for qemu-img: %w", workdir.SpaceError(dir, err))
			}
		}
		at += int64(n)
		progress(uint64(at), uint64(max(s.sizeBytes, 0))) //nolint:gosec // never negative
		if last {
			return f.Name(), f.Truncate(at)
		}
	}
}
