// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// Place is where a file lies, or would lie, on an ext4: what tools of that file
// system need to change it.
type Place struct {
	// Device is the file system's as libguestfs names it; Start and Size are where it
	// lies on the disk, in bytes.
	Device      string
	Start, Size int64
	// Path is the file's in its file system.
	Path string
	// Missing are the directories that lead to it and are not there, outermost first.
	Missing []string
	// Exists says whether the file is there; Label is its SELinux label then, as it stands there, ""
	// where it has none.
	Exists bool
	Label  string
	// FolderLabel is the SELinux label of the innermost directory that is there.
	FolderLabel string
}

// selinux is the name of the extended attribute with the SELinux label.
const selinux = "security.selinux"

// Place tells where a file lies. It returns ErrUnsupported where that is no ext4 in
// one piece of the disk, where a link leads to the path, and where the file has
// what a new one in its place would lose: another name, attributes that this
// package does not know.
func (g *Guest) Place(path string) (_ Place, err error) {
	defer recovered(&err)
	g.mu.Lock()
	defer g.mu.Unlock()
	names, err := guest.Components(path)
	if err != nil {
		return Place{}, err
	}
	if len(names) == 0 {
		return Place{}, unsupported("the root directory")
	}
	w, missing, err := g.folder(names[:len(names)-1])
	if err != nil {
		return Place{}, err
	}
	folder := w.at()
	ext, ok := folder.fsys.(*ext4)
	if !ok {
		return Place{}, unsupported("%q is on no ext4", path)
	}
	p := Place{Device: g.deviceOf(folder.fsys), Size: ext.d.size, Path: "/" + strings.Join(names[w.within():], "/")}
	if p.Start, ok = ext.d.begin(); !ok {
		return Place{}, unsupported("%s lies in several pieces", p.Device)
	}
	if p.FolderLabel, err = ext.label(folder); err != nil {
		return Place{}, err
	}
	at := "/" + strings.Join(names[w.within():len(w.names)], "/")
	for _, n := range names[len(w.names) : len(w.names)+missing] {
		at = strings.TrimSuffix(at, "/") + "/" + n
		p.Missing = append(p.Missing, at)
	}
	if missing > 0 {
		return p, nil
	}
	return p, p.look(&w, ext, names[len(names)-1])
}

// folder walks to a directory, as far as there is one, and tells how many are
// missing.
func (g *Guest) folder(names []string) (w walker, missing int, err error) {
	for n := len(names); n >= 0; n-- {
		w = walker{g: g}
		err := w.walk("/"+strings.Join(names[:n], "/"), false)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		switch {
		case err != nil:
			return w, 0, err
		case w.links > 0 || w.at().kind() != guest.Directory || len(w.names) != n:
			return w, 0, unsupported("something other than directories leads to a file")
		}
		return w, len(names) - n, nil
	}
	return w, 0, unsupported("no root directory")
}

// look looks at the file itself.
func (p *Place) look(w *walker, ext *ext4, name string) error {
	ino, err := ext.lookup(w.at(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	mounted := *w
	mounted.names = append(slices.Clone(w.names), name)
	if w.g.mounted[mounted.path()] != nil {
		return unsupported("a file system is mounted at %s", mounted.path())
	}
	const links = 0x1a
	if ino.kind() != guest.Directory && le.Uint16(ino.raw[links:]) != 1 {
		return unsupported("a file with several names")
	}
	if flags := extFlags(ino) &^ (extFlagExtents | extFlagIndex); flags != 0 {
		return unsupported("a file with the flags %#x", flags)
	}
	p.Exists = true
	p.Label, err = ext.label(ino)
	return err
}

// within is how many of the walker's names lie before the file system where it is.
func (w *walker) within() int {
	n := len(w.inodes) - 1
	for n > 0 && w.inodes[n].fsys == w.inodes[n-1].fsys {
		n--
	}
	return n
}

// deviceOf is the device that has a file system.
func (g *Guest) deviceOf(fsys filesystem) string {
	for at, m := range g.mounted {
		if m == fsys {
			return g.devices[at]
		}
	}
	return g.device
}

// begin is where a device begins on the disk, in bytes, if it lies there in one
// piece.
func (d *device) begin() (int64, bool) {
	l, ok := d.r.(*linear)
	if !ok {
		return 0, true // the disk
	}
	first := l.extents[0]
	next := first.at
	for _, e := range l.extents {
		if e.below != first.below || e.at != next {
			return 0, false
		}
		next += e.n
	}
	below, ok := first.below.begin()
	return below + first.at, ok
}

// label is a file's SELinux label.
func (e *ext4) label(ino *inode) (string, error) {
	attrs, err := e.attributes(ino)
	if err != nil {
		return "", err
	}
	for name := range attrs {
		if name != selinux {
			return "", unsupported("a file with the extended attribute %q", name)
		}
	}
	return string(attrs[selinux]), nil
}

// Where extended attributes are, see Documentation/filesystems/ext4/attributes.rst.
const (
	extXattrMagic  = 0xea020000
	extXattrHeader = 32
	extXattrEntry  = 16
)

// attributes are a file's extended attributes.
func (e *ext4) attributes(ino *inode) (map[string][]byte, error) {
	attrs := map[string][]byte{}
	if e.inodeSize > 128 {
		at := 128 + int64(le.Uint16(ino.raw[0x80:]))
		if at+4 <= e.inodeSize && le.Uint32(ino.raw[at:]) == extXattrMagic {
			if err := readAttributes(attrs, ino.raw[at+4:], ino.raw[at+4:]); err != nil {
				return nil, err
			}
		}
	}
	num := uint64(le.Uint32(ino.raw[0x68:])) | uint64(le.Uint16(ino.raw[0x76:]))<<32
	if num == 0 {
		return attrs, nil
	}
	b, err := e.block(num)
	if err != nil {
		return nil, err
	}
	if le.Uint32(b) != extXattrMagic {
		return nil, unsupported("a damaged block of extended attributes")
	}
	return attrs, readAttributes(attrs, b[extXattrHeader:], b)
}

// readAttributes reads the attributes of a list; their values lie in area.
func readAttributes(attrs map[string][]byte, list, area []byte) error {
	prefixes := map[byte]string{1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 6: "security.", 7: "system."}
	for len(list) >= 4 && le.Uint32(list) != 0 {
		damaged := unsupported("damaged extended attributes")
		if len(list) < extXattrEntry {
			return damaged
		}
		nameLen, off, size := int(list[0]), int(le.Uint16(list[2:])), int64(le.Uint32(list[8:]))
		total := (extXattrEntry + nameLen + 3) &^ 3
		if total > len(list) || size > int64(len(area)) || int64(off) > int64(len(area))-size {
			return damaged
		}
		if le.Uint32(list[4:]) != 0 {
			return unsupported("an extended attribute in an inode of its own")
		}
		attrs[prefixes[list[1]]+string(list[extXattrEntry:extXattrEntry+nameLen])] = area[off : int64(off)+size]
		list = list[total:]
	}
	return nil
}
