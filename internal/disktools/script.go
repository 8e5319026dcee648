// SPDX-License-Identifier: MPL-2.0

package disktools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// ErrName says that debugfs can't be told a name for sure.
var ErrName = errors.New("a name that debugfs may take for another")

// Attributes are what a file has besides its content.
type Attributes struct {
	Mode     uint32 // 07777
	UID, GID uint32
	// Label is its SELinux label as it stands in the file system, "" for none.
	Label string
}

// Types of files, as in st_mode.
const (
	typeRegular   = 0o100000
	typeDirectory = 0o040000
)

// Script is a list of changes of an ext4, made by debugfs. The paths are those
// in the file system; links in them are not looked for. It must be closed.
type Script struct {
	files    []*os.File // what debugfs reads
	commands []string
	in       string // the directory where debugfs is
	err      error
}

// Remove removes a file that has no other name.
func (s *Script) Remove(p string) { s.at(p, "rm %s") }

// Write makes a new file.
func (s *Script) Write(p string, content []byte, a Attributes) {
	s.at(p, "write "+s.file(content)+" %s")
	s.SetRegular(p, a)
	s.label(p, a.Label)
}

// Mkdir makes a directory.
func (s *Script) Mkdir(p string, a Attributes) {
	s.at(p, "mkdir %s")
	s.SetDirectory(p, a)
	s.label(p, a.Label)
}

// Symlink makes a symbolic link of root's.
func (s *Script) Symlink(target, p, label string) {
	if s.safe(target) {
		s.at(p, "symlink %s "+strings.ReplaceAll(target, "%", "%%"))
	}
	s.label(p, label)
}

// SetRegular sets mode and owner of a regular file.
func (s *Script) SetRegular(p string, a Attributes) { s.set(p, typeRegular, a) }

// SetDirectory sets mode and owner of a directory.
func (s *Script) SetDirectory(p string, a Attributes) { s.set(p, typeDirectory, a) }

func (s *Script) set(p string, kind uint32, a Attributes) {
	s.at(p,
		fmt.Sprintf("set_inode_field %%s mode 0%o", kind|a.Mode),
		fmt.Sprintf("set_inode_field %%s uid %d", a.UID),
		fmt.Sprintf("set_inode_field %%s gid %d", a.GID),
		"set_inode_field %s ctime now")
}

func (s *Script) label(p, label string) {
	if label != "" {
		s.at(p, "ea_set -f "+s.file([]byte(label))+" %s security.selinux")
	}
}

// at adds commands about a file. It goes to the file's directory first, as debugfs
// takes "/x" for an x of the directory where it is.
func (s *Script) at(p string, commands ...string) {
	dir, name := path.Dir(p), path.Base(p)
	if !s.safe(dir) || !s.safe(name) {
		return
	}
	if dir != s.in {
		s.commands, s.in = append(s.commands, "cd "+dir), dir
	}
	for _, c := range commands {
		s.commands = append(s.commands, fmt.Sprintf(c, name))
	}
}

// safe refuses names with which debugfs does something of its own: blanks, quotes,
// "<2>" for an inode, "-x" for an option.
func (s *Script) safe(name string) bool {
	odd := strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@:=,~%", r))
	})
	if odd >= 0 || name == "" || name[0] == '-' {
		s.err = errors.Join(s.err, fmt.Errorf("%w: %q", ErrName, name))
		return false
	}
	return true
}

// file is the name, for debugfs, of a file with this content, which may be secret:
// it is on no disk.
func (s *Script) file(content []byte) string {
	f, err := command.Secret(string(content))
	if err != nil {
		s.err = errors.Join(s.err, err)
		return ""
	}
	s.files = append(s.files, f)
	return command.FilePath(len(s.files)) // behind the file system's
}

// Close lets go of the contents.
func (s *Script) Close() {
	for _, f := range s.files {
		_ = f.Close()
	}
	s.files = nil
}

// Run makes the changes in an ext4 that is not mounted: `debugfs -w -f`. debugfs
// goes on after a command that fails, and does not say so in the end.
//
// Errors: ErrName.
func (s *Script) Run(ctx context.Context, ext4 *os.File) error {
	list := s.file([]byte(strings.Join(s.commands, "\n") + "\n"))
	if s.err != nil {
		return s.err
	}
	_, err := run(ctx, append([]*os.File{ext4}, s.files...), "debugfs", "-w", "-f", list, "%")
	return err
}
