// SPDX-License-Identifier: MPL-2.0

package layouttest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/fileedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/growth"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/sysprep"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay/overlaytest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// layout is a way to lay out a disk.
type layout struct {
	name string // as the table has it
	disk func(t *testing.T) string
	// long says that an appliance is needed to make it, or most of what is done.
	long bool
}

var layouts = []layout{
	{"Debian cloud: GPT, root 1 last on the disk, ESP 15, BIOS boot 14; ext4", debianCloud, false},
	{"Ubuntu cloud: the same with `/boot` 16; ext4", ubuntuCloud, false},
	{"RHEL, Rocky, Alma cloud: GPT, `/boot` and `/` on xfs", rhelCloud, false},
	{"RHEL with LVM: swap before the root, xfs", rhelVolumes("pvcreate /dev/sda2"), true},
	{"LVM, the root on a thin volume; ext4", thinVolume, true},
	{"Fedora cloud: btrfs, root and home in subvolumes", onBtrfs("LABEL=disk / btrfs subvol=root 0 0\nLABEL=disk /home btrfs subvol=home 0 0\n", "root"), true},
	{"SUSE: btrfs with snapshots, the default subvolume is the root", onBtrfs("LABEL=disk / btrfs defaults 0 0\n", "@/.snapshots/1/snapshot",
		"mkdir-p /@/.snapshots/2", "btrfs-subvolume-snapshot /@/.snapshots/1/snapshot /@/.snapshots/2/snapshot ro:true", "btrfs-subvolume-set-default 256 /"), true},
	{"Alpine: ext4 on the whole disk, boot sector of extlinux", alpine, false},
	{"MBR, one partition; ext4 with blocks of 1 KiB", onePartition("dos", "-b", "1024"), false},
	{"MBR, one partition; ext4 with blocks of 2 KiB", onePartition("dos", "-b", "2048"), false},
	{"MBR, swap behind the root; ext4", swapLast, false},
	{"GPT whose protective MBR has the boot flag; ext4", bootableProtective, false},
	{"GPT with a hybrid MBR; ext4", hybrid, false},
	{"ext4 with bigalloc", onePartition("gpt", "-b", "4096", "-O", "bigalloc", "-C", "16384"), false},
	{"ext4 with orphan file and checksum seed, as mke2fs 1.47 makes it", onePartition("gpt", "-b", "4096", "-O", "orphan_file,metadata_csum_seed"), false},
	{"ext4 with quota and project", onePartition("gpt", "-b", "4096", "-O", "quota,project"), false},
	{"ext4 with inline data", onePartition("gpt", "-b", "4096", "-O", "inline_data"), true},
	{"ext4 with case-folding", onePartition("gpt", "-b", "4096", "-O", "casefold"), false},
	{"LUKS", luks, false},
	{"GPT for sectors of 4096 bytes", largeSectors, false},
	{"F2FS", f2fs, true},
	{"MBR, swap in a logical partition behind the root, as Debian's installer has it; ext4", swapLogical, false},
	{"MBR, the root in the last logical partition; ext4", rootLogical, true},
	{"ext2", onePartition("dos", "-O", "^has_journal,^extents,^64bit,^metadata_csum,^flex_bg,^huge_file"), false},
	{"ext4 with verity", onePartition("gpt", "-b", "4096", "-O", "verity"), false},
	{"ext4, the journal on a partition of its own", outerJournal, false},
	{"RAID 1 (md) of two partitions; ext4", array, true},
	{"squashfs", squashfs, true},
	{"A/B: two roots; ext4", twoRoots, false},
	{"ZFS", zfs, false},
	{"GPT that is damaged", damaged, false},
	{"an image to which nothing was written", func(t *testing.T) string { return newDisk(t, 8).path }, false},
}

// Words of the table.
const (
	direct    = "yes"
	appliance = "appliance"
)

// bench does things to a disk, and tells how it was done.
type bench struct {
	guestoverlay.Backends
	notes *overlaytest.Notes
}

