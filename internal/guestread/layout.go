// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
)

// Partition tables.
const (
	TableMBR = "mbr"
	TableGPT = "gpt"
)

// Kinds of file systems that a Layout tells, as libguestfs names them. All of
// ext2 to ext4 are "ext4".
const (
	Ext4  = "ext4"
	XFS   = "xfs"
	Btrfs = "btrfs"
)

// Layout says where a file system lies, and how far everything below it reaches.
// All sizes are in bytes.
type Layout struct {
	// Device is the file system's, as libguestfs names it.
	Device string
	// DiskSize is the whole disk's.
	DiskSize int64
	// Partition is what holds the file system, or the physical volume; nil
	// where the disk has no partitions.
	Partition *Partition
	// Volume is the logical volume; nil without LVM.
	Volume     *Volume
	FileSystem FileSystem
}

// Partition is a partition of a disk.
type Partition struct {
	Name        string
	Table       string // TableMBR or TableGPT
	Number      int
	Start, Size int64
	// Limit is the first byte that it may not hold: the next partition's, or
	// those that the table needs at the end of the disk.
	Limit int64
	// Next is the name of the partition behind it; empty for the last one. NextHolds
	// is what that holds: "swap", "ext4" and so on.
	Next, NextHolds string
	// Tail is what the table itself needs at the end of the disk.
	Tail int64
	// Hybrid says that the MBR beside a GPT has partitions of its own.
	Hybrid bool
	// Extended is the number of the extended partition around a logical one, 0
	// where there is none; where that begins and its size follow.
	Extended                    int
	ExtendedStart, ExtendedSize int64
}

// Volume is a linear logical volume.
type Volume struct {
	Size, ExtentSize int64
	// Free is what the volume group has left on the physical volumes as they are.
	Free int64
	// Physical is the device of the physical volume that can grow, the last one
	// of the group on the disk; Unused is what that one does not use of its
	// partition by now.
	Physical string
	Unused   int64
}

// FileSystem is what the superblock says.
type FileSystem struct {
	Kind string // Ext4, XFS or Btrfs
	Size int64
	// Slack is what a grown file system may leave unused at the end of its
	// device.
	Slack int64
	// Fixed says why the file system's own tool does not grow it; empty where it does.
	Fixed string
}

// subvolume begins libguestfs's names of subvolumes, as btrfsvol:/dev/sda2/root.
const subvolume = "btrfsvol:"

// ReadLayout tells where a file system of a disk of the given size in bytes
// lies. An empty device stands for the root file system, and a subvolume of btrfs,
// as libguestfs names it, for the btrfs that it is in. A journal that must be
// replayed does not matter where the device is given.
//
// Errors: ErrUnsupported, and those of r.
func ReadLayout(r io.ReaderAt, size int64, name string) (_ Layout, err error) {
	defer recovered(&err)
	disk := &device{r: r, size: size, cache: &cache{}}
	if name == "" {
		if name, _, err = findRoot(disk, ""); err != nil {
			return Layout{}, err
		}
	}
	all, err := candidates(disk)
	if err != nil {
		return Layout{}, err
	}
	i := slices.IndexFunc(all, func(c candidate) bool {
		below, ok := strings.CutPrefix(name, subvolume)
		return c.name == name || c.alias == name || ok && (strings.HasPrefix(below, c.name+"/") || strings.HasPrefix(below, c.alias+"/"))
	})
	if i < 0 && strings.HasPrefix(name, "/dev/md") {
		return Layout{}, unsupported("%s is an array of several partitions, which mdadm in the guest grows", name)
	}
	if i < 0 {
		return Layout{}, unsupported("no device %s, or it is used by LVM", name)
	}
	c := all[i]
	l := Layout{Device: c.name, DiskSize: size}
	part := c.part
	var dev *device
	if c.vol != nil {
		if c.vol.err != nil {
			return Layout{}, c.vol.err
		}
		if l.Volume, part, err = volumeLayout(*c.vol); err != nil {
			return Layout{}, err
		}
		dev = c.vol.dev
	} else {
		dev = part.device
	}
	if part.table != "" {
		if l.Partition, err = partitionLayout(disk, *part); err != nil {
			return Layout{}, err
		}
	}
	l.FileSystem, err = superblock(dev, c.name)
	return l, err
}

