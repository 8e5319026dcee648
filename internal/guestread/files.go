// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// Bounds of a list of all files.
const (
	maxFiles     = 1 << 20
	maxPathBytes = 128 << 20 // of all paths together
	maxPath      = 4095
	maxExtents   = 1 << 20 // of one file
)

// File is a file of a guest, as Files lists it.
type File struct {
	Path string
	guest.FileInfo
	// Device is the number of a device file, as "8:1".
	Device string

	num  uint64
	fsys filesystem
}

// Unread is what Files could not look at, with all that lies below it.
type Unread struct{ Path, Reason string }

// Extent is a part of a file: where it lies in the file and on the disk, in bytes.
type Extent struct{ At, Disk, Length int64 }

// Files lists all files of a guest, folder by folder, with those of the file systems
// that are mounted in it. What is damaged, and what this package does not
// read, is told as unread and no error. No link is followed.
//
// Errors: ErrUnsupported where there are too many files, that of ctx, and those of
// the disk.
func (g *Guest) Files(ctx context.Context) (_ []File, _ []Unread, err error) {
	defer recovered(&err)
	g.mu.Lock()
	defer g.mu.Unlock()
	root, err := rootOf(g.fsys)
	if err != nil {
		return nil, nil, err
	}
	l := lister{g: g, seen: map[inodeKey]bool{}}
	if err := l.add("/", root); err != nil {
		return nil, nil, err
	}
	for len(l.folders) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		next := l.folders[len(l.folders)-1]
		l.folders = l.folders[:len(l.folders)-1]
		if err := l.folder(next); err != nil {
			return nil, nil, err
		}
	}
	return l.files, l.unread, nil
}

type inodeKey struct {
	fsys filesystem
	num  uint64
}

type folder struct {
	path string
	ino  *inode
}

type lister struct {
	g         *Guest
	files     []File
	unread    []Unread
	folders   []folder
	seen      map[inodeKey]bool // directories
	pathBytes int
}

// skip notes what can't be read. What is no matter of the file system ends it all.
func (l *lister) skip(path string, err error) error {
	if !errors.Is(err, ErrUnsupported) {
		return err
	}
	l.unread = append(l.unread, Unread{path, err.Error()})
	return l.count(path)
}

// count keeps the list within its bounds.
func (l *lister) count(path string) error {
	l.pathBytes += len(path)
	if len(l.files)+len(l.unread) > maxFiles || l.pathBytes > maxPathBytes {
		return unsupported("more than %d files, or more than %d bytes of paths", maxFiles, maxPathBytes)
	}
	return nil
}

