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
		want  string // "" for ErrUnsupported
	}{
		"gpt":        {gpt, map[int64]string{10: root}, "/dev/sda2"},
		"gpt others": {gpt, map[int64]string{10: other, 20: root}, "/dev/sda3"},
		"two roots":  {gpt, map[int64]string{10: root, 20: root}, ""},
		"no root":    {gpt, map[int64]string{10: other}, ""},
		"mbr":        {"label: dos\nstart=20480,size=8192,type=83,bootable\n", map[int64]string{10: root}, "/dev/sda1"},
		"raid type":  {"label: dos\nstart=20480,size=8192,type=fd\n", map[int64]string{10: root}, ""},
		"bsd":        {"label: dos\nstart=20480,size=8192,type=83\nstart=40960,size=8192,type=a5\n", map[int64]string{10: root}, ""},
		"logical":    {logical, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := openImage(t, diskAt(t, c.table, c.at), Options{})
			switch {
			case c.want == "" && !errors.Is(err, ErrUnsupported):
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
		for _, head := range []string{"LUKS\xba\xbe", "\xeb\x52\x90NTFS    ", "x"} {
			img := filepath.Join(t.TempDir(), "img")
			if err := os.WriteFile(img, append([]byte(head), make([]byte, 1<<20)...), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := openImage(t, img, Options{}); !errors.Is(err, ErrUnsupported) {
				t.Errorf("%q: %v", head, err)
			}
		}
	})
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