// partitionLayout looks for what is behind a partition.
func partitionLayout(disk *device, p partition) (*Partition, error) {
	parts, err := partitions(disk)
	if err != nil {
		return nil, err
	}
	out := &Partition{
		Name: p.name, Table: p.table, Number: p.number, Start: p.start(), Size: p.size,
		Limit: disk.size/sector*sector - p.tail, Tail: p.tail, Hybrid: p.hybrid,
	}
	begin := p.start()
	for _, o := range parts {
		if o.start() > begin && o.start() < out.Limit {
			out.Limit, out.Next, out.NextHolds = o.start(), o.name, contents(o.device)
		}
		// The extended partition itself is not among them.
		if o.within != nil && p.within == nil && o.within.start() > begin && o.within.start() < out.Limit {
			out.Limit, out.Next, out.NextHolds = o.within.start(), o.within.name, "extended partition"
		}
	}
	if p.within != nil {
		out.Extended, out.ExtendedStart, out.ExtendedSize = p.within.number, p.within.start(), p.within.size
		if out.Next != "" {
			out.Limit = begin + p.size // its table stands before the next one
		}
	}
	return out, nil
}

// contents names what a device holds; empty where that can't be told.
func contents(d *device) string {
	head, err := d.bytes(0, min(probeSize, d.size))
	if err != nil {
		return ""
	}
	name := holds(head)
	if name == unknownContents {
		return ""
	}
	return name
}

// volumeLayout tells what the volume group has left, and which physical volume
// can grow.
func volumeLayout(v volume) (*Volume, *partition, error) {
	out := &Volume{Size: v.dev.size, ExtentSize: v.vg.num("extent_size") * sector}
	var last *physicalVolume
	physical := v.vg.child("physical_volumes")
	for _, name := range physical.order {
		info := physical.child(name)
		i := slices.IndexFunc(v.pvs, func(p *physicalVolume) bool { return p.id == strings.ReplaceAll(info.str("id"), "-", "") })
		count, first := info.num("pe_count"), info.num("pe_start")*sector
		if i < 0 || count < 0 || count > 1<<40/out.ExtentSize*sector || first < 0 || first > v.pvs[i].size {
			return nil, nil, unsupported("a volume group with a physical volume that is missing or makes no sense")
		}
		pv := v.pvs[i]
		out.Free += count * out.ExtentSize
		if last == nil || pv.part.table != "" && pv.part.start() > last.part.start() {
			last, out.Physical = pv, pv.part.name
			out.Unused = max(0, pv.size-first-count*out.ExtentSize-pv.behind(first))
		}
	}
	if last == nil {
		return nil, nil, unsupported("a volume group without physical volumes")
	}
	lvs := v.vg.child("logical_volumes")
	for _, name := range lvs.order {
		lv := lvs.child(name)
		for _, s := range lv.order {
			seg, ok := lv.values[s].(*section)
			if !ok || !strings.HasPrefix(s, "segment") {
				continue
			}
			// What lies on other logical volumes takes nothing of its own.
			if len(seg.list("stripes")) > 0 {
				if k := seg.str("type"); k == "mirror" || strings.HasPrefix(k, "raid") && k != "raid0" {
					return nil, nil, unsupported("a volume group with a segment of the type %q", k)
				}
				out.Free -= seg.num("extent_count") * out.ExtentSize
			}
		}
	}
	if out.Free < 0 {
		return nil, nil, unsupported("LVM metadata that makes no sense")
	}
	return out, last.part, nil
}

// behind is what a metadata area behind the extents, the first of which is at first,
// takes. It stays at the end of the physical volume when that grows.
func (pv *physicalVolume) behind(first int64) (n int64) {
	for _, a := range pv.areas {
		if at, size := int64(a[0]), int64(a[1]); at >= first && size > 0 && at <= pv.size-size {
			n += pv.size - at
		}
	}
	return min(n, pv.size)
}

