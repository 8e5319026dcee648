// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// ErrNoChain is about a backing file of a local file.
var ErrNoChain = errors.New("allow_backing_chain of the source is not set")

// file is a file of this machine that stands for itself.
type file struct{ *disk }

// openFile opens a file of this machine, which may turn out to be a chain, or a
// stream.
func openFile(w *workspace, ref Reference) (source, error) {
	src := qemu.Source{Format: ref.Format, AnyContent: ref.AllowAnyContent, Env: w.tool.Env}
	d, compressed, err := readFile(ref.File, src, true)
	switch {
	case err != nil:
		return nil, err
	case compressed:
		return &stream{ref: ref, beginning: d.Head, same: d.same}, nil
	case ref.AllowBackingChain && d.Header.HasBackingFile:
		return openChain(d)
	}
	return &file{d}, nil
}

// readFile reads the beginning of a file, and unless that is compressed its header.
// unpack tells whether what is compressed counts as that.
func readFile(name string, src qemu.Source, unpack bool) (d *disk, compressed bool, err error) {
	if d, err = beginFile(name, src); err != nil {
		return nil, false, err
	}
	if decompress.Detect(d.Head) != decompress.None && unpack {
		return d, true, nil
	}
	r, err := d.reader()
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = r.Close() }()                  // opened for reading
	return d, false, d.Inspect(r, int64(d.sizeBytes)) //nolint:gosec // of a regular file
}

// beginFile reads the beginning of a file.
func beginFile(name string, src qemu.Source) (*disk, error) {
	before, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	src.File = name
	if src.Head, err = io.ReadAll(io.LimitReader(f, qemu.HeadBytes)); err != nil {
		return nil, err
	}
	return &disk{
		Source: src, sizeBytes: uint64(before.Size()), //nolint:gosec // of a regular file
		reader: func() (readAtCloser, error) { return os.Open(name) },
		same:   func() error { return checkSameFile(name, before) },
	}, nil
}

// checkSameFile fails where a file is another one than it was, or was written to.
func checkSameFile(name string, before os.FileInfo) error {
	after, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
		return fmt.Errorf("%w: %s", qemu.ErrChanged, name)
	}
	return nil
}

// check refuses what was found in opening; a chain could have been asked for.
func (f *file) check() error {
	err := f.Check()
	if errors.Is(err, qemu.ErrBackingFile) {
		return fmt.Errorf("%w; %w", err, ErrNoChain)
	}
	return err
}

func (f *file) inspect(ctx context.Context) (Inspection, error) {
	if err := f.check(); err != nil {
		return Inspection{}, err
	}
	return f.disk.inspect(ctx)
}

func (f *file) write(ctx context.Context, j *job) (string, error) {
	if err := f.check(); err != nil {
		return "", err
	}
	return "", j.convert(ctx, f.disk, j.verifyFile(f.File)...)
}

func (f *file) close() error { return nil }
