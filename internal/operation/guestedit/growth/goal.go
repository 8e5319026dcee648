// SPDX-License-Identifier: MPL-2.0

package growth

import (
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

var (
	// ErrShrink says that the size asked for is less than what is there.
	ErrShrink = errors.New("it would have to shrink")
	// ErrNoRoom says that the image has no room for the size asked for.
	ErrNoRoom = errors.New("there is no room for it on the image")
	// ErrBlocked says that the partition is not the last one.
	ErrBlocked = errors.New("another partition is behind it")
	// ErrHybrid says that a partition is in two tables.
	ErrHybrid = errors.New("the disk has a hybrid MBR")
	// ErrFixed says that the file system can't grow.
	ErrFixed = errors.New("this file system does not grow")
	// ErrMBR says that the partition table can't say such a size.
	ErrMBR = errors.New("an MBR partition has 2 TiB at most")
)

const (
	sector = 512
	mib    = 1 << 20
	// maxMBR is what the 32 bits of an MBR's entry can say.
	maxMBR = (1<<32 - 1) * sector
	// margin is what partitioning tools leave free for alignment: not worth a
	// change.
	margin = mib
)

// Goal is what must be done to a layout; its zero value is nothing.
type Goal struct {
	// Partition is the size that the partition must get, in bytes; zero where
	// it may stay.
	Partition int64
	// Extended is the size that the extended partition around it must get.
	Extended int64
	// Volume has the physical volume and the logical volume grown; VolumeSize is
	// the logical one's new size, zero for all that is free.
	Volume     bool
	VolumeSize int64
	// FileSystem has the file system grown to the end of its device.
	FileSystem bool
}

// Holds tells whether there is nothing to do.
func (g Goal) Holds() bool { return g == Goal{} }

// goalFor tells what must be done to have the file system reach the end of a
// disk of diskSize bytes, or its partition or logical volume have the size
// want, where that is not zero.
func goalFor(l guestread.Layout, diskSize, want int64) (Goal, error) {
	g := Goal{}
	var has int64 // what the file system has to fill
	switch {
	case l.Volume != nil:
		has = l.Volume.Size
	case l.Partition != nil:
		has = l.Partition.Size
	default:
		has = diskSize
		if want != 0 && want != diskSize {
			return g, fmt.Errorf("%s is the whole disk, without a partition table: %w as size says, only with the image", l.Device, ErrNoRoom)
		}
	}
	want = atLeast(l, want)
	if want != 0 && want < has {
		return g, fmt.Errorf("%s has %d bytes, size says %d: %w", l.Device, has, want, ErrShrink)
	}
	grows := want == 0 || want > has
	if l.Volume != nil {
		if err := g.volume(l, diskSize, want); err != nil {
			return Goal{}, err
		}
	} else if l.Partition != nil && grows {
		end, err := reach(*l.Partition, diskSize, want)
		if err != nil {
			return Goal{}, err
		}
		g.extend(*l.Partition, end)
	}
	if g.Partition != 0 && l.Partition.Hybrid {
		return Goal{}, fmt.Errorf("%w: its partitions would no longer be those of the GPT, in which %s grows", ErrHybrid, l.Partition.Name)
	}
	unused := has - l.FileSystem.Size
	g.FileSystem = g.Partition != 0 || g.Volume || unused > l.FileSystem.Slack
	if g.FileSystem && l.FileSystem.Fixed != "" {
		return Goal{}, fmt.Errorf("%s: %w: %s", l.Device, ErrFixed, l.FileSystem.Fixed)
	}
	return g, nil
}

// atLeast is the smallest size, of what can be had, that has want bytes: whole
// sectors of a partition, of a volume whole extents of the whole MiB that
// lvresize takes.
func atLeast(l guestread.Layout, want int64) int64 {
	up := func(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
	switch {
	case l.Volume != nil:
		return up(up(want, mib), l.Volume.ExtentSize)
	case l.Partition != nil:
		return up(want, sector)
	}
	return want
}

// volume decides about a logical volume, and the partition below it, which goes
// to the end of the disk in any case.
func (g *Goal) volume(l guestread.Layout, diskSize, want int64) error {
	v := l.Volume
	need := int64(0)
	if want != 0 {
		if need = want - v.Size; need == 0 {
			return nil
		}
		g.VolumeSize = want
	}
	room := v.Free + v.Unused/v.ExtentSize*v.ExtentSize
	if l.Partition == nil {
		room = v.Free + (v.Unused+diskSize-l.DiskSize)/v.ExtentSize*v.ExtentSize
	} else if want == 0 || need > room {
		end, err := reach(*l.Partition, diskSize, 0)
		if err != nil && !(errors.Is(err, ErrBlocked) && want == 0 && room > 0) {
			return err
		}
		if err == nil {
			g.extend(*l.Partition, end)
		}
		if g.Partition != 0 {
			room = v.Free + (v.Unused+g.Partition-l.Partition.Size)/v.ExtentSize*v.ExtentSize
		}
	}
	if need > room {
		return fmt.Errorf("%s has %d bytes, and there are %d more for it: %w", l.Device, v.Size, room, ErrNoRoom)
	}
	g.Volume = need > 0 || want == 0 && room > 0
	if !g.Volume {
		// Not even an extent would be won.
		*g = Goal{}
	}
	return nil
}

// reach is where a partition must end: at the end of a disk of diskSize bytes,
// or so that it has the size want.
func reach(p guestread.Partition, diskSize, want int64) (int64, error) {
	limit := p.Limit
	if p.Next == "" {
		// What the table itself needs stays at the end.
		limit = diskSize/sector*sector - p.Tail
	}
	switch {
	case want != 0:
		end := p.Start + want
		if end > limit && p.Next != "" {
			return 0, fmt.Errorf("%s can have %d bytes up to %s, size says %d: %w", p.Name, limit-p.Start, p.Next, want, ErrBlocked)
		}
		if end > limit {
			return 0, fmt.Errorf("%s can have %d bytes, size says %d: %w", p.Name, limit-p.Start, want, ErrNoRoom)
		}
		limit = end
	case p.Next != "":
		next := p.Next
		if p.NextHolds != "" {
			next += " (" + p.NextHolds + ")"
		}
		return 0, fmt.Errorf("%s can't reach the end of the image, as %s begins behind it: %w", p.Name, next, ErrBlocked)
	}
	if p.Table == guestread.TableMBR && limit-p.Start > maxMBR {
		return 0, fmt.Errorf("%s would have %d bytes: %w", p.Name, limit-p.Start, ErrMBR)
	}
	return limit, nil
}

// extend has the partition end there, unless nothing worth mentioning is won.
func (g *Goal) extend(p guestread.Partition, end int64) {
	size := end - p.Start
	if size-p.Size < margin {
		return
	}
	g.Partition = size
	if p.Extended != 0 && end > p.ExtendedStart+p.ExtendedSize {
		g.Extended = end - p.ExtendedStart
	}
}
