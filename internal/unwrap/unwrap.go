// Package unwrap takes the compression off a stream that it is wrapped in as a
// whole, as publishers ship raw images: gzip, xz, zstd and bzip2. It goes by the
// first bytes, never by a file name.
package unwrap

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
	"github.com/therootcompany/xz"
)

// ErrCorrupt says that the compressed data does not make sense.
var ErrCorrupt = errors.New("the compressed data is damaged")

// maxWindow bounds what a stream can make its decoder keep in memory, in bytes.
// It is what `xz -9` and `zstd --ultra` need at the most.
const maxWindow = 128 << 20

// None is the wrapper of a stream that has none.
const None = ""

type wrapper struct {
	name  string
	magic []byte
	open  func(io.Reader) (io.ReadCloser, error)
}

var wrappers = []wrapper{
	{"gzip", []byte{0x1f, 0x8b}, func(r io.Reader) (io.ReadCloser, error) { return pgzip.NewReader(r) }},
	{"bzip2", []byte("BZh"), func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }},
	{"xz", []byte{0xfd, '7', 'z', 'X', 'Z', 0}, func(r io.Reader) (io.ReadCloser, error) {
		x, err := xz.NewReader(r, maxWindow)
		return io.NopCloser(x), err
	}},
	{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}, func(r io.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}},
}

// MagicBytes is how much of a stream Detect wants to see.
const MagicBytes = 6

// Detect names the wrapper that a stream begins as, or None.
func Detect(head []byte) string {
	for _, w := range wrappers {
		if bytes.HasPrefix(head, w.magic) {
			return w.name
		}
	}
	return None
}

// Open reads what is inside of the stream's wrapper, or the stream itself where
// it has none. Closing it does not close r.
//
// Errors, in reading too: ErrCorrupt; those of r as they are.
func Open(r io.Reader) (inner io.ReadCloser, name string, err error) {
	source := &errorKeeper{r: r}
	b := bufio.NewReaderSize(source, 1<<20)
	head, err := b.Peek(MagicBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, None, err
	}
	for _, w := range wrappers {
		if !bytes.HasPrefix(head, w.magic) {
			continue
		}
		in, err := w.open(b)
		if err != nil {
			return nil, w.name, source.blame(w.name, err)
		}
		return &checked{in, source, w.name}, w.name, nil
	}
	return io.NopCloser(b), None, nil
}

// errorKeeper tells an error of the stream from one of its decoder.
type errorKeeper struct {
	r   io.Reader
	err error
}

func (k *errorKeeper) Read(b []byte) (int, error) {
	n, err := k.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		k.err = err
	}
	return n, err
}

func (k *errorKeeper) blame(name string, err error) error {
	if k.err != nil {
		return k.err
	}
	return fmt.Errorf("%w: %s: %w", ErrCorrupt, name, err)
}

type checked struct {
	io.ReadCloser
	source *errorKeeper
	name   string
}

func (c *checked) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.source.blame(c.name, err)
	}
	return n, err
}
