// SPDX-License-Identifier: MPL-2.0

package hostfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Flags for os.OpenFile.
const (
	NoFollow  = syscall.O_NOFOLLOW
	NonBlock  = syscall.O_NONBLOCK
	Directory = syscall.O_DIRECTORY
)

// OwnedBy tells whether a file belongs to a user.
func OwnedBy(fi fs.FileInfo, uid int) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int64(st.Uid) == int64(uid)
}

// Allocated is what `du` says of a file, in bytes.
func Allocated(fi fs.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		const unit = 512 // of stat(2)
		return st.Blocks * unit
	}
	return fi.Size()
}

// Space is what the file system of a folder has and what is free of it, in bytes.
func Space(folder string) (all, free uint64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		return 0, 0, err
	}
	block := uint64(st.Bsize) //nolint:gosec // never negative
	return st.Blocks * block, st.Bavail * block, nil
}

// Lock locks a file or folder until it is closed, without a wait: flock(2).
//
// Errors: syscall.EWOULDBLOCK, where another has the lock.
func Lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// HasData tells whether a file has anything but a hole in a range; true where the
// file system can't tell.
func HasData(f *os.File, at, n int64) bool {
	data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return false
	}
	return err != nil || data < at+n
}

// RenameToFree renames a file, and never replaces another: RENAME_NOREPLACE.
//
// Errors: fs.ErrExist; syscall.EINVAL, ENOSYS or ENOTSUP where the file system can't.
func RenameToFree(from, to string) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
}

// Swap gives each of two files the other's name: RENAME_EXCHANGE.
//
// Errors: syscall.EINVAL, ENOSYS or ENOTSUP where the file system can't.
func Swap(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}

// Attribute reads an extended attribute into b, and returns how long it is.
func Attribute(file, name string, b []byte) (int, error) { return syscall.Getxattr(file, name, b) }

// SetAttribute sets an extended attribute.
func SetAttribute(file, name string, value []byte) error {
	return syscall.Setxattr(file, name, value, 0)
}

// RemoveAttribute removes an extended attribute.
//
// Errors: syscall.ENODATA, where there is none.
func RemoveAttribute(file, name string) error { return syscall.Removexattr(file, name) }