// how does one thing, and says how in the words of the table.
func (b bench) how(t *testing.T, do func() error) string {
	t.Helper()
	b.notes.Forget()
	err := do()
	switch {
	case err == nil && b.notes.Appliance() != "":
		return appliance
	case err == nil:
		return direct
	}
	for is, words := range map[error]string{
		growth.ErrBlocked: "refused: a partition is behind it", growth.ErrHybrid: "refused: hybrid MBR", growth.ErrFixed: "refused: resize2fs does not",
		guestfs.ErrNoRoot: "no operating system", guestfs.ErrNoSystem: "no operating system",
		guestread.ErrSeveral: "refused: several operating systems", guestread.ErrEmpty: "refused: nothing on it",
		guestread.ErrTable: "refused: partition table", guestread.ErrCutOff: "refused: cut off", guestread.ErrForeign: "refused: no driver", guestread.ErrJournal: "refused: the journal is elsewhere",
		guestread.ErrPacked: "refused: read-only",
	} {
		if errors.Is(err, is) {
			return words
		}
	}
	if errors.Is(err, guestread.ErrUnusable) {
		return "refused: " + regexp.MustCompile(`encrypted|sectors of \d+ bytes`).FindString(err.Error())
	}
	if errors.Is(err, guestread.ErrUnsupported) {
		return "refused: " + err.Error()[strings.LastIndex(err.Error(), ": ")+2:]
	}
	t.Errorf("in words that nobody should see: %v", err)
	return "fails"
}

// row is what can be done with a layout.
type row struct{ read, edit, grow, prepare string }

// try makes an image of the disk, and does everything to it.
func try(t *testing.T, l layout) (r row) {
	t.Helper()
	b := bench{}
	b.Backends, b.notes = overlaytest.Backends(t)
	spec := rbd.Spec{Pool: "vms", Image: acctest.Name(t)}
	imagestest.Make(t, spec.String(), "import", "--no-progress", l.disk(t))
	image := guestedit.ImageRef{Spec: spec}
	const text = "edited\n"
	r.read = b.how(t, func() error {
		return guestinspect.Read(t.Context(), b.Backends, spec, guest.Tree{}, func(g guestinspect.Reader) error {
			_, err := g.Read("/etc/os-release", 1<<10)
			return err
		})
	})
	r.edit = b.how(t, func() error {
		content := text
		_, err := fileedit.Do(t.Context(), b.Backends, fileedit.Request{Image: image, Edits: []fileedit.Edit{{Path: "/etc/motd", Content: &content}}})
		return err
	})
	acctest.RBD(t, "resize", "--no-progress", "--size", "1100M", spec.String())
	r.grow = b.how(t, func() error {
		_, err := growth.Do(t.Context(), b.Backends, growth.Request{Image: image})
		return err
	})
	if r.edit == direct || r.edit == appliance {
		b.check(t, spec, text)
	}
	if long() {
		r.prepare = b.how(t, func() error {
			b.Info(t.Context(), "virt-sysprep works in an appliance")
			_, err := sysprep.Do(t.Context(), b.Backends, sysprep.Request{Image: image, Job: sysprep.Job{Operations: []string{"machine-id"}}})
			return err
		})
	}
	return r
}

// check reads what was edited, after the growth.
func (b bench) check(t *testing.T, spec rbd.Spec, want string) {
	t.Helper()
	err := guestinspect.Read(t.Context(), b.Backends, spec, guest.Tree{}, func(g guestinspect.Reader) error {
		got, err := g.Read("/etc/motd", 100)
		if err == nil && string(got) != want {
			err = fmt.Errorf("it holds %q", got)
		}
		return err
	})
	if err != nil {
		t.Errorf("after edit and growth: %v", err)
	}
}

func long() bool { return os.Getenv("RBD_LONG_TESTS") != "" }

// guide is the page that has the table.
const guide = "../../templates/guides/guest-layouts.md.tmpl"

// What is written in the docs is what works.
func TestLayouts(t *testing.T) {
	update := os.Getenv("LAYOUTS_UPDATE") != ""
	page, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, l := range layouts {
		if l.long && !long() {
			continue
		}
		t.Run(strings.NewReplacer(" ", "_", "/", "_", "`", "", ":", "", ",", "", ";", "").Replace(l.name), func(t *testing.T) {
			got := try(t, l)
			line := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(l.name) + ` \| (.*) \| (.*) \| (.*) \| (.*) \|\n`)
			old := line.FindStringSubmatch(text)
			if old == nil && !update {
				t.Fatalf("no row of the table in %s", guide)
			}
			if old == nil {
				old = make([]string, 5)
			}
			got.prepare = cmp.Or(got.prepare, old[4], "?")
			if want := (row{old[1], old[2], old[3], old[4]}); got != want && !update {
				t.Errorf("%+v, the docs say %+v", got, want)
			}
			next := fmt.Sprintf("| %s | %s | %s | %s | %s |\n", l.name, got.read, got.edit, got.grow, got.prepare)
			if old[0] != "" {
				text = strings.Replace(text, old[0], next, 1)
			} else {
				text = strings.Replace(text, "\n\n<!-- end of the table -->", "\n"+next+"\n<!-- end of the table -->", 1)
			}
		})
	}
	if update {
		if err := os.WriteFile(guide, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
