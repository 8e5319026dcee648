// SPDX-License-Identifier: MPL-2.0

// Package guestread reads files out of a guest's disk without an appliance:
// MBR or GPT, linear LVM2, ext2 to ext4 and XFS. It takes milliseconds where an
// appliance takes seconds.
//
// It either reads exactly what a Linux kernel would, or returns ErrUnsupported
// with the reason; the caller then takes the appliance. Everything on the disk
// is taken for hostile: reads, memory and loops are bounded, structures are
// checked, with their checksums where they have any.
package guestread

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

var (
	// ErrUnsupported says that this package is not sure to read the guest as a
	// kernel would; its text says why. It is no verdict about the guest.
	ErrUnsupported = errors.New("not readable without an appliance")
	// ErrFileType says that something other than a regular file is at a path.
	ErrFileType = errors.New("not a regular file")
	// ErrTooLarge says that a file is larger than the caller's limit.
	ErrTooLarge = errors.New("file is too large")
)

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnsupported, fmt.Errorf(format, args...))
}

// Options say what to read.
type Options struct {
	// RootDevice is the root file system as libguestfs names it, "/dev/sda1" or
	// "/dev/vg/lv". When it is empty, the disk must hold exactly one Linux root,
	// and nothing else that could be one.
	RootDevice string
	// Mounts are devices by mount point, "/" among them, in place of RootDevice.
	// What the guest's fstab mounts elsewhere is not read.
	Mounts map[string]string
}

// Guest is a guest's root file system. Its methods may be called from several
// goroutines.
type Guest struct {
	mu      sync.Mutex
	disk    *device
	device  string
	fsys    filesystem
	mounted map[string]filesystem       // by canonical path
	devices map[string]string           // of mounted, as libguestfs names them
	mounts  map[string]guest.FstabEntry // by canonical path, those that are not mounted
}

// filesystem is what is needed of a kind of file system. Its errors are
// ErrUnsupported, those of the disk's ReaderAt, and for lookup fs.ErrNotExist.
type filesystem interface {
	root() (*inode, error)
	// lookup finds a name in a directory.
	lookup(dir *inode, name string) (*inode, error)
	// list tells the names of a directory, and the numbers of their inodes. Its first
	// error ends it.
	list(dir *inode, found func(name string, num uint64) error) error
	// numbered reads an inode that list has told.
	numbered(num uint64) (*inode, error)
	// extents are where the content of a regular file is; what is between them is zero.
	extents(ino *inode, found func(Extent) error) error
	// device is the number of a device file.
	device(ino *inode) string
	// content reads a regular file or a symbolic link. The caller has checked
	// the size.
	content(ino *inode) ([]byte, error)
}

// inode is a file's metadata.
type inode struct {
	num      uint64
	mode     uint32 // with the type
	uid, gid uint32
	size     int64
	raw      []byte // as on the disk
	fsys     filesystem
}

func (i *inode) kind() guest.FileType { return guest.TypeOfMode(i.mode) }

// Open finds the root file system of a disk of the given size in bytes, and
// the other file systems that the guest mounts over it. r is used until the
// Guest is no longer.
//
// Errors: ErrUnsupported, and those of r.
func Open(r io.ReaderAt, size int64, opts Options) (_ *Guest, err error) {
	defer recovered(&err)
	disk := &device{r: r, size: size, cache: &cache{}}
	tree := guest.Tree{Root: opts.RootDevice, Mounts: opts.Mounts}
	name, fsys, err := findRoot(disk, tree.RootDevice())
	if err != nil {
		return nil, err
	}
	g := &Guest{disk: disk, device: name, fsys: fsys, mounted: map[string]filesystem{}, devices: map[string]string{}}
	for _, p := range tree.MountPoints() {
		if p == "/" {
			continue
		}
		if err := g.mount(disk, p, tree.Mounts[p]); err != nil {
			return nil, err
		}
	}
	if err := g.loadMounts(); err != nil {
		return nil, err
	}
	return g, nil
}

// RootDevice is the device of the root file system as libguestfs names it: what
// spares an appliance the inspection.
func (g *Guest) RootDevice() string { return g.device }

// RootIsNTFS is false: no NTFS is read here.
func (g *Guest) RootIsNTFS() bool { return false }

// Lstat describes the file at path itself, also where it is a symbolic link.
// Links before the last part are followed within the guest. Errors:
// fs.ErrNotExist where it is certain that there is no such file, ErrUnsupported,
// guest.ErrPath, and those of the disk.
func (g *Guest) Lstat(path string) (_ guest.FileInfo, err error) {
	defer recovered(&err)
	g.mu.Lock()
	defer g.mu.Unlock()
	ino, err := g.walk(path, false)
	if err != nil {
		return guest.FileInfo{}, err
	}
	fi := guest.FileInfo{Type: ino.kind(), Mode: ino.mode & 0o7777, UID: ino.uid, GID: ino.gid, Size: ino.size}
	if fi.Type == guest.Symlink {
		if fi.LinkTarget, err = g.link(ino); err != nil {
			return guest.FileInfo{}, err
		}
	}
	return fi, nil
}

// Read returns the content of the regular file that path leads to, links
// followed within the guest. Errors are those of Lstat, ErrFileType, and
// ErrTooLarge where the file has more than max bytes.
func (g *Guest) Read(path string, max int64) (_ []byte, err error) {
	defer recovered(&err)
	g.mu.Lock()
	defer g.mu.Unlock()
	ino, err := g.walk(path, true)
	if err != nil {
		return nil, err
	}
	if k := ino.kind(); k != guest.Regular {
		return nil, fmt.Errorf("%q in the guest: %w: a %s", path, ErrFileType, k)
	}
	if ino.size > max {
		return nil, fmt.Errorf("%q in the guest: %w: %d bytes, the limit is %d", path, ErrTooLarge, ino.size, max)
	}
	return ino.fsys.content(ino)
}

// recovered makes an error of a panic: a disk that brings one about must cost
// no more than the appliance that is then taken.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = unsupported("the disk's structures are inconsistent (%v)", p)
	}
}

// mount puts a device's file system at a path. What an appliance can't do either
// is its to say.
func (g *Guest) mount(disk *device, p, device string) error {
	w := walker{g: g}
	err := w.walk(p, false)
	if err == nil && (w.path() != p || w.at().kind() != guest.Directory) || errors.Is(err, fs.ErrNotExist) {
		return unsupported("%s is no directory to mount %s at", p, device)
	}
	if err != nil {
		return err
	}
	name, fsys, err := findRoot(disk, device)
	if err == nil {
		g.mounted[p], g.devices[p] = fsys, name
	}
	return err
}

// loadMounts reads which other file systems the guest mounts.
func (g *Guest) loadMounts() error {
	ino, err := g.walk(guest.FstabPath, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if ino.kind() != guest.Regular || ino.size > guest.MaxFstab {
		return unsupported("%s is a %s of %d bytes", guest.FstabPath, ino.kind(), ino.size)
	}
	text, err := ino.fsys.content(ino)
	if err != nil {
		return err
	}
	mounts := map[string]guest.FstabEntry{}
	for _, e := range guest.ParseFstab(text) {
		if g.mounted[e.Path] != nil || e.Path == "/" {
			continue
		}
		// A mount point may be named by way of a link.
		w := walker{g: g}
		switch err := w.walk(e.Path, true); {
		case err == nil && g.mounted[w.path()] != nil:
			continue
		case err == nil:
			mounts[w.path()] = e
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		mounts[e.Path] = e
	}
	g.mounts = mounts
	return nil
}
