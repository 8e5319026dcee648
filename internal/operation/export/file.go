// SPDX-License-Identifier: MPL-2.0

package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
)

var (
	// ErrChanged says that a file is not as it was written.
	ErrChanged = errors.New("the file is not as it was written: somebody changed it")
	// ErrNotRegular says that something else is in a file's place.
	ErrNotRegular = errors.New("it is not a regular file any more")
	// ErrNoSpace says that the content would not fit.
	ErrNoSpace = errors.New("not enough free space")
)

// Record is what a state keeps of a file, to tell cheaply whether it
// still is the same.
type Record struct {
	SizeBytes int64     `json:"size_bytes"`
	Modified  time.Time `json:"modified"`
	// SHA256 is that of the content that was written, or imported; the state's
	// own is that of the content at the last refresh.
	SHA256 string `json:"sha256"`
}

// lstat reads a file's size, time and mode. A link in its place is none of ours.
func lstat(name string) (fs.FileInfo, error) {
	fi, err := os.Lstat(name)
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, ErrNotRegular)
	}
	return fi, err
}

func (r Record) matches(fi fs.FileInfo) bool {
	return fi.Size() == r.SizeBytes && fi.ModTime().Equal(r.Modified)
}

// hashFile reads all of a file.
func hashFile(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // opened for reading
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		n, err := f.Read(buf)
		_, _ = h.Write(buf[:n])
		switch {
		case errors.Is(err, io.EOF):
			return hex.EncodeToString(h.Sum(nil)), nil
		case err != nil:
			return "", err
		case ctx.Err() != nil:
			return "", fmt.Errorf("read %s: %w", name, ctx.Err())
		}
	}
}

// Exported is a file as a state has it.
type Exported struct {
	Name     string // as it is configured
	Path     string // absolute
	Revision string
	// SHA256 is that of the content at the last refresh; Record is of the content
	// that was written, or imported.
	SHA256 string
	Record Record
}

// Inspect reads the file's size and time, and only where these are others than at
// the last refresh all of it: a file that was copied back has another time only.
//
// Errors: fs.ErrNotExist, ErrNotRegular.
func (e Exported) Inspect(ctx context.Context) (Record, fs.FileInfo, error) {
	fi, err := lstat(e.Path)
	if err != nil {
		return Record{}, nil, err
	}
	is := Record{SizeBytes: fi.Size(), Modified: fi.ModTime(), SHA256: e.SHA256}
	if !e.Record.matches(fi) {
		is.SHA256, err = hashFile(ctx, e.Path)
	}
	return is, fi, err
}

// expect returns ErrChanged where the file's content does not have this hash. A
// file that is gone is no error.
func (e Exported) expect(ctx context.Context, sha string) error {
	is, _, err := e.Inspect(ctx)
	if err == nil && is.SHA256 != sha {
		err = fmt.Errorf("%s: %w", e.Name, ErrChanged)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Claim notes that the state of by has the file, which Inspect has found so.
func (e Exported) Claim(by Owner, fi fs.FileInfo) error { return by.claim(e.Path, e.Revision, fi) }

// replaced tells whether the file has made way for a new one of the same resource
// already.
func (e Exported) replaced(by Owner) bool {
	now, fi, ok := by.readOwn(e.Path)
	return ok && !e.Record.matches(fi) && (now.Run == by.Run.ID || now.Revision != e.Revision)
}

// CheckRemove refuses the removal of a file that is not as it was written, unless
// it was replaced already.
//
// Errors: ErrChanged, ErrNotRegular.
func (e Exported) CheckRemove(ctx context.Context, by Owner) error {
	if e.replaced(by) {
		return nil
	}
	return e.expect(ctx, e.Record.SHA256)
}

// Remove removes the file as it was at the last refresh, and so in the plan. One
// that a replacement has written meanwhile is left alone, and one that is gone is
// no error.
//
// Errors: ErrChanged, ErrNotRegular.
func (e Exported) Remove(ctx context.Context, by Owner) error {
	if e.replaced(by) {
		return nil
	}
	if err := e.expect(ctx, e.SHA256); err != nil {
		return err
	}
	if err := remove(e.Path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(e.Path))
}

// Retain leaves the file, and takes off what says that a state has it.
func (e Exported) Retain(by Owner) error {
	if e.replaced(by) {
		return nil
	}
	return by.disown(e.Path)
}

// SetMode gives the file another mode.
//
// Errors: fs.ErrNotExist, ErrNotRegular.
func SetMode(file string, was, mode fs.FileMode) error {
	if _, err := lstat(file); err != nil || was == mode {
		return err
	}
	return os.Chmod(file, mode)
}

// checkSpace refuses to begin what can't be finished.
func checkSpace(dir string, bytes int64) error {
	_, free, err := hostfile.Space(dir)
	if err != nil {
		return fmt.Errorf("look for free space in %s: %w", dir, err)
	}
	if free < uint64(bytes) { //nolint:gosec // not negative
		return fmt.Errorf("%w: the export needs %d MiB, %s has %d MiB", ErrNoSpace, (bytes+1<<20-1)>>20, dir, free>>20)
	}
	return nil
}