// superblock reads the size of a file system.
func superblock(d *device, name string) (FileSystem, error) {
	head, err := d.bytes(0, min(2*1024, d.size))
	if err != nil {
		return FileSystem{}, err
	}
	var f FileSystem
	switch {
	case len(head) == 2*1024 && string(head[:4]) == "XFSB":
		block := int64(be.Uint32(head[4:]))
		if block < 512 || block > 64<<10 || block&(block-1) != 0 {
			return f, unsupported("XFS with a superblock that makes no sense")
		}
		// An allocation group at the end has 64 blocks at least.
		f = FileSystem{Kind: XFS, Size: sizeOf(be.Uint64(head[8:]), block), Slack: 64 * block}
	case len(head) == 2*1024 && string(head[1024+56:1024+58]) == "\x53\xef":
		if f, err = extSuperblock(head[1024:]); err != nil {
			return f, err
		}
	default:
		if f, err = otherSuperblock(d, name); err != nil {
			return f, err
		}
	}
	if f.Size <= 0 {
		return f, unsupported("%s with a superblock that makes no sense", f.Kind)
	}
	if f.Size > d.size {
		return f, as(ErrCutOff, "%s: its %s file system has %d bytes, the device %d", name, f.Kind, f.Size, d.size)
	}
	return f, nil
}

// otherSuperblock is that of a btrfs, which begins 64 KiB behind the device's
// beginning.
func otherSuperblock(d *device, name string) (FileSystem, error) {
	head, err := d.bytes(0, min(probeSize, d.size))
	if err != nil {
		return FileSystem{}, err
	}
	if err := shut(head, name); err != nil {
		return FileSystem{}, err
	}
	what := holds(head)
	if what != Btrfs {
		return FileSystem{}, unsupported("%s holds %s", name, what)
	}
	const begin, size, devices, sectorSize, own = 64 << 10, 4 << 10, 0x88, 0x90, 0xc9
	if len(head) < begin+size {
		return FileSystem{}, unsupported("btrfs that is cut off")
	}
	sb := head[begin : begin+size]
	unit := int64(le.Uint32(sb[sectorSize:]))
	switch {
	case le.Uint64(sb[devices:]) != 1:
		return FileSystem{}, unsupported("btrfs of several devices")
	case crc32.Checksum(sb[32:], castagnoli) != le.Uint32(sb) && le.Uint16(sb[0xc4:]) == 0:
		return FileSystem{}, unsupported("btrfs with a damaged superblock")
	case unit < 512 || unit > 64<<10:
		return FileSystem{}, unsupported("btrfs with a superblock that makes no sense")
	}
	// The device's own item: its number, and its size.
	return FileSystem{Kind: Btrfs, Size: sizeOf(le.Uint64(sb[own+8:]), 1), Slack: unit}, nil
}

func extSuperblock(sb []byte) (FileSystem, error) {
	logBlock := le.Uint32(sb[24:])
	if logBlock > 6 {
		return FileSystem{}, unsupported("ext4 with a superblock that makes no sense")
	}
	block := int64(1024) << logBlock
	count := uint64(le.Uint32(sb[4:]))
	descSize := int64(32)
	if le.Uint32(sb[96:])&extIncompat64bit != 0 {
		count |= uint64(le.Uint32(sb[336:])) << 32
		descSize = int64(le.Uint16(sb[254:]))
	}
	perGroup, inodes := int64(le.Uint32(sb[32:])), int64(le.Uint32(sb[40:]))*int64(le.Uint16(sb[88:]))
	if perGroup == 0 {
		return FileSystem{}, unsupported("ext4 with a superblock that makes no sense")
	}
	f := FileSystem{Kind: Ext4, Size: sizeOf(count, block), Slack: max(block, int64(os.Getpagesize()))}
	if le.Uint32(sb[100:])&extROBigalloc != 0 {
		f.Fixed = "ext4 with bigalloc, which resize2fs does not take"
	}
	if journalOutside(sb) {
		f.Fixed = "ext4 whose journal is on another device"
	}
	// resize2fs rounds down to a page of the machine where it runs. A last group that
	// would hold little more than its own tables is left out
	// (see e2fsprogs, lib/ext2fs/initialize.c and resize/resize2fs.c).
	groups := (int64(count) - int64(le.Uint32(sb[20:])) + perGroup - 1) / perGroup
	if (int64(count)-int64(le.Uint32(sb[20:])))%perGroup == 0 {
		tables := 3 + (inodes+block-1)/block + (groups*descSize+block-1)/block + int64(le.Uint16(sb[206:]))
		f.Slack = (tables + 50) * block
	}
	return f, nil
}

// sizeOf is 0 where the product makes no sense.
func sizeOf(blocks uint64, block int64) int64 {
	if blocks > uint64(1<<62)/uint64(block) {
		return 0
	}
	return int64(blocks) * block
}

// String is for logs.
func (l Layout) String() string {
	return fmt.Sprintf("%s: %s of %d bytes", l.Device, l.FileSystem.Kind, l.FileSystem.Size)
}