// folder lists one directory.
func (l *lister) folder(f folder) (err error) {
	type entry struct {
		name string
		num  uint64
	}
	var entries []entry
	bytes := 0
	err = f.ino.fsys.list(f.ino, func(name string, num uint64) error {
		if name == "." || name == ".." {
			return nil
		}
		if name == "" || strings.ContainsAny(name, "/\x00") {
			return unsupported("a damaged directory")
		}
		bytes += len(name)
		entries = append(entries, entry{name, num})
		return l.within(len(entries), bytes)
	})
	if err != nil {
		return l.skip(f.path, err)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for i, e := range entries {
		if i > 0 && entries[i-1].name == e.name {
			return l.skip(f.path, unsupported("a directory with two files of one name"))
		}
	}
	for _, e := range entries {
		path := strings.TrimSuffix(f.path, "/") + "/" + e.name
		ino, err := f.ino.fsys.numbered(e.num)
		if err == nil {
			ino.fsys = f.ino.fsys
			err = l.add(path, ino)
		} else {
			err = l.skip(path, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// within bounds a directory before all of it is there.
func (l *lister) within(names, bytes int) error {
	if len(l.files)+names > maxFiles || l.pathBytes+bytes > maxPathBytes {
		return unsupported("a directory of more than %d files", names)
	}
	return nil
}

// add lists a file, and notes a directory to be listed.
func (l *lister) add(path string, ino *inode) error {
	if len(path) > maxPath {
		return l.skip(path[:maxPath], unsupported("a path of more than %d bytes", maxPath))
	}
	if m, ok := l.g.mounts[path]; ok {
		return l.skip(path, unsupported("the guest mounts %s there, which is not read", m.Spec))
	}
	if fsys := l.g.mounted[path]; fsys != nil {
		var err error
		if ino, err = rootOf(fsys); err != nil {
			return l.skip(path, err)
		}
	}
	file := File{Path: path, num: ino.num, fsys: ino.fsys,
		FileInfo: guest.FileInfo{Type: ino.kind(), Mode: ino.mode & 0o7777, UID: ino.uid, GID: ino.gid, Size: ino.size}}
	switch file.Type {
	case guest.Symlink:
		target, err := l.g.link(ino)
		if err != nil {
			return l.skip(path, err)
		}
		file.LinkTarget = target
		l.pathBytes += len(target)
	case guest.Directory:
		key := inodeKey{ino.fsys, ino.num}
		if l.seen[key] {
			return l.skip(path, unsupported("a directory that is in two places"))
		}
		l.seen[key] = true
		l.folders = append(l.folders, folder{path, ino})
		file.Size = 0
	case guest.CharDevice, guest.BlockDevice:
		file.Device = ino.fsys.device(ino)
		file.Size = 0
	}
	l.files = append(l.files, file)
	return l.count(path)
}

// Extents tells where the content of a regular file is on the disk, in order; what
// is between its extents is zero.
//
// Errors: ErrUnsupported, and those of the disk.
func (g *Guest) Extents(f File) (all []Extent, err error) {
	defer recovered(&err)
	g.mu.Lock()
	defer g.mu.Unlock()
	ino, err := f.fsys.numbered(f.num)
	if err != nil {
		return nil, err
	}
	err = f.fsys.extents(ino, func(x Extent) error {
		if x.Length = min(x.Length, ino.size-x.At); x.Length <= 0 {
			return nil
		}
		if n := len(all); n > 0 && all[n-1].At+all[n-1].Length == x.At && all[n-1].Disk+all[n-1].Length == x.Disk {
			all[n-1].Length += x.Length
			return nil
		}
		if all = append(all, x); len(all) > maxExtents {
			return unsupported("a file of more than %d extents", maxExtents)
		}
		return nil
	})
	return all, err
}

// Same says whether two files are one, of one guest.
func (f File) Same(o File) bool { return f.fsys == o.fsys && f.num == o.num }

// Inode tells a file from others of its guest, which may have several names.
func (f File) Inode() any { return inodeKey{f.fsys, f.num} }

// extents hands over the extents of a file in order.
func (e *ext4) extents(ino *inode, found func(Extent) error) error {
	count := (ino.size + e.blockSize - 1) / e.blockSize
	for i, steps := int64(0), 0; i < count; steps++ {
		if i > 1<<32-2 || steps > maxExtents {
			return unsupported("an ext4 file of %d bytes in too many pieces", ino.size)
		}
		phys, n, err := e.mapRun(ino, uint32(i), count-i)
		if err != nil {
			return err
		}
		if phys != 0 {
			if phys >= e.blocks || uint64(n) > e.blocks-phys {
				return unsupported("ext4 block %d of %d", phys, e.blocks)
			}
			if err := e.d.locate(int64(phys)*e.blockSize, n*e.blockSize, i*e.blockSize, found); err != nil {
				return err
			}
		}
		i += n
	}
	return nil
}

func (x *xfs) extents(ino *inode, found func(Extent) error) error {
	runs, err := x.runs(ino)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.unwritten {
			continue
		}
		if r.logical > uint64(ino.size/x.blockSize) {
			break
		}
		at, err := x.offset(r.phys)
		if err != nil {
			return err
		}
		if err := x.d.locate(at, int64(r.count)*x.blockSize, int64(r.logical)*x.blockSize, found); err != nil {
			return err
		}
	}
	return nil
}

// locate tells where a part of a device is on the disk; at is where it is in a file.
func (d *device) locate(off, n, at int64, found func(Extent) error) error {
	if off < 0 || n < 0 || off > d.size || n > d.size-off {
		return unsupported("%d bytes at %d of a device of %d bytes", n, off, d.size)
	}
	l, ok := d.r.(*linear)
	if !ok {
		return found(Extent{At: at, Disk: off, Length: n})
	}
	for _, e := range l.extents {
		from, to := max(off, e.start), min(off+n, e.start+e.n)
		if from >= to {
			continue
		}
		if err := e.below.locate(e.at+from-e.start, to-from, at+from-off, found); err != nil {
			return err
		}
	}
	return nil
}

// device is a device file's number, which stands in one of two forms where the map
// of blocks would be.
func (e *ext4) device(ino *inode) string {
	if old := le.Uint32(ino.raw[0x28:]); old != 0 {
		return fmt.Sprintf("%d:%d", old>>8&0xff, old&0xff)
	}
	n := le.Uint32(ino.raw[0x2c:])
	return fmt.Sprintf("%d:%d", n>>8&0xfff, n&0xff|n>>12&0xfff00)
}

func (x *xfs) device(ino *inode) string {
	f, err := x.fork(ino)
	if err != nil || len(f) < 4 {
		return ""
	}
	n := be.Uint32(f)
	return fmt.Sprintf("%d:%d", n>>18, n&(1<<18-1))
}
