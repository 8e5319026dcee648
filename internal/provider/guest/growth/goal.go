package growth

import (
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

var (
	errShrink  = errors.New("it would have to shrink")
	errNoRoom  = errors.New("there is no room for it on the image")
	errBlocked = errors.New("another partition is behind it")
	errMBR     = errors.New("an MBR partition has 2 TiB at most")
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

// goal is what must be done to a layout; its zero value is nothing.
type goal struct {
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

func (g goal) holds() bool { return g == goal{} }

// goalFor tells what must be done to have the file system reach the end of a
// disk of diskSize bytes, or its partition or logical volume have the size
// want, where that is not zero.
func goalFor(l guestread.Layout, diskSize, want int64) (goal, error) {
	g := goal{}
	var has int64 // what the file system has to fill
	switch {
	case l.Volume != nil:
		has = l.Volume.Size
	case l.Partition != nil:
		has = l.Partition.Size
	default:
		has = diskSize
		if want != 0 && want != diskSize {
			return g, fmt.Errorf("%s is the whole disk, without a partition table: %w as size says, only with the image", l.Device, errNoRoom)
		}
	}
	if want != 0 && want < has {
		return g, fmt.Errorf("%s has %d bytes, size says %d: %w", l.Device, has, want, errShrink)
	}
	grows := want == 0 || want > has
	if l.Volume != nil {
		if err := g.volume(l, diskSize, want); err != nil {
			return goal{}, err
		}
	} else if l.Partition != nil && grows {
		end, err := reach(*l.Partition, diskSize, want)
		if err != nil {
			return goal{}, err
		}
		g.grow(*l.Partition, end)
	}
	unused := has - l.FileSystem.Size
	g.FileSystem = g.Partition != 0 || g.Volume || unused > l.FileSystem.Slack
	return g, nil
}

// volume decides about a logical volume, and the partition below it, which goes
// to the end of the disk in any case.
func (g *goal) volume(l guestread.Layout, diskSize, want int64) error {
	v := l.Volume
	need := int64(0)
	if want != 0 {
		need = (want - v.Size + v.ExtentSize - 1) / v.ExtentSize * v.ExtentSize
		if need == 0 {
			return nil
		}
		g.VolumeSize = v.Size + need
	}
	room := v.Free + v.Unused/v.ExtentSize*v.ExtentSize
	if l.Partition == nil {
		room = v.Free + (v.Unused+diskSize-l.DiskSize)/v.ExtentSize*v.ExtentSize
	} else if want == 0 || need > room {
		end, err := reach(*l.Partition, diskSize, 0)
		if err != nil && !(errors.Is(err, errBlocked) && want == 0 && room > 0) {
			return err
		}
		if err == nil {
			g.grow(*l.Partition, end)
		}
		if g.Partition != 0 {
			room = v.Free + (v.Unused+g.Partition-l.Partition.Size)/v.ExtentSize*v.ExtentSize
		}
	}
	if need > room {
		return fmt.Errorf("%s has %d bytes, and there are %d more for it: %w", l.Device, v.Size, room, errNoRoom)
	}
	g.Volume = need > 0 || want == 0 && room > 0
	if !g.Volume {
		// Not even an extent would be won.
		*g = goal{}
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
		end := p.Start + (want+sector-1)/sector*sector
		if end > limit && p.Next != "" {
			return 0, fmt.Errorf("%s can have %d bytes up to %s, size says %d: %w", p.Name, limit-p.Start, p.Next, want, errBlocked)
		}
		if end > limit {
			return 0, fmt.Errorf("%s can have %d bytes, size says %d: %w", p.Name, limit-p.Start, want, errNoRoom)
		}
		limit = end
	case p.Next != "":
		return 0, fmt.Errorf("%s can't reach the end of the image, as %s begins behind it: %w", p.Name, p.Next, errBlocked)
	}
	if p.Table == guestread.TableMBR && limit-p.Start > maxMBR {
		return 0, fmt.Errorf("%s would have %d bytes: %w", p.Name, limit-p.Start, errMBR)
	}
	return limit, nil
}

// grow has the partition end there, unless nothing worth mentioning is won.
func (g *goal) grow(p guestread.Partition, end int64) {
	size := end - p.Start
	if size-p.Size < margin {
		return
	}
	g.Partition = size
	if p.Extended != 0 && end > p.ExtendedStart+p.ExtendedSize {
		g.Extended = end - p.ExtendedStart
	}
}
