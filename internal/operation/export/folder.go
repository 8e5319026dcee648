// SPDX-License-Identifier: MPL-2.0

package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/filelock"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ErrOtherFolder says that the temporary folder is another state's.
var ErrOtherFolder = errors.New("a run of another state writes the file, or was cut off while it did")

// ownFolder makes a private folder, or takes over one that a run of this state
// which is gone has left, locks it and notes whose it is.
//
// Errors: ErrBusy, ErrNotOurs, ErrOtherFolder.
func ownFolder(dir string, by rbd.Run) (*os.File, error) {
	for range attempts {
		err := os.Mkdir(dir, 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make a temporary folder beside the file: %w", err)
		}
		if err != nil {
			err := checkOurs(dir)
			if err == nil {
				_, err = checkOwner(dir, by)
			}
			if err != nil {
				return nil, fmt.Errorf("%s is in the way: %w", dir, err)
			}
		}
		lock, err := lockFolder(dir)
		if err == nil {
			if err = noteOwner(dir, lock, by); err != nil {
				_ = lock.Close()
				return nil, fmt.Errorf("%s is in the way: %w", dir, err)
			}
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
	if !fi.IsDir() || !hostfile.OwnedBy(fi, os.Geteuid()) || fi.Mode().Perm() != 0o700 {
		return ErrNotOurs
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Name() != contentName && e.Name() != lockName || !e.Type().IsRegular() {
			return fmt.Errorf("%w: it has %s", ErrNotOurs, e.Name())
		}
	}
	return err
}

// noteOwner writes into a lock that is held whose it is, unless it is another's.
func noteOwner(dir string, lock *os.File, by rbd.Run) error {
	if _, err := checkOwner(dir, by); err != nil {
		return err
	}
	b, err := json.Marshal(by)
	if err == nil {
		err = lock.Truncate(0)
	}
	if err == nil {
		_, err = lock.WriteAt(b, 0)
	}
	if err != nil {
		return fmt.Errorf("note whose it is: %w", err)
	}
	return nil
}

// checkOwner tells whether a run of this state has left something in a folder,
// and refuses what another left. A folder that nobody has noted to be his has
// nothing in it yet.
//
// Errors: ErrOtherFolder, ErrNotOurs.
func checkOwner(dir string, by rbd.Run) (left bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, lockName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	var owner rbd.Run
	if err := json.Unmarshal(b, &owner); err == nil && owner.State != "" {
		if owner.State != by.State {
			return false, ErrOtherFolder
		}
		return true, nil
	}
	fi, err := os.Lstat(filepath.Join(dir, contentName))
	if err == nil && fi.Size() > 0 {
		return false, fmt.Errorf("%w: nothing in it says whose %s is", ErrNotOurs, contentName)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return false, err
}

// checkFolderOf looks, before anything is made, whether the folder of a target
// is in the way, and whether a run of this state has left something in it.
func checkFolderOf(target string, by rbd.Run) (left bool, err error) {
	dir := target + pendingSuffix
	if _, err = os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = checkOurs(dir)
	}
	if err == nil {
		left, err = checkOwner(dir, by)
	}
	if err != nil {
		err = fmt.Errorf("%s is in the way: %w", dir, err)
	}
	return left, err
}

// lockFolder locks a file in the folder, as NFS locks no folders. The error is
// fs.ErrNotExist where another run took it away in between.
func lockFolder(dir string) (*os.File, error) {
	name := filepath.Join(dir, lockName)
	f, err := filelock.Try(name, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w", dir, ErrBusy)
	}
	return f, err
}
