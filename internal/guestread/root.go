// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// candidate is a device that may hold the root file system; open returns nil
// where it certainly holds none.
type candidate struct {
	name, alias string
	part        *partition // nil for a logical volume
	vol         *volume    // nil for a partition
	open        func() (filesystem, error)
}

// wholeDisk is the name of a disk that has no partitions.
const wholeDisk = "/dev/sda"

// findRoot finds the root file system: the named one, or the only one.
func findRoot(disk *device, want string) (string, filesystem, error) {
	all, err := candidates(disk)
	if err != nil {
		return "", nil, err
	}
	var found filesystem
	var name string
	var closed, readOnly error // what nobody can look into, and what nobody writes
	empty := true
	for _, c := range all {
		if want != "" && want != c.name && want != c.alias {
			continue
		}
		fsys, err := c.open()
		if errors.Is(err, ErrUnusable) && want == "" {
			closed = err
			continue
		}
		if errors.Is(err, ErrPacked) && want == "" {
			readOnly = err
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if want != "" {
			if fsys == nil {
				return "", nil, unsupported("%s holds no file system", want)
			}
			return c.name, fsys, nil
		}
		if fsys == nil {
			continue
		}
		empty = false
		is, err := isRoot(fsys)
		if err != nil {
			return "", nil, err
		}
		if is && found != nil {
			return "", nil, as(ErrSeveral, "%s and %s", name, c.name)
		}
		if is {
			found, name = fsys, c.name
		}
	}
	switch {
	case found != nil && readOnly != nil:
		return "", nil, unsupported("besides %s: %w", name, readOnly)
	case found != nil:
		return name, found, nil
	case readOnly != nil:
		return "", nil, readOnly
	case want != "":
		return "", nil, unsupported("no device %s", want)
	case closed != nil:
		return "", nil, closed
	case empty:
		return "", nil, ErrEmpty
	}
	return "", nil, unsupported("no operating system found")
}

// candidates lists the devices of a disk.
func candidates(disk *device) ([]candidate, error) {
	parts, err := partitions(disk)
	if err != nil {
		return nil, err
	}
	if err := checkRAID(disk, wholeDisk); err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		parts = []partition{{device: disk, name: wholeDisk}}
	}
	var all []candidate
	var pvs []*physicalVolume
	for _, p := range parts {
		pv, err := physical(p)
		if err != nil && !errors.Is(err, ErrUnsupported) {
			return nil, err
		}
		if pv != nil {
			pv.part = &p
			pvs = append(pvs, pv)
			continue
		}
		all = append(all, candidate{p.name, p.name, &p, nil, func() (filesystem, error) {
			if err != nil {
				return nil, err
			}
			switch p.kind {
			case gptESP, gptBIOSBoot, gptPReP:
				return nil, nil
			}
			return openFS(p.device, p.name)
		}})
	}
	vols, err := volumes(pvs)
	if err != nil {
		return nil, err
	}
	for _, v := range vols {
		all = append(all, candidate{v.name, v.dmName, nil, &v, func() (filesystem, error) {
			if v.err != nil {
				return nil, v.err
			}
			return openFS(v.dev, v.name)
		}})
	}
	return all, nil
}

// physical returns the physical volume that a partition is, or nil. The error is
// kept for whoever wants that partition.
func physical(p partition) (*physicalVolume, error) {
	switch p.kind {
	case mbrRAID, gptLinuxRAID:
		return nil, unsupported("%s is part of a RAID", p.name)
	}
	if err := checkRAID(p.device, p.name); err != nil {
		return nil, err
	}
	return readPV(p.device)
}

// probeSize covers the signatures of all common file systems, in bytes.
const probeSize = 132 << 10

