// SPDX-License-Identifier: MPL-2.0

package growth

import (
	"errors"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

func TestGoal(t *testing.T) {
	const gib = 1 << 30
	part := func(table string, size, tail int64) guestread.Layout {
		return guestread.Layout{
			Device: "/dev/sda1", DiskSize: mib + size + tail,
			Partition:  &guestread.Partition{Name: "/dev/sda1", Table: table, Number: 1, Start: mib, Size: size, Limit: mib + size, Tail: tail},
			FileSystem: guestread.FileSystem{Kind: guestread.Ext4, Size: size, Slack: 4096},
		}
	}
	lvm := func(free, unused int64) guestread.Layout {
		l := part(guestread.TableMBR, gib, 0)
		l.Device = "/dev/vg/lv"
		l.Volume = &guestread.Volume{Size: gib - 8*mib, ExtentSize: 4 * mib, Free: free, Unused: unused, Physical: "/dev/sda1"}
		l.FileSystem.Size = l.Volume.Size
		return l
	}
	small, next, whole, logical := part(guestread.TableMBR, gib, 0), part(guestread.TableMBR, gib, 0), part("", gib, 0), part(guestread.TableMBR, gib, 0)
	small.FileSystem.Size -= 5000
	next.Partition.Next, next.Partition.Limit = "/dev/sda2", mib+gib+10*mib
	whole.Partition, whole.DiskSize = nil, gib
	logical.Partition.Extended, logical.Partition.ExtendedStart, logical.Partition.ExtendedSize = 2, mib/2, gib+mib/2
	odd, oddHas := lvm(32*mib, 0), lvm(32*mib, 0)
	for size, l := range map[int64]*guestread.Layout{gib - 8*mib: &odd, gib + mib + 256<<10: &oddHas} {
		l.Volume.ExtentSize = 384 << 10
		l.Volume.Size, l.FileSystem.Size = size, size
	}
	fixed := part(guestread.TableMBR, gib, 0)
	fixed.FileSystem.Fixed = "old"
	hybrid := part(guestread.TableGPT, gib, 33*sector)
	hybrid.Partition.Hybrid = true
	for name, c := range map[string]struct {
		l          guestread.Layout
		disk, want int64
		goal       Goal
		err        error
	}{
		"holds":                  {l: part(guestread.TableMBR, gib, 0), disk: gib + mib},
		"alignment":              {l: part(guestread.TableMBR, gib, 0), disk: gib + 2*mib - sector},
		"to the end":             {l: part(guestread.TableMBR, gib, 0), disk: 2*gib + 100, goal: Goal{Partition: 2*gib - mib, FileSystem: true}},
		"gpt":                    {l: part(guestread.TableGPT, gib, 33*sector), disk: 2 * gib, goal: Goal{Partition: 2*gib - mib - 33*sector, FileSystem: true}},
		"fixed":                  {l: fixed, disk: 2 * gib, err: ErrFixed},
		"fixed holds":            {l: fixed, disk: gib + mib},
		"hybrid":                 {l: hybrid, disk: 2 * gib, err: ErrHybrid},
		"hybrid holds":           {l: hybrid, disk: gib + mib + 33*sector},
		"gpt holds":              {l: part(guestread.TableGPT, gib, 33*sector), disk: gib + mib + 33*sector},
		"file system alone":      {l: small, disk: gib + mib, goal: Goal{FileSystem: true}},
		"to a size":              {l: part(guestread.TableMBR, gib, 0), disk: 4 * gib, want: 2 * gib, goal: Goal{Partition: 2 * gib, FileSystem: true}},
		"size holds":             {l: part(guestread.TableMBR, gib, 0), disk: 4 * gib, want: gib},
		"no shrinking":           {l: part(guestread.TableMBR, gib, 0), disk: 4 * gib, want: gib - sector, err: ErrShrink},
		"no room":                {l: part(guestread.TableMBR, gib, 0), disk: 2 * gib, want: 2 * gib, err: ErrNoRoom},
		"in the way":             {l: next, disk: 2 * gib, err: ErrBlocked},
		"fits before the next":   {l: next, disk: 2 * gib, want: gib + 10*mib, goal: Goal{Partition: gib + 10*mib, FileSystem: true}},
		"not before the next":    {l: next, disk: 2 * gib, want: gib + 11*mib, err: ErrBlocked},
		"2 TiB":                  {l: part(guestread.TableMBR, gib, 0), disk: 3072 * gib, err: ErrMBR},
		"below 2 TiB":            {l: part(guestread.TableMBR, gib, 0), disk: 3072 * gib, want: 2047 * gib, goal: Goal{Partition: 2047 * gib, FileSystem: true}},
		"whole disk":             {l: whole, disk: 2 * gib, goal: Goal{FileSystem: true}},
		"whole disk holds":       {l: whole, disk: gib},
		"whole disk, size":       {l: whole, disk: 3 * gib, want: 2 * gib, err: ErrNoRoom},
		"logical":                {l: logical, disk: 2 * gib, goal: Goal{Partition: 2*gib - mib, Extended: 2*gib - mib/2, FileSystem: true}},
		"lvm":                    {l: lvm(0, 0), disk: 2 * gib, goal: Goal{Partition: 2*gib - mib, Volume: true, FileSystem: true}},
		"lvm holds":              {l: lvm(0, 3*mib), disk: gib + mib},
		"lvm, less than extent":  {l: lvm(0, 0), disk: gib + 4*mib},
		"lvm, free extents":      {l: lvm(4*mib, 0), disk: gib + mib, goal: Goal{Volume: true, FileSystem: true}},
		"lvm, unused":            {l: lvm(0, 4*mib), disk: gib + mib, goal: Goal{Volume: true, FileSystem: true}},
		"lvm to a size":          {l: lvm(0, 0), disk: 4 * gib, want: 2 * gib, goal: Goal{Partition: 4*gib - mib, Volume: true, VolumeSize: 2 * gib, FileSystem: true}},
		"lvm to a size, in room": {l: lvm(8*mib, 0), disk: 4 * gib, want: gib - 5*mib, goal: Goal{Volume: true, VolumeSize: gib - 4*mib, FileSystem: true}},
		"lvm, size in an extent": {l: lvm(0, 0), disk: gib + mib, want: gib - 9*mib},
		"lvm, part of an extent": {l: lvm(8*mib, 0), disk: gib + mib, want: gib - 8*mib + 1, goal: Goal{Volume: true, VolumeSize: gib - 4*mib, FileSystem: true}},
		"lvm, the extent before": {l: lvm(0, 0), disk: gib + mib, want: gib - 12*mib, err: ErrShrink},
		"lvm, odd extents":       {l: odd, disk: gib + mib, want: gib + 1, goal: Goal{Volume: true, VolumeSize: gib + mib + 256<<10, FileSystem: true}},
		"lvm, odd extents hold":  {l: oddHas, disk: gib + mib, want: gib + 1},
		"half a sector":          {l: part(guestread.TableMBR, gib, 0), disk: gib + mib, want: gib - 1},
		"lvm without room":       {l: lvm(0, 0), disk: 2 * gib, want: 4 * gib, err: ErrNoRoom},
		"lvm, no shrinking":      {l: lvm(0, 0), disk: 2 * gib, want: mib, err: ErrShrink},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := goalFor(c.l, c.disk, c.want)
			if !errors.Is(err, c.err) || g != c.goal {
				t.Errorf("%+v, %v; want %+v, %v", g, err, c.goal, c.err)
			}
		})
	}
}

