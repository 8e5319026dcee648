// SPDX-License-Identifier: MPL-2.0

// Package filelock locks files and folders (flock) for as long as their process
// lives: the kernel lets go of the locks of one that was killed.
package filelock

import (
	"io/fs"
	"os"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
)

// Try opens a file or a folder and locks it, without a wait; a link is refused.
// flags and mode are those of os.OpenFile. Closing gives the lock back.
//
// Errors: syscall.EWOULDBLOCK, where another has the lock; fs.ErrNotExist, where
// the file was removed before it could be locked; those of os.OpenFile.
func Try(name string, flags int, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(name, flags|hostfile.NoFollow, mode)
	if err != nil {
		return nil, err
	}
	if err := lock(f, name); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func lock(f *os.File, name string) error {
	if err := hostfile.Lock(f); err != nil {
		return &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	locked, err := f.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Lstat(name); err != nil || !os.SameFile(locked, there) {
		return fs.ErrNotExist
	}
	return nil
}
