// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package hostfile

import (
	"io/fs"
	"os"
)

// What Linux has, see hostfile_linux.go.

const (
	NoFollow  = 0
	NonBlock  = 0
	Directory = 0
)

func OwnedBy(fs.FileInfo, int) bool                 { return false }
func Allocated(fi fs.FileInfo) int64                { return fi.Size() }
func Space(string) (all, free uint64, err error)    { return 0, 0, ErrNotLinux }
func Lock(*os.File) error                           { return ErrNotLinux }
func HasData(*os.File, int64, int64) bool           { return true }
func RenameToFree(string, string) error             { return ErrNotLinux }
func Swap(string, string) error                     { return ErrNotLinux }
func Attribute(string, string, []byte) (int, error) { return 0, ErrNotLinux }
func SetAttribute(string, string, []byte) error     { return ErrNotLinux }
func RemoveAttribute(string, string) error          { return ErrNotLinux }
