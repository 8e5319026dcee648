// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// Limits of Linux: links in a path, and the length of one in bytes.
const (
	maxLinks = 40
	maxLink  = 4095
)

// walk finds the file at a path.
func (g *Guest) walk(path string, follow bool) (*inode, error) {
	if _, err := guest.Components(path); err != nil {
		return nil, err
	}
	w := walker{g: g}
	if err := w.walk(path, follow); err != nil {
		return nil, fmt.Errorf("%q in the guest: %w", path, err)
	}
	return w.at(), nil
}

// walker goes through a guest's directories as the kernel's path resolution
// does, see path_resolution(7).
type walker struct {
	g     *Guest
	links int
	// names and inodes lead from the root to where the walker is; inodes begins
	// with the root.
	names  []string
	inodes []*inode
}

func (w *walker) at() *inode { return w.inodes[len(w.inodes)-1] }

// path is where the walker is, free of links.
func (w *walker) path() string { return "/" + strings.Join(w.names, "/") }

// walk goes to path, which is relative unless it begins with "/"; follow says
// whether a link in its last part is followed.
func (w *walker) walk(path string, follow bool) error {
	if strings.HasPrefix(path, "/") || len(w.inodes) == 0 {
		root, err := rootOf(w.g.fsys)
		if err != nil {
			return err
		}
		w.names, w.inodes = nil, []*inode{root}
	}
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	mustBeDir := strings.HasSuffix(path, "/")
	for i, name := range parts {
		last := i == len(parts)-1
		if w.at().kind() != guest.Directory {
			return fs.ErrNotExist // ENOTDIR
		}
		switch name {
		case ".":
			continue
		case "..":
			if n := len(w.names); n > 0 {
				w.names, w.inodes = w.names[:n-1], w.inodes[:n]
			}
			continue
		}
		ino, err := w.at().fsys.lookup(w.at(), name)
		if err != nil {
			return err
		}
		ino.fsys = w.at().fsys
		if ino.kind() == guest.Symlink && (!last || follow || mustBeDir) {
			if w.links++; w.links > maxLinks {
				return unsupported("more than %d symbolic links", maxLinks)
			}
			target, err := w.g.link(ino)
			if err != nil {
				return err
			}
			if err := w.walk(target, true); err != nil {
				return err
			}
		} else {
			w.names, w.inodes = append(w.names, name), append(w.inodes, ino)
		}
		if fsys := w.g.mounted[w.path()]; fsys != nil {
			if w.inodes[len(w.inodes)-1], err = rootOf(fsys); err != nil {
				return err
			}
		}
		if m, ok := w.g.mounts[w.path()]; ok {
			return unsupported("the guest mounts %s at %s", m.Spec, w.path())
		}
	}
	if mustBeDir && w.at().kind() != guest.Directory {
		return fs.ErrNotExist
	}
	return nil
}

// rootOf is the root directory of a file system.
func rootOf(fsys filesystem) (*inode, error) {
	ino, err := fsys.root()
	if err == nil {
		ino.fsys = fsys
	}
	return ino, err
}

// link is what a symbolic link holds.
func (g *Guest) link(ino *inode) (string, error) {
	if ino.size < 1 || ino.size > maxLink {
		return "", unsupported("a symbolic link of %d bytes", ino.size)
	}
	b, err := ino.fsys.content(ino)
	if err != nil {
		return "", err
	}
	if strings.ContainsRune(string(b), 0) {
		return "", unsupported("a symbolic link with a NUL")
	}
	return string(b), nil
}
