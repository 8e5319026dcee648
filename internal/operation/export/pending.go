// SPDX-License-Identifier: MPL-2.0

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
	// ErrFileExists says that the name is taken; it is never overwritten.
	ErrFileExists = errors.New("the file is there already")
	// ErrNotOurs says that what has the name of the temporary folder is none.
	ErrNotOurs = errors.New("it is not a folder of an export that was cut off")
	// ErrBusy says that another run is at work on the file.
	ErrBusy = errors.New("another run is writing the file")
)

// pending is a file that is being written. It lies in a private folder beside
// its target, FILE.tfpending, until publish: a folder, not a file, since what is
// in it tells on every file system whose it is, and nobody else can put a link
// in the way of qemu-img. A lock in it tells whether its writer still lives, so
// that the next run can take over what a crash has left.
type pending struct {
	target string
	by     Owner
	// content is the path of the file that is written.
	content string
	// over is the file that makes way for the new one; nil where there is none.
	over fs.FileInfo
	file *os.File
	undo undo.Stack
}

// newPending makes the folder with an empty file in it. target must be absolute.
//
// Errors: as Owner.replaceable and ownFolder.
func newPending(target string, by Owner) (_ *pending, err error) {
	over, err := mayWrite(target, by)
	if err != nil {
		return nil, err
	}
	dir := target + pendingSuffix
	p := &pending{target: target, by: by, content: filepath.Join(dir, contentName), over: over}
	lock, err := ownFolder(dir, by.Run)
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

// publish gives the file its mode, its note and its name, on stable storage, and
// tells what became of it.
//
// Errors: ErrFileExists.
func (p *pending) publish(mode fs.FileMode, revision string) (fs.FileInfo, error) {
	if err := p.file.Sync(); err != nil {
		return nil, err
	}
	fi, err := p.file.Stat()
	if err != nil {
		return nil, err
	}
	n := note{State: p.by.Run.State, Run: p.by.Run.ID, File: p.target, Revision: revision, SizeBytes: fi.Size(), Modified: fi.ModTime()}
	if err := n.write(p.content); err != nil {
		return nil, err
	}
	// The mode of a new file has passed through the umask.
	if err := errors.Join(p.file.Chmod(mode), p.file.Sync()); err != nil {
		return nil, err
	}
	if fi, err = p.file.Stat(); err != nil {
		return nil, err
	}
	if err := p.place(); err != nil {
		return nil, err
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

// mayWrite refuses a target that is taken, and returns the file that is to make
// way, nil for none.
//
// Errors: as Owner.replaceable.
func mayWrite(target string, by Owner) (over fs.FileInfo, err error) {
	err = checkFree(target)
	if errors.Is(err, ErrFileExists) {
		return by.replaceable(target)
	}
	return nil, err
}

// checkFree refuses a target that exists, or whose folder does not.
func checkFree(target string) error {
	if _, err := os.Lstat(target); err == nil {
		return fmt.Errorf("%s: %w", target, ErrFileExists)
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