// openFS opens a device's file system. It returns nil where the device is
// empty or swap, and ErrUnsupported where it holds what this package does not
// know.
func openFS(d *device, name string) (filesystem, error) {
	head, err := d.bytes(0, min(probeSize, d.size))
	if err != nil {
		return nil, err
	}
	has := func(off int, magic string) bool {
		return off+len(magic) <= len(head) && string(head[off:off+len(magic)]) == magic
	}
	isExt, isXFS, isBtrfs := has(1024+56, "\x53\xef") && len(head) >= 2<<10, has(0, "XFSB"), has(64<<10+64, "_BHRfS_M")
	switch {
	case has(4086, "SWAPSPACE2"):
		return nil, nil
	case len(bytes.Trim(head, "\x00")) == 0:
		return nil, nil
	// What is left of another file system is a reason to let blkid decide.
	case isBtrfs && (isExt || isXFS), isExt && isXFS:
		return nil, unsupported("%s holds signatures of two file systems", name)
	case isExt && le.Uint32(head[1024+96:])&extIncompatJournal != 0:
		return nil, nil
	case isExt:
		e, err := openExt4(d)
		return mountable(e, name, err)
	case isXFS:
		x, err := openXFS(d)
		return mountable(x, name, err)
	}
	if err := shut(head, name); err != nil {
		return nil, err
	}
	return nil, unsupported("%s holds %s", name, holds(head))
}

// mountable names the device of a file system that no kernel mounts.
func mountable(fsys filesystem, name string, err error) (filesystem, error) {
	if errors.Is(err, ErrUnusable) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err != nil {
		return nil, err
	}
	return fsys, nil
}

// IsNTFS says whether a device of a disk certainly holds an NTFS, which is all that
// is read of one here. An empty name stands for the root file system: that is one
// where an NTFS, and nothing that this package does not know, is on the disk, and
// no Linux.
func IsNTFS(r io.ReaderAt, size int64, name string) (is bool, err error) {
	defer recovered(&err)
	disk := &device{r: r, size: size, cache: &cache{}}
	all, err := candidates(disk)
	if err != nil {
		return false, unlessUnsupported(err)
	}
	for _, c := range all {
		if name != "" && name != c.name && name != c.alias {
			continue
		}
		dev := c.device()
		if dev != nil && dev.size >= sector {
			head, err := dev.bytes(0, sector)
			if err != nil {
				return false, err
			}
			if string(head[3:11]) == "NTFS    " {
				is = true
				continue
			}
		}
		fsys, err := c.open()
		if err != nil {
			return false, unlessUnsupported(err)
		}
		if fsys == nil {
			continue
		}
		if linux, err := isRoot(fsys); err != nil || linux {
			return false, unlessUnsupported(err)
		}
	}
	return is, nil
}

// device is what the candidate lies on; nil where that can't be told.
func (c candidate) device() *device {
	if c.vol != nil {
		return c.vol.dev
	}
	return c.part.device
}

func unlessUnsupported(err error) error {
	if errors.Is(err, ErrUnsupported) || errors.Is(err, ErrUnusable) {
		return nil
	}
	return err
}

// checkRAID refuses the members of an MD RAID, which with the superblock at the
// end look like the file system that the array holds.
func checkRAID(d *device, name string) error {
	const magic = 0xa92b4efc
	sectors := d.size / sector
	for _, at := range []int64{
		(d.size &^ (64<<10 - 1)) - 64<<10, // version 0.90
		((sectors - 16) &^ 7) * sector,    // 1.0
		0,                                 // 1.1
		4096,                              // 1.2
	} {
		if at < 0 || at+4 > d.size {
			continue
		}
		b, err := d.bytes(at, 4)
		if err != nil {
			return err
		}
		if le.Uint32(b) == magic || be.Uint32(b) == magic {
			return unsupported("%s is part of a RAID", name)
		}
	}
	return nil
}

// isRoot says whether a file system is a Linux root by the rules of libguestfs's
// inspection.
func isRoot(fsys filesystem) (bool, error) {
	g := &Guest{fsys: fsys}
	is := func(path string, kind guest.FileType) (bool, *inode, error) {
		ino, err := g.walk(path, false)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil, nil
		}
		if err != nil {
			return false, nil, err
		}
		return ino.kind() == kind, ino, nil
	}
	if ok, _, err := is("/etc", guest.Directory); !ok || err != nil {
		return false, err
	}
	ok, ino, err := is("/bin", guest.Directory)
	if err != nil {
		return false, err
	}
	if !ok && ino != nil && ino.kind() == guest.Symlink {
		target, err := g.link(ino)
		if err != nil {
			return false, err
		}
		ok = target == "usr/bin"
	}
	if !ok {
		return false, nil
	}
	for _, p := range []string{guest.FstabPath, "/etc/hosts"} {
		if ok, _, err := is(p, guest.Regular); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
