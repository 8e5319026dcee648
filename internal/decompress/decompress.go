// SPDX-License-Identifier: MPL-2.0

// Package decompress reads a stream that is compressed as a whole, as publishers
// ship raw images: gzip, xz, zstd and bzip2. It goes by the first bytes, never by
// a file name.
package decompress

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/therootcompany/xz"
)

// ErrCorrupt says that the compressed data does not make sense.
var ErrCorrupt = errors.New("the compressed data is damaged")

// ErrMemory says that a stream would make its decoder keep too much in memory.
var ErrMemory = fmt.Errorf("its dictionary or window is larger than %d MiB", maxWindow>>20)

// xz is read by therootcompany/xz, a port of the kernel's decoder, since that takes
// a limit of memory: ulikunitz/xz sets aside whatever dictionary a block's header
// asks for, up to 4 GiB.

// maxWindow bounds what a stream can make its decoder keep in memory, in bytes.
// It is what `xz -9` and `zstd --ultra` need at the most.
const maxWindow = 128 << 20

// None is the compression of a stream that has none.
const None = ""

type format struct {
	name  string
	magic []byte
	open  func(io.Reader) (io.ReadCloser, error)
}

var formats = []format{
	{"gzip", []byte{0x1f, 0x8b}, func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"bzip2", []byte("BZh"), func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }},
	{"xz", []byte{0xfd, '7', 'z', 'X', 'Z', 0}, func(r io.Reader) (io.ReadCloser, error) {
		x, err := xz.NewReader(r, maxWindow)
		return io.NopCloser(x), err
	}},
	{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}, func(r io.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}},
}

// MagicBytes is how much of a stream Detect wants to see.
const MagicBytes = 6

// Detect names the compression that a stream begins as, or None.
func Detect(head []byte) string {
	if w := formatOf(head); w != nil {
		return w.name
	}
	return None
}

func formatOf(head []byte) *format {
	for i, w := range formats {
		if bytes.HasPrefix(head, w.magic) || w.name == "zstd" && isSkippable(head) {
			return &formats[i]
		}
	}
	return nil
}

// isSkippable tells whether a stream begins with a frame that zstd skips: pzstd
// puts one before each of its frames.
func isSkippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18})
}

// Open reads what is inside of the stream's compression, or the stream itself where
// it has none. Closing it does not close r.
//
// All of the stream is one compression: members, streams and frames may follow each
// other, with padding or skippable frames between them, and nothing else.
//
// Errors, in reading too: ErrCorrupt, ErrMemory; those of r as they are.
func Open(r io.Reader) (inner io.ReadCloser, name string, err error) {
	source := &errorKeeper{r: r}
	b := bufio.NewReaderSize(source, 1<<20)
	head, err := b.Peek(MagicBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, None, err
	}
	if w := formatOf(head); w != nil {
		in, err := w.open(b)
		if err != nil {
			return nil, w.name, source.blame(w.name, err)
		}
		return &checked{in, source, b, w.name}, w.name, nil
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
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, xz.ErrMemlimit) {
		return fmt.Errorf("%s: %w (%w)", name, ErrMemory, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrCorrupt, name, err)
}

type checked struct {
	io.ReadCloser
	source *errorKeeper
	rest   *bufio.Reader
	name   string
}

var errTrailing = errors.New("something else follows it")

func (c *checked) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		if _, more := c.rest.Peek(1); more == nil {
			err = errTrailing
		} else if !errors.Is(more, io.EOF) {
			err = more
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.source.blame(c.name, err)
	}
	return n, err
}
