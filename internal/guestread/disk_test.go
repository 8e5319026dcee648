// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rootTree is a directory that is no more than a Linux root.
func rootTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"etc", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("usr/bin", filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/hosts"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// diskAt makes a disk with a partition table in sfdisk's words, and file systems
// of directories at the given MiB.
func diskAt(t *testing.T, table string, at map[int64]string) string {
	t.Helper()
	tmp := t.TempDir()
	img, script := filepath.Join(tmp, "disk"), filepath.Join(tmp, "table")
	program(t, "truncate", "-s", "64M", img)
	if err := os.WriteFile(script, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	program(t, "sh", "-c", `sfdisk -q "$1" <"$2"`, "sh", img, script)
	for mib, dir := range at {
		program(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", dir, "-E", fmt.Sprintf("offset=%d", mib<<20), img, "4M")
	}
	return img
}

func TestPartitions(t *testing.T) {
	root, other := rootTree(t), t.TempDir()
	const (
		logical = "label: dos\nstart=2048,size=20480,type=83\nstart=22528,size=102400,type=5\n" +
			"start=24576,size=16384,type=83\nstart=43008,size=16384,type=83\n"
		gpt = "label: gpt\nstart=2048,size=8192,type=U\nstart=20480,size=8192,type=L\nstart=40960,size=8192,type=L\n"
	)
	for name, c := range map[string]struct {
		table string
		at    map[int64]string
		want  string // "" for an error
		err   error  // ErrUnsupported where there is none
	}{
		"gpt":        {gpt, map[int64]string{10: root}, "/dev/sda2", nil},
		"gpt others": {gpt, map[int64]string{10: other, 20: root}, "/dev/sda3", nil},
		"two roots":  {gpt, map[int64]string{10: root, 20: root}, "", ErrSeveral},
		"no root":    {gpt, map[int64]string{10: other}, "", nil},
		"mbr":        {"label: dos\nstart=20480,size=8192,type=83,bootable\n", map[int64]string{10: root}, "/dev/sda1", nil},
		"raid type":  {"label: dos\nstart=20480,size=8192,type=fd\n", map[int64]string{10: root}, "", nil},
		"bsd":        {"label: dos\nstart=20480,size=8192,type=83\nstart=40960,size=8192,type=a5\n", map[int64]string{10: root}, "", nil},
		"logical":    {logical, nil, "", ErrEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := openImage(t, diskAt(t, c.table, c.at), Options{})
			switch {
			case c.want == "" && (c.err != nil && !errors.Is(err, c.err) || c.err == nil && !errors.Is(err, ErrUnsupported)):
				t.Error(err)
			case c.want != "" && err != nil:
				t.Error(err)
			case c.want != "" && g.RootDevice() != c.want:
				t.Error(g.RootDevice())
			}
		})
	}
	t.Run("logical root", func(t *testing.T) {
		// The second logical partition begins at sector 43008, 21 MiB.
		img := diskAt(t, logical, map[int64]string{21: root})
		g, err := openImage(t, img, Options{})
		if err != nil || g.RootDevice() != "/dev/sda6" {
			t.Error(err)
		}
	})
	t.Run("raid member", func(t *testing.T) {
		img := diskAt(t, "label: dos\nstart=20480,size=8192,type=83\n", map[int64]string{10: root})
		f, err := os.OpenFile(img, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte{0xfc, 0x4e, 0x2b, 0xa9}, (20480+8192-16)*sector); err != nil {
			t.Fatal(err)
		}
		if _, err := openImage(t, img, Options{}); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "RAID") {
			t.Error(err)
		}
	})
	t.Run("mounts", func(t *testing.T) {
		root, other := rootTree(t), t.TempDir()
		for _, err := range []error{
			os.Mkdir(filepath.Join(root, "var"), 0o755), os.Symlink("var", filepath.Join(root, "link")),
			os.WriteFile(filepath.Join(root, "var", "hidden"), nil, 0o644),
			os.WriteFile(filepath.Join(root, "etc", "fstab"), []byte("/dev/sdb1 /srv ext4\nUUID=x /var ext4\n"), 0o644),
			os.Mkdir(filepath.Join(root, "srv"), 0o755),
			os.Symlink("../etc/fstab", filepath.Join(other, "up")), os.WriteFile(filepath.Join(other, "seen"), []byte("x"), 0o644),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		img := diskAt(t, gpt, map[int64]string{10: other, 20: root})
		g, err := openImage(t, img, Options{Mounts: map[string]string{"/": "/dev/sda3", "/var": "/dev/sda2"}})
		if err != nil || g.RootDevice() != "/dev/sda3" {
			t.Fatal(err)
		}
		for path, want := range map[string]string{"/var/seen": "x", "/link/seen": "x", "/var/up": "/dev/sdb1 /srv ext4\nUUID=x /var ext4\n"} {
			if got, err := g.Read(path, 100); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", path, got, err)
			}
		}
		if _, err := g.Lstat("/var/hidden"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if _, err := g.Lstat("/srv/x"); !errors.Is(err, ErrUnsupported) {
			t.Error(err)
		}
		for _, point := range []string{"/link", "/gone", "/etc/hosts"} {
			if _, err := openImage(t, img, Options{Mounts: map[string]string{"/": "/dev/sda3", point: "/dev/sda2"}}); !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: %v", point, err)
			}
		}
	})
	t.Run("other signatures", func(t *testing.T) {
		for head, want := range map[string]error{
			"LUKS\xba\xbe": ErrUnusable, "\xeb\x58\x90-FVE-FS-": ErrUnusable, "\xeb\x52\x90NTFS    ": ErrUnsupported, "x": ErrUnsupported,
		} {
			img := filepath.Join(t.TempDir(), "img")
			if err := os.WriteFile(img, append([]byte(head), make([]byte, 1<<20)...), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := openImage(t, img, Options{}); !errors.Is(err, want) {
				t.Errorf("%q: %v", head, err)
			}
		}
	})
}

// patched writes bytes into a disk.
func patched(t *testing.T, img string, at map[int64]string) string {
	t.Helper()
	f, err := os.OpenFile(img, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for off, b := range at {
		if _, err := f.WriteAt([]byte(b), off); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

func cutOff(t *testing.T, img string, size int64) string {
	t.Helper()
	if err := os.Truncate(img, size); err != nil {
		t.Fatal(err)
	}
	return img
}

// What the first sector says, as the kernel takes it.
func TestFirstSector(t *testing.T) {
	root := rootTree(t)
	const gpt = "label: gpt\nstart=20480,size=8192,type=L\n"
	whole := func() string {
		img := filepath.Join(t.TempDir(), "img")
		program(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", root, img, "8M")
		return img
	}
	for name, c := range map[string]struct {
		img    string
		want   string // the root device
		err    error
		hybrid bool
	}{
		"boot sector of extlinux": {img: patched(t, whole(), map[int64]string{0: "\xeb\x58\x90SYSLINUX", 446: "\x65\x72\x72\x6f\x72", 510: "\x55\xaa"}), want: "/dev/sda"},
		"text in empty entries":   {img: patched(t, whole(), map[int64]string{446 + 16: "x", 510: "\x55\xaa"}), want: "/dev/sda"},
		"protective, boot flag":   {img: patched(t, diskAt(t, gpt, map[int64]string{10: root}), map[int64]string{446: "\x80"}), want: "/dev/sda1"},
		"protective, odd flag":    {img: patched(t, diskAt(t, gpt, map[int64]string{10: root}), map[int64]string{446: "\x01"}), want: "/dev/sda1"},
		"hybrid": {
			img:  patched(t, diskAt(t, gpt, map[int64]string{10: root}), map[int64]string{446 + 16: "\x80\x00\x00\x00\x83\x00\x00\x00\x00\x50\x00\x00\x00\x20\x00\x00"}),
			want: "/dev/sda1", hybrid: true,
		},
		"sectors of 4096 bytes": {
			img: patched(t, diskAt(t, gpt, nil), map[int64]string{512: strings.Repeat("\x00", 8), 4096: "EFI PART"}), err: ErrUnusable,
		},
		"protective alone":             {img: patched(t, diskAt(t, gpt, nil), map[int64]string{512: strings.Repeat("\x00", 8)}), err: ErrTable},
		"a GPT with a damaged header":  {img: patched(t, diskAt(t, gpt, nil), map[int64]string{512 + 72: "\xff"}), err: ErrTable},
		"a GPT with damaged entries":   {img: patched(t, diskAt(t, gpt, nil), map[int64]string{1024: "x"}), err: ErrTable},
		"a GPT without protective MBR": {img: patched(t, diskAt(t, gpt, nil), map[int64]string{510: "\x00"}), err: ErrTable},
		"a disk that was cut off":      {img: cutOff(t, diskAt(t, gpt, map[int64]string{10: root}), 32<<20), err: ErrCutOff},
		"a damaged GPT, a file system": {img: patched(t, whole(), map[int64]string{450: "\xee", 510: "\x55\xaa"}), err: ErrUnsupported},
		"nothing":                      {img: patched(t, cutOff(t, whole(), 0), map[int64]string{1 << 20: "\x00"}), err: ErrEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := layoutOf(t, c.img, "")
			if !errors.Is(err, c.err) || l.Device != c.want {
				t.Fatalf("%s, %v", l.Device, err)
			}
			if l.Partition != nil && l.Partition.Hybrid != c.hybrid {
				t.Errorf("hybrid: %v", l.Partition.Hybrid)
			}
		})
	}
}

// An encrypted partition beside the root is nobody's concern; where it is all that
// could hold one, that is said.
func TestEncrypted(t *testing.T) {
	const gpt = "label: gpt\nstart=2048,size=8192,type=L\nstart=20480,size=8192,type=L\nstart=40960,size=8192,type=L\n"
	boot := t.TempDir()
	luks := map[int64]string{1 << 20: "LUKS\xba\xbe\x00\x02"}
	if l, err := layoutOf(t, patched(t, diskAt(t, gpt, map[int64]string{10: rootTree(t)}), luks), ""); err != nil || l.Device != "/dev/sda2" {
		t.Errorf("%s, %v", l.Device, err)
	}
	img := patched(t, diskAt(t, gpt, map[int64]string{10: boot}), luks)
	if _, err := layoutOf(t, img, ""); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "/dev/sda1 is encrypted (LUKS)") {
		t.Error(err)
	}
	if _, err := layoutOf(t, img, "/dev/sda1"); !errors.Is(err, ErrUnusable) {
		t.Error(err)
	}
	if _, err := openImage(t, img, Options{RootDevice: "/dev/sda2"}); err != nil {
		t.Error(err)
	}
}

// What no kernel mounts is told as what it is, beside a root it is nobody's concern, and
// a journal of another file system is no root.
func TestUnusable(t *testing.T) {
	const gpt = "label: gpt\nstart=20480,size=8192,type=L\nstart=40960,size=8192,type=L\n"
	zfs := map[int64]string{20<<20 + 16<<10 + 20: "\x00\x00\x00\x07version\x00"}
	journal := map[int64]string{20<<20 + 1024 + 56: "\x53\xef", 20<<20 + 1024 + 96: "\x08"}
	const short = "label: gpt\nstart=20480,size=4096,type=L\n"
	root := func() string { return diskAt(t, gpt, map[int64]string{10: rootTree(t)}) }
	shrunk := root()
	if err := os.Truncate(shrunk, 24<<20); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		img  string
		want error
		says string
	}{
		"zfs":                    {patched(t, diskAt(t, gpt, nil), zfs), ErrForeign, "/dev/sda2 holds ZFS"},
		"zfs beside a root":      {patched(t, root(), zfs), nil, ""},
		"a journal beside one":   {patched(t, root(), journal), nil, ""},
		"squashfs":               {patched(t, diskAt(t, gpt, nil), map[int64]string{20 << 20: "hsqs"}), ErrPacked, "/dev/sda2 holds squashfs"},
		"squashfs beside a root": {patched(t, root(), map[int64]string{20 << 20: "hsqs"}), ErrUnsupported, "besides /dev/sda1"},
		"a journal elsewhere":    {patched(t, diskAt(t, gpt, map[int64]string{10: rootTree(t)}), map[int64]string{10<<20 + 1024 + 224: "\x00"}), ErrJournal, "/dev/sda1"},
		"a GPT of a larger disk": {shrunk, ErrCutOff, "the GPT is of a disk of"},
		"longer than its device": {diskAt(t, short, map[int64]string{10: rootTree(t)}), ErrCutOff, "/dev/sda1"},
	} {
		l, err := layoutOf(t, c.img, "")
		if !errors.Is(err, c.want) || err == nil && l.Device != "/dev/sda1" {
			t.Errorf("%s: %s, %v", name, l.Device, err)
		}
		if errors.Is(err, ErrPacked) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: an appliance reads it, and the error is %v", name, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is read, and can't be grown.
func TestLayoutThatStays(t *testing.T) {
	const gpt = "label: gpt\nstart=20480,size=8192,type=L\n"
	img := patched(t, diskAt(t, gpt, map[int64]string{10: rootTree(t)}), map[int64]string{10<<20 + 1024 + 224: "\x00\x00\x00\x00"})
	if l, err := layoutOf(t, img, "/dev/sda1"); err != nil || !strings.Contains(l.FileSystem.Fixed, "journal") {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := layoutOf(t, img, "/dev/md127"); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "array") {
		t.Error(err)
	}
}

// A btrfs tells its size, also by the name of one of its subvolumes.
func TestLayoutOfBtrfs(t *testing.T) {
	fsys := filepath.Join(t.TempDir(), "btrfs")
	program(t, "truncate", "-s", "120M", fsys)
	program(t, "mkfs.btrfs", "-q", fsys)
	if l, err := layoutOf(t, fsys, "btrfsvol:/dev/sda/@/.snapshots/1/snapshot"); err != nil || l.FileSystem != (FileSystem{Kind: Btrfs, Size: 120 << 20, Slack: 4096}) || l.Device != "/dev/sda" {
		t.Errorf("%+v, %v", l, err)
	}
	for name, at := range map[string]int64{"damaged": 64<<10 + 0x70, "several devices": 64<<10 + 0x88} {
		bad := filepath.Join(t.TempDir(), "bad")
		program(t, "cp", "--sparse=always", fsys, bad)
		if _, err := layoutOf(t, patched(t, bad, map[int64]string{at: "\x02"}), "/dev/sda"); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const vgText = `vgsys {
id = "x" # comment
seqno = 3
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
flags = []
extent_size = 8192
physical_volumes {
pv0 {
id = "AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA"
device = "/dev/sda2"
status = ["ALLOCATABLE"]
flags = []
pe_start = 2048
}
}
logical_volumes {
lvroot {
id = "y"
status = ["READ", "WRITE", "VISIBLE"]
flags = []
segment_count = 2
segment1 {
start_extent = 0
extent_count = 2
type = "striped"
stripe_count = 1
stripes = ["pv0", 0]
}
segment2 {
start_extent = 2
extent_count = 1
type = "striped"
stripe_count = 1
stripes = ["pv0", 5]
}
}
}
}
contents = "Text Format Volume Group"
version = 1
`

func TestLinearVolume(t *testing.T) {
	volume := func(text string) (*device, error) {
		top, err := parseLVM(text)
		if err != nil {
			return nil, err
		}
		vg := top.child("vgsys")
		pv := &physicalVolume{device: &device{size: 1 << 30}, id: strings.Repeat("A", 32)}
		return linearVolume(vg, vg.child("logical_volumes", "lvroot"), []*physicalVolume{pv})
	}
	d, err := volume(vgText)
	if err != nil {
		t.Fatal(err)
	}
	const mib = 1 << 20
	got := d.r.(*linear).extents
	if len(got) != 2 || d.size != 12*mib || got[0].at != mib || got[0].n != 8*mib || got[1].start != 8*mib || got[1].at != 21*mib || got[1].n != 4*mib {
		t.Errorf("%+v", got)
	}
	for _, change := range []struct{ from, to string }{
		{`"striped"`, `"thin"`},
		{`"striped"`, `"raid1"`},
		{"stripe_count = 1", "stripe_count = 2"},
		{`"READ", "WRITE", "VISIBLE"`, `"READ", "WRITE", "VISIBLE", "PVMOVE"`},
		{`["ALLOCATABLE"]`, `["ALLOCATABLE", "MISSING"]`},
		{`"READ", "WRITE"]`, `"READ", "WRITE", "EXPORTED"]`},
		{"segment_count = 2", "segment_count = 1"},
		{`"pv0", 5`, `"pv1", 5`},
		{`"pv0", 5`, `"pv0", 99999999`},
		{`"pv0", 5`, `"pv0", 9223372036854775807`},
		{"extent_count = 1", "extent_count = 9223372036854775807"},
		{"start_extent = 2", "start_extent = 3"},
		{"extent_size = 8192", "extent_size = 9223372036854775807"},
		{"id = \"AAAAAA", "id = \"BAAAAA"},
		{"lvroot {", "lvroot { {"},
		{"lvroot {", strings.Repeat("a {", 100) + "lvroot {"},
		{"}\n}\n}\n}\n", "}\n}\n}\n"},
		{`"Text`, `["Text`},
	} {
		if d, err := volume(strings.Replace(vgText, change.from, change.to, 1)); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %+v, %v", change.to, d, err)
		}
	}
}
