// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func layoutOf(t *testing.T, path, device string) (Layout, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return ReadLayout(f, fi.Size(), device)
}

func TestLayoutOfPartitions(t *testing.T) {
	root := rootTree(t)
	const mib = 1 << 20
	for name, c := range map[string]struct {
		table  string
		at     int64 // MiB
		device string
		want   Partition
	}{
		"mbr": {"label: dos\nstart=20480,size=20480,type=83\n", 10, "", Partition{
			Name: "/dev/sda1", Table: TableMBR, Number: 1, Start: 10 * mib, Size: 10 * mib, Limit: 64 * mib,
		}},
		"gpt": {"label: gpt\nstart=2048,size=2048,type=U\nstart=20480,size=20480,type=L\n", 10, "", Partition{
			Name: "/dev/sda2", Table: TableGPT, Number: 2, Start: 10 * mib, Size: 10 * mib, Limit: 64*mib - 33*sector, Tail: 33 * sector,
		}},
		"out of order": {"label: dos\nstart=61440,size=2048,type=83\nstart=20480,size=20480,type=83\n", 10, "/dev/sda2", Partition{
			Name: "/dev/sda2", Table: TableMBR, Number: 2, Start: 10 * mib, Size: 10 * mib, Limit: 30 * mib, Next: "/dev/sda1", NextHolds: "",
		}},
		"before an extended one": {"label: dos\nstart=20480,size=20480,type=83\nstart=45056,size=20480,type=5\nstart=47104,size=2048,type=83\n", 10, "", Partition{
			Name: "/dev/sda1", Table: TableMBR, Number: 1, Start: 10 * mib, Size: 10 * mib, Limit: 22 * mib, Next: "/dev/sda2", NextHolds: "extended partition",
		}},
		"logical": {"label: dos\nstart=2048,size=61440,type=5\nstart=20480,size=20480,type=83\n", 10, "", Partition{
			Name: "/dev/sda5", Table: TableMBR, Number: 5, Start: 10 * mib, Size: 10 * mib, Limit: 64 * mib,
			Extended: 1, ExtendedStart: mib, ExtendedSize: 30 * mib,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := layoutOf(t, diskAt(t, c.table, map[int64]string{c.at: root}), c.device)
			if err != nil {
				t.Fatal(err)
			}
			if *l.Partition != c.want {
				t.Errorf("%+v, want %+v", *l.Partition, c.want)
			}
			if l.Volume != nil || l.Device != c.want.Name || l.DiskSize != 64*mib || l.FileSystem.Kind != Ext4 || l.FileSystem.Size != 4*mib {
				t.Errorf("%+v", l)
			}
		})
	}
}

// A journal that must be replayed, which hides the files, does not hide how
// large the file system is.
func TestLayoutOfDirtyJournal(t *testing.T) {
	img := filepath.Join(t.TempDir(), "img")
	program(t, "truncate", "-s", "32M", img)
	program(t, "mke2fs", "-q", "-F", "-t", "ext4", img)
	program(t, "debugfs", "-w", "-R", "feature needs_recovery", img)
	l, err := layoutOf(t, img, "/dev/sda")
	if err != nil || l.FileSystem.Size != 32<<20 || l.Partition != nil {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := layoutOf(t, img, ""); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
	if _, err := layoutOf(t, img, "/dev/sda1"); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

// What resize2fs and xfs_growfs leave unused at the end is within the slack;
// a device that is larger than that is not.
func TestLayoutSlack(t *testing.T) {
	for _, mib := range []int64{33, 129, 130, 257, 300, 385} {
		for _, block := range []int{1024, 4096} {
			t.Run(fmt.Sprintf("ext4 of %d MiB in blocks of %d", mib, block), func(t *testing.T) {
				img := filepath.Join(t.TempDir(), "img")
				program(t, "truncate", "-s", "32M", img)
				program(t, "mke2fs", "-q", "-F", "-t", "ext4", "-b", fmt.Sprint(block), img)
				program(t, "truncate", "-s", fmt.Sprintf("%dM", mib), img)
				l, err := layoutOf(t, img, "/dev/sda")
				if err != nil || mib<<20-l.FileSystem.Size <= l.FileSystem.Slack && mib > 40 {
					t.Errorf("before: %+v, %v", l, err)
				}
				program(t, "resize2fs", img)
				if l, err = layoutOf(t, img, "/dev/sda"); err != nil || mib<<20-l.FileSystem.Size > l.FileSystem.Slack {
					t.Errorf("after: %+v, %v", l, err)
				}
			})
		}
	}
	img := filepath.Join(t.TempDir(), "xfs")
	program(t, "truncate", "-s", "320M", img)
	program(t, "mkfs.xfs", "-q", img)
	l, err := layoutOf(t, img, "/dev/sda")
	if err != nil || l.FileSystem.Kind != XFS || l.FileSystem.Size != 320<<20 {
		t.Errorf("%+v, %v", l, err)
	}
}

// Physical volumes as the appliance made them, and metadata that lies.
func TestVolumeLayout(t *testing.T) {
	layout := func(text string) (*Volume, *partition, error) {
		top, err := parseLVM(text)
		if err != nil {
			return nil, nil, err
		}
		vg := top.child("vgsys")
		part := &partition{name: "/dev/sda2"}
		pv := &physicalVolume{device: &device{size: 1 << 30}, id: strings.Repeat("A", 32), part: part}
		v := volume{vg: vg, lv: vg.child("logical_volumes", "lvroot"), pvs: []*physicalVolume{pv}}
		if v.dev, err = linearVolume(vg, v.lv, v.pvs); err != nil {
			return nil, nil, err
		}
		return volumeLayout(v)
	}
	const mib = 1 << 20
	text := strings.Replace(vgText, "pe_start = 2048", "pe_start = 2048\npe_count = 10", 1)
	v, part, err := layout(text)
	want := Volume{Size: 12 * mib, ExtentSize: 4 * mib, Free: 28 * mib, Physical: "/dev/sda2", Unused: 1<<30 - mib - 40*mib}
	if err != nil || *v != want || part.name != "/dev/sda2" {
		t.Errorf("%+v, %v; want %+v", v, err, want)
	}
	// A second metadata area takes the end, and stays there.
	pv := &physicalVolume{device: &device{size: 1 << 30}, areas: [][2]uint64{{4096, mib - 4096}, {1<<30 - mib, mib}}}
	if n := pv.behind(mib); n != mib {
		t.Errorf("%d bytes behind the extents", n)
	}
	for _, to := range []string{"", "pe_count = 2", "pe_count = 9223372036854775807"} {
		if _, _, err := layout(strings.Replace(text, "pe_count = 10", to, 1)); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%q: %v", to, err)
		}
	}
}
