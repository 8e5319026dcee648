// SPDX-License-Identifier: MPL-2.0

package growth

import (
	"strconv"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

// disk is the image in the appliance.
const disk = "/dev/sda"

// features are what the appliance must have.
func features(l guestread.Layout, g Goal) []string {
	var f []string
	if g.Partition != 0 && l.Partition.Table == guestread.TableGPT {
		f = append(f, "gdisk")
	}
	if g.Volume {
		f = append(f, "lvm2")
	}
	if kind := l.FileSystem.Kind; kind == guestread.XFS || kind == guestread.Btrfs {
		f = append(f, kind)
	}
	return f
}

// commands are those of guestfish, in order.
func commands(l guestread.Layout, g Goal) (out [][]string) {
	add := func(words ...string) { out = append(out, words) }
	if p := l.Partition; g.Partition != 0 {
		last := func(start, size int64) string { return strconv.FormatInt((start+size)/sector-1, 10) }
		if p.Table == guestread.TableGPT {
			// The table still ends where the image ended; first of all it has to move.
			add("part-expand-gpt", disk)
		}
		if g.Extended != 0 {
			add("part-resize", disk, strconv.Itoa(p.Extended), last(p.ExtendedStart, g.Extended))
		}
		add("part-resize", disk, strconv.Itoa(p.Number), last(p.Start, g.Partition))
	}
	if v := l.Volume; g.Volume {
		add("pvresize", v.Physical)
		if g.VolumeSize == 0 {
			add("lvresize-free", l.Device, "100")
		} else {
			// It rounds up to whole extents.
			add("lvresize", l.Device, strconv.FormatInt(g.VolumeSize/mib, 10))
		}
	}
	if !g.FileSystem {
		return out
	}
	if l.FileSystem.Kind == guestread.Btrfs {
		add("mount", l.Device, "/")
		add("btrfs-filesystem-resize", "/")
		add("umount-all")
		add("btrfs-fsck", l.Device)
		return out
	}
	if l.FileSystem.Kind == guestread.XFS {
		add("mount", l.Device, "/")
		add("xfs-growfs", "/")
		add("umount-all")
		add("xfs-repair", l.Device, "nomodify:true")
		return out
	}
	add("e2fsck", l.Device, "correct:true")
	add("resize2fs", l.Device)
	add("e2fsck", l.Device, "correct:true")
	return out
}