// The order of the commands is what was found to work.
func TestCommands(t *testing.T) {
	join := func(l guestread.Layout, g Goal) string {
		var lines []string
		for _, c := range commands(l, g) {
			lines = append(lines, strings.Join(c, " "))
		}
		return strings.Join(lines, "; ")
	}
	l := guestread.Layout{
		Device:     "/dev/sda2",
		Partition:  &guestread.Partition{Table: guestread.TableGPT, Number: 2, Start: mib, Size: mib},
		FileSystem: guestread.FileSystem{Kind: guestread.XFS},
	}
	for _, c := range []struct {
		change func()
		g      Goal
		want   string
	}{
		{
			func() {}, Goal{Partition: 2 * mib, FileSystem: true},
			"part-expand-gpt /dev/sda; part-resize /dev/sda 2 6143; mount /dev/sda2 /; xfs-growfs /; umount-all; xfs-repair /dev/sda2 nomodify:true",
		},
		{
			func() {
				l.Partition.Table, l.FileSystem.Kind = guestread.TableMBR, guestread.Ext4
				l.Partition.Extended, l.Partition.ExtendedStart = 1, mib/2
			},
			Goal{Partition: 2 * mib, Extended: 5 * mib / 2, FileSystem: true},
			"part-resize /dev/sda 1 6143; part-resize /dev/sda 2 6143; e2fsck /dev/sda2 correct:true; resize2fs /dev/sda2; e2fsck /dev/sda2 correct:true",
		},
		{
			func() { l.Device, l.Volume = "/dev/vg/lv", &guestread.Volume{Physical: "/dev/sda2"} },
			Goal{Volume: true, VolumeSize: 8*mib + 128<<10},
			"pvresize /dev/sda2; lvresize /dev/vg/lv 8",
		},
		{
			func() { l.Device, l.Volume, l.FileSystem.Kind = "/dev/sda2", nil, guestread.Btrfs }, Goal{FileSystem: true},
			"mount /dev/sda2 /; btrfs-filesystem-resize /; umount-all; btrfs-fsck /dev/sda2",
		},
		{func() { l.Device, l.Volume = "/dev/vg/lv", &guestread.Volume{Physical: "/dev/sda2"} }, Goal{Volume: true}, "pvresize /dev/sda2; lvresize-free /dev/vg/lv 100"},
	} {
		c.change()
		if got := join(l, c.g); got != c.want {
			t.Errorf("got %s\nwant %s", got, c.want)
		}
	}
}
