// SPDX-License-Identifier: MPL-2.0

// Package guest holds what both ways into a guest's file system, through the
// appliance (internal/guestfs) and without it (internal/guestread), have to
// agree about: what a file looks like, which paths are valid, and which other
// file systems the guest mounts over its root.
package guest

import (
	"errors"
	"fmt"
	"strings"
)

// ErrPath says that a path can't name a file of a guest.
var ErrPath = errors.New("not a valid path in a guest")

// FileType is the type of a file, in the words of stat(1).
type FileType string

// The types of files.
const (
	Regular     FileType = "regular file"
	Directory   FileType = "directory"
	Symlink     FileType = "symbolic link"
	CharDevice  FileType = "character device"
	BlockDevice FileType = "block device"
	FIFO        FileType = "fifo"
	Socket      FileType = "socket"
	Unknown     FileType = "unknown"
)

// FileInfo is what lstat(2) says about a file of a guest.
type FileInfo struct {
	Type FileType
	// Mode is the permission bits with set-user-id, set-group-id and sticky
	// (07777).
	Mode     uint32
	UID, GID uint32
	// Size is in bytes. It is only meaningful for regular files and links.
	Size int64
	// LinkTarget is what a symbolic link holds.
	LinkTarget string
}

// LinkMode is the mode of every symbolic link of Linux.
const LinkMode = 0o777

// TypeOfMode is the type in the upper bits of a file's st_mode.
func TypeOfMode(mode uint32) FileType {
	switch mode & 0o170000 {
	case 0o100000:
		return Regular
	case 0o040000:
		return Directory
	case 0o120000:
		return Symlink
	case 0o020000:
		return CharDevice
	case 0o060000:
		return BlockDevice
	case 0o010000:
		return FIFO
	case 0o140000:
		return Socket
	}
	return Unknown
}

// Limits of Linux, in bytes.
const (
	maxPath = 4095
	maxName = 255
)

// Components splits an absolute path into its names; "/" has none. A path with
// an empty, "." or ".." name, or with a NUL, is refused with ErrPath: which
// file ".." leads to depends on links that the path doesn't show.
func Components(path string) ([]string, error) {
	switch {
	case !strings.HasPrefix(path, "/"):
		return nil, fmt.Errorf("%w: %q is not absolute", ErrPath, path)
	case len(path) > maxPath:
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrPath, maxPath)
	case strings.ContainsRune(path, 0):
		return nil, fmt.Errorf("%w: %q contains a NUL", ErrPath, path)
	case path == "/":
		return nil, nil
	}
	names := strings.Split(path[1:], "/")
	for _, n := range names {
		switch {
		case n == "" || n == "." || n == "..":
			return nil, fmt.Errorf("%w: %q has an empty, \".\" or \"..\" part", ErrPath, path)
		case len(n) > maxName:
			return nil, fmt.Errorf("%w: %q has a name of more than %d bytes", ErrPath, path, maxName)
		}
	}
	return names, nil
}

// Below says whether path is dir or lies below it.
func Below(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}
