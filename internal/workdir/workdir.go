// SPDX-License-Identifier: MPL-2.0

// Package workdir makes private temporary directories that don't outlive their
// user for ever.
//
// A directory is locked (flock) for as long as its process lives. A process
// that was killed can't clean up, but the kernel lets go of its locks: the next
// New removes every directory whose lock is free.
package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/filelock"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
)

// ErrUnsafe says that the directory which is to hold the private ones belongs
// to somebody else, or is open to others.
var ErrUnsafe = errors.New("unsafe directory for temporary files")

// attempts bounds how often New tries again after a sweep of another process
// took its fresh directory away.
const attempts = 16

// adopted begins the names of the links to adopted directories.
const adopted = ".adopted-"

// Dir is a private directory (mode 0700).
type Dir struct {
	path   string
	lock   *os.File
	remove sync.Once
	err    error
}

// New makes a directory whose name starts with prefix, in the user's own
// directory `terraform-provider-rbd-UID` in $TMPDIR (or /tmp). It removes what
// processes that are gone have left there.
func New(prefix string) (*Dir, error) { return NewIn("", prefix) }

// NewIn is New below the directory tmp, which must exist, in place of $TMPDIR.
func NewIn(tmp, prefix string) (*Dir, error) {
	if err := hostfile.Check(); err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	if tmp == "" {
		tmp = os.TempDir()
	}
	base, err := own(tmp)
	if err != nil {
		return nil, err
	}
	sweep(base)
	for range attempts {
		path, err := os.MkdirTemp(base, prefix+"-")
		if err != nil {
			return nil, fmt.Errorf("make a temporary directory: %w", err)
		}
		lock, err := tryLock(path)
		if err == nil {
			return &Dir{path: path, lock: lock}, nil
		}
		// Only a sweep, in the moment before the lock, can have been quicker.
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(path)
			return nil, fmt.Errorf("lock the temporary directory %s: %w", path, err)
		}
	}
	return nil, fmt.Errorf("make a temporary directory in %s: taken away %d times", base, attempts)
}

// Sweep removes what processes that are gone have left below the directory tmp,
// or $TMPDIR where that is empty, as New does. It makes nothing.
func Sweep(tmp string) {
	if tmp == "" {
		tmp = os.TempDir()
	}
	if base, err := check(baseOf(tmp)); err == nil {
		sweep(base)
	}
}

// Path is the directory's absolute path.
func (d *Dir) Path() string { return d.path }

// Remove removes the directory with everything in it, and what was adopted. It
// may be called more than once.
func (d *Dir) Remove() error {
	d.remove.Do(func() {
		d.err = removeAll(d.path)
		_ = d.lock.Close()
	})
	return d.err
}

// Adopt has Remove, or the sweep after a crash, take another directory away as
// well: for a child that can't be told where to put its own. The directory must
// belong to this user.
func (d *Dir) Adopt(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("adopt a temporary directory: %s is not an absolute path", path)
	}
	for i := range attempts {
		err := os.Symlink(path, filepath.Join(d.path, adopted+strconv.Itoa(i)))
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return fmt.Errorf("adopt a temporary directory: more than %d", attempts)
}

// removeAll removes a directory of ours. The adopted ones go first, since only
// it tells of them.
func removeAll(path string) error {
	for i := range attempts {
		other, err := os.Readlink(filepath.Join(path, adopted+strconv.Itoa(i)))
		if err != nil {
			break
		}
		fi, err := os.Lstat(other)
		if err != nil || !fi.IsDir() {
			continue
		}
		if hostfile.OwnedBy(fi, os.Getuid()) {
			_ = os.RemoveAll(other)
		}
	}
	return os.RemoveAll(path)
}

// own makes the user's own directory, or makes sure that the one that is there
// can't be changed by others: /tmp is anybody's, and its names can be taken.
func own(tmp string) (string, error) {
	tmp, err := filepath.Abs(tmp)
	if err != nil {
		return "", err
	}
	base := baseOf(tmp)
	if err := os.Mkdir(base, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make the directory for temporary files: %w", err)
	}
	return check(base)
}

func baseOf(tmp string) string {
	return filepath.Join(tmp, "terraform-provider-rbd-"+strconv.Itoa(os.Getuid()))
}

// check makes sure that nobody else can change what is in there.
func check(base string) (string, error) {
	fi, err := os.Lstat(base)
	if err != nil {
		return "", err
	}
	if !fi.IsDir() || !hostfile.OwnedBy(fi, os.Getuid()) || fi.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("%w: %s must be a directory of user %d with mode 0700", ErrUnsafe, base, os.Getuid())
	}
	return base, nil
}

// sweep removes the directories whose process is gone. What can't be removed
// is left for the next time: it must not keep anyone from working.
func sweep(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		path := filepath.Join(base, e.Name())
		lock, err := tryLock(path)
		if err != nil {
			continue
		}
		_ = removeAll(path)
		_ = lock.Close()
	}
}

// tryLock locks the directory itself, so that there is no lock file that
// could be left or lost. It returns EWOULDBLOCK when another holds the lock,
// and fs.ErrNotExist when the directory was removed before it could be locked.
func tryLock(path string) (*os.File, error) {
	return filelock.Try(path, os.O_RDONLY|hostfile.Directory, 0)
}
