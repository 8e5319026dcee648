package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

const (
	pendingSuffix = ".tfpending"
	contentName   = "content"
	lockName      = "lock"

	// attempts bounds how often a folder that another run takes away is looked
	// for again.
	attempts = 16
)

var (
	errFileExists = errors.New("the file is there already")
	errNotOurs    = errors.New("it is not a folder of an export that was cut off")
	errBusy       = errors.New("another run is writing the file")
)

// pending is a file that is being written. It lies in a private folder beside
// its target, FILE.tfpending, until publish: a folder, not a file, since what is
// in it tells on every file system whose it is, and nobody else can put a link
// in the way of qemu-img. A lock in it tells whether its writer still lives, so
// that the next run can take over what a crash has left.
type pending struct {
	target string
	// content is the path of the file that is written.
	content string
	file    *os.File
	undo    undo.Stack
}

// newPending makes the folder with an empty file in it. target must be absolute.
//
// Errors: errFileExists, errBusy, errNotOurs.
func newPending(target string) (_ *pending, err error) {
	if err := checkFree(target); err != nil {
		return nil, err
	}
	dir := target + pendingSuffix
	p := &pending{target: target, content: filepath.Join(dir, contentName)}
	lock, err := ownFolder(dir)
	if err != nil {
		return nil, err
	}
	p.undo.Add("remove the temporary folder "+dir, func(context.Context) error {
		defer func() { _ = lock.Close() }()
		return errors.Join(remove(p.content), remove(lock.Name()), remove(dir))
	})
	defer func() {
		if err != nil {
			err = errors.Join(err, p.discard(context.Background()))
		}
	}()
	if err := remove(p.content); err != nil { // of a run that was cut off
		return nil, err
	}
	if p.file, err = os.OpenFile(p.content, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	return p, nil
}

// publish gives the file its mode and its name, on stable storage, and tells
// what became of it.
//
// Errors: errFileExists.
func (p *pending) publish(mode fs.FileMode) (fs.FileInfo, error) {
	// The mode of a new file has passed through the umask.
	if err := errors.Join(p.file.Chmod(mode), p.file.Sync()); err != nil {
		return nil, err
	}
	fi, err := p.file.Stat()
	if err != nil {
		return nil, err
	}
	// Unlike a renaming, a link never takes the place of a file.
	err = os.Link(p.content, p.target)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w", p.target, errFileExists)
	}
	if err != nil { // not all file systems have links
		if err := checkFree(p.target); err != nil {
			return nil, err
		}
		if err := os.Rename(p.content, p.target); err != nil {
			return nil, err
		}
	}
	if err := syncFolder(filepath.Dir(p.target)); err != nil {
		return nil, errors.Join(err, remove(p.target))
	}
	return fi, nil
}

// discard removes the folder, and with it the content unless it was published.
// It is meant for defer.
func (p *pending) discard(ctx context.Context) error {
	var err error
	if p.file != nil {
		_ = p.file.Close() // it was synced, or is removed
	}
	p.undo.Run(ctx, &err)
	return err
}

// ownFolder makes a private folder, or takes over one that a run of ours which
// is gone has left, and locks it.
func ownFolder(dir string) (*os.File, error) {
	for range attempts {
		err := os.Mkdir(dir, 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make a temporary folder beside the file: %w", err)
		}
		if err != nil {
			if err := checkOurs(dir); err != nil {
				return nil, fmt.Errorf("%s is in the way: %w", dir, err)
			}
		}
		lock, err := lockFolder(dir)
		if err == nil {
			return lock, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("make the folder %s: taken away %d times", dir, attempts)
}

// checkOurs looks whether a folder has nothing but what a pending file has.
func checkOurs(dir string) error {
	fi, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !fi.IsDir() || !ok || int(st.Uid) != os.Geteuid() || fi.Mode().Perm() != 0o700 {
		return errNotOurs
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Name() != contentName && e.Name() != lockName || !e.Type().IsRegular() {
			return fmt.Errorf("%w: it has %s", errNotOurs, e.Name())
		}
	}
	return err
}

// lockFolder locks a file in the folder, as NFS locks no folders. The error is
// fs.ErrNotExist where another run took it away in between.
func lockFolder(dir string) (*os.File, error) {
	name := filepath.Join(dir, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*os.File, error) {
		_ = f.Close()
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // descriptors are small
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fail(fmt.Errorf("%s: %w", dir, errBusy))
	}
	if err != nil {
		return fail(fmt.Errorf("lock %s: %w", name, err))
	}
	locked, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	if there, err := os.Lstat(name); err != nil || !os.SameFile(locked, there) {
		return fail(fs.ErrNotExist)
	}
	return f, nil
}

// checkFree refuses a target that exists, or whose folder does not.
func checkFree(target string) error {
	if _, err := os.Lstat(target); err == nil {
		return fmt.Errorf("%s: %w", target, errFileExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return checkFolder(target)
}

func checkFolder(target string) error {
	fi, err := os.Stat(filepath.Dir(target))
	if err == nil && !fi.IsDir() {
		err = fmt.Errorf("%s: %w", filepath.Dir(target), syscall.ENOTDIR)
	}
	return err
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	// Not all file systems can, and the file itself is safe.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// remove tolerates absence.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
