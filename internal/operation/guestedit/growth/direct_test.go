// SPDX-License-Identifier: MPL-2.0

package growth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay/overlaytest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// An ext4 on a partition, or on the whole disk, grows by the tools of this machine,
// also with a journal that must be replayed; the rest of the table stays.
func TestGrowWithoutAppliance(t *testing.T) {
	t.Parallel()
	const gpt = "label: gpt\nstart=2048,size=2048,type=U,name=efi,bootable\nstart=4096,size=16384,type=L,name=root,uuid=0fc63daf-8483-4772-8e79-3d69d8477de4,attrs=\"LegacyBIOSBootable\"\n"
	for name, c := range map[string]struct {
		table, device string
		start         int64
		dirty         bool
	}{
		"mbr":        {"label: dos\nstart=2048,size=2048,type=83,bootable\nstart=4096,size=16384,type=83\n", "/dev/sda2", 2 * mib, false},
		"gpt":        {gpt, "/dev/sda2", 2 * mib, false},
		"dirty":      {gpt, "/dev/sda2", 2 * mib, true},
		"whole disk": {"", "/dev/sda", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, id, before := small(t, c.table, c.start, c.dirty)
			b, n := overlaytest.Backends(t)
			l, err := job{Backends: b, spec: spec, device: c.device}.run(t.Context(), id)
			if inside := n.Appliance(); err != nil || inside != "" {
				t.Fatal(inside, err)
			}
			if left := 64*mib - c.start - l.FileSystem.Size; left < 0 || left > 64<<10 {
				t.Errorf("the file system has %d bytes, %d are left", l.FileSystem.Size, left)
			}
			after := filepath.Join(t.TempDir(), "disk")
			acctest.RBD(t, "export", "--no-progress", spec.String(), after)
			at := fmt.Sprintf("%s?offset=%d", after, c.start)
			guestdisk.Run(t, "e2fsck", "-fn", at)
			if out := guestdisk.Run(t, "debugfs", "-R", "cat /etc/keep", at); !strings.Contains(out, "kept") {
				t.Errorf("its file is lost: %s", out)
			}
			if c.table != "" {
				sameTable(t, before, after)
			}
		})
	}
}

// small is an image of 64 MiB with an ext4 of 8 MiB, its id, and the disk before
// the image was made larger.
func small(t *testing.T, table string, start int64, dirty bool) (spec rbd.Spec, id, disk string) {
	t.Helper()
	if table != "" {
		disk = guestdisk.Disk(t, table, map[int64]map[string]string{start / mib: {"etc/keep": "kept"}})
	} else {
		disk = filepath.Join(t.TempDir(), "disk")
		tree := t.TempDir()
		guestdisk.Run(t, "sh", "-c", `mkdir "$1/etc" && printf kept >"$1/etc/keep" && mke2fs -q -t ext4 -d "$1" "$2" 32M`, "sh", tree, disk)
	}
	if dirty {
		guestdisk.Run(t, "debugfs", "-w", "-R", "feature needs_recovery", fmt.Sprintf("%s?offset=%d", disk, start))
	}
	spec = rbd.Spec{Pool: "vms", Image: acctest.Name(t)}
	acctest.RBD(t, "import", "--no-progress", disk, spec.String())
	acctest.RBD(t, "resize", "--no-progress", "--size", "64M", spec.String())
	return spec, acctest.ImageID(t, spec.String()), disk
}

// sameTable expects nothing but the size of the last partition to differ.
func sameTable(t *testing.T, before, after string) {
	t.Helper()
	if out := guestdisk.Run(t, "sfdisk", "--verify", after); !strings.Contains(out, "No errors detected") {
		t.Errorf("sfdisk --verify: %s", out)
	}
	dump := func(disk string) string {
		out := strings.ReplaceAll(guestdisk.Run(t, "sfdisk", "--dump", disk), disk, "disk")
		return regexp.MustCompile(`(?m)^last-lba.*\n|size= *(16384|1[0-9]{5}),`).ReplaceAllString(out, "")
	}
	if b, a := dump(before), dump(after); b != a {
		t.Errorf("the table was\n%s\nand is\n%s", b, a)
	}
}

// What an appliance has to do is left to it.
func TestGrowthThatNeedsAppliance(t *testing.T) {
	ext4 := guestread.FileSystem{Kind: guestread.Ext4}
	for name, l := range map[string]guestread.Layout{
		"xfs": {FileSystem: guestread.FileSystem{Kind: guestread.XFS}},
		"lvm": {FileSystem: ext4, Volume: &guestread.Volume{}},
	} {
		if err := (job{}).growExt4(t.Context(), nil, l, Goal{}); !errors.Is(err, errIndirect) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := growPartition(t.Context(), nil, guestread.Layout{}, Goal{Extended: mib}); !errors.Is(err, errIndirect) {
		t.Errorf("logical: %v", err)
	}
	// As where there is no qemu-storage-daemon.
	t.Setenv("PATH", os.DevNull)
	if _, err := qemu.ExportOverlay(t.Context(), "", t.TempDir(), nil, nil); !errors.Is(err, qemu.ErrNoExport) {
		t.Error(err)
	}
}

// A btrfs grows in an appliance, the partition before that without one.
func TestGrowBtrfs(t *testing.T) {
	t.Parallel()
	b, n := overlaytest.Backends(t)
	dir := t.TempDir()
	disk, fsys := filepath.Join(dir, "disk"), filepath.Join(dir, "btrfs")
	guestdisk.Run(t, "sh", "-c", `mkdir -p "$1/root/etc" && printf kept >"$1/root/etc/keep" && truncate -s 120M "$2" && mkfs.btrfs -q --rootdir "$1/root" "$2"`, "sh", dir, fsys)
	guestdisk.Run(t, "sh", "-c", `truncate -s 122M "$1" && printf 'label: gpt\nstart=2048,size=245760,type=L\n' | sfdisk -q "$1" && dd if="$2" of="$1" bs=1M seek=1 conv=notrunc,sparse status=none`, "sh", disk, fsys)
	spec := rbd.Spec{Pool: "vms", Image: acctest.Name(t)}
	acctest.RBD(t, "import", "--no-progress", disk, spec.String())
	acctest.RBD(t, "resize", "--no-progress", "--size", "300M", spec.String())
	l, err := job{Backends: b, spec: spec, device: "btrfsvol:/dev/sda1/root"}.run(t.Context(), acctest.ImageID(t, spec.String()))
	if err != nil {
		t.Fatal(err)
	}
	if left := 299*mib - l.FileSystem.Size; l.FileSystem.Kind != guestread.Btrfs || l.Device != "/dev/sda1" || left < 33*sector || left > 64<<10 {
		t.Errorf("%+v, %d bytes are left", l, left)
	}
	if n.Appliance() == "" {
		t.Error("it needed no appliance")
	}
	after := filepath.Join(t.TempDir(), "disk")
	acctest.RBD(t, "export", "--no-progress", spec.String(), after)
	guestdisk.Run(t, "sh", "-c", `dd if="$1" of="$2" bs=1M skip=1 conv=sparse status=none && btrfs check "$2" >/dev/null 2>&1 && btrfs restore "$2" "$3" >/dev/null && grep -q kept "$3/etc/keep"`, "sh", after, fsys, t.TempDir())
}
