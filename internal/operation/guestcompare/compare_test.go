// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func program(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// guests makes the disks of a guest before and after a change. Inodes and blocks of
// what stays are the same.
func guests(t *testing.T) (before, after string) {
	t.Helper()
	dir, tmp := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(p, content string) {
		must(os.MkdirAll(filepath.Dir(filepath.Join(dir, p)), 0o755))
		must(os.WriteFile(filepath.Join(dir, p), []byte(content), 0o644))
	}
	write("bin/sh", strings.Repeat("s", 9<<20))
	write("etc/hosts", "")
	write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
	write("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1.0~rc1\n\nPackage: b\nStatus: install ok installed\nVersion: 2\n")
	write("etc/content", strings.Repeat("c", 5000))
	write("etc/mode", "m")
	write("etc/owner", "o")
	write("etc/gone/file", "g")
	write("etc/became", "a folder")
	write("var/log/syslog", "x")
	write("srv/hidden/file", "x")
	must(os.Symlink("old", filepath.Join(dir, "etc/link")))
	must(os.Link(filepath.Join(dir, "etc/content"), filepath.Join(dir, "etc/content2")))
	before, after = filepath.Join(tmp, "before"), filepath.Join(tmp, "after")
	program(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", dir, before, "32M")
	write("etc/content", strings.Repeat("c", 4999)+"d")
	write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nu:x:1:1::/:/bin/sh\n")
	write("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1.0\n\nPackage: c\nStatus: install ok installed\nVersion: 3\n")
	write("var/log/syslog", "y")
	write("etc/bad\n\xff", "new")
	must(os.Chmod(filepath.Join(dir, "etc/mode"), 0o4755))
	must(os.Chown(filepath.Join(dir, "etc/owner"), 70_000, 3))
	must(os.RemoveAll(filepath.Join(dir, "etc/gone")))
	must(os.Remove(filepath.Join(dir, "etc/became")))
	must(os.Mkdir(filepath.Join(dir, "etc/became"), 0o755))
	must(os.Remove(filepath.Join(dir, "etc/link")))
	must(os.Symlink("new", filepath.Join(dir, "etc/link")))
	must(syscall.Mkfifo(filepath.Join(dir, "etc/fifo"), 0o600))
	program(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", dir, after, "32M")
	program(t, "debugfs", "-w", "-R", "set_inode_field /srv/hidden i_size 1000", after)
	return before, after
}

// Two snapshots of one image, of which RBD knows what differs, and snapshots of two
// images, of which nobody does, give the same. What can't be read is told.
func TestDo(t *testing.T) {
	acctest.RequireLab(t)
	name := acctest.Name(t)
	before, after := guests(t)
	one, other := rbd.Spec{Pool: "vms", Image: name}, rbd.Spec{Pool: "vms", Image: name + "-other"}
	snap := func(s rbd.Spec) { acctest.RBD(t, "snap", "create", "--no-progress", s.String()) }
	imagestest.Make(t, one.String(), "import", "--no-progress", before)
	snap(one.WithSnapshot("1"))
	program(t, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", after, "rbd:"+one.String()+":id=terraform:conf="+os.Getenv("CEPH_CONF"))
	snap(one.WithSnapshot("2"))
	imagestest.Make(t, other.String(), "import", "--no-progress", after)
	snap(other.WithSnapshot("1"))
	ceph := rbd.NewCluster(rbd.Config{})
	compare := func(a, b rbd.Spec) Result {
		t.Helper()
		r, err := Do(t.Context(), ceph, Request{Before: a, After: b, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	got := compare(one.WithSnapshot("1"), one.WithSnapshot("2"))
	var files []string
	for _, f := range got.Files.Items {
		files = append(files, string(f.Change)+" "+f.Path+" "+strings.Join(f.Differs, ","))
	}
	want := []string{
		`added /etc/bad\x0a\xff `, "changed /etc/became mode,type", "changed /etc/content content", "changed /etc/content2 content", "added /etc/fifo ",
		"removed /etc/gone ", "removed /etc/gone/file ", "changed /etc/link target", "changed /etc/mode mode", "changed /etc/owner owner", "changed /etc/passwd content",
	}
	if !slices.Equal(files, want) {
		t.Errorf("%q", files)
	}
	packages := []Item{{"a", Upgraded, "1.0~rc1", "1.0"}, {"b", Removed, "2", ""}, {"c", Added, "", "3"}}
	if !slices.Equal(got.Packages.Items, packages) || got.Users.Total != 1 || got.Users.Items[0].Name != "u" {
		t.Errorf("%+v, %+v", got.Packages.Items, got.Users.Items)
	}
	if got.Unread.Total != 1 || got.Unread.Items[0].Path != "/srv/hidden" {
		t.Errorf("%+v", got.Unread.Items)
	}
	if two := compare(one.WithSnapshot("1"), other.WithSnapshot("1")); !reflect.DeepEqual(two, got) {
		t.Errorf("of two images: %+v", two)
	}
	if back := compare(one.WithSnapshot("2"), one.WithSnapshot("1")); back.Files.Counts[Added] != 2 || back.Packages.Counts[Downgraded] != 1 {
		t.Errorf("the other way round: %+v", back.Files.Counts)
	}
	if same := compare(one.WithSnapshot("1"), one.WithSnapshot("1")); !same.Identical() {
		t.Errorf("with itself: %+v", same)
	}
	program(t, "debugfs", "-w", "-R", "feature needs_recovery", after)
	imagestest.Make(t, other.String()+"-dirty", "import", "--no-progress", after)
	dirty := rbd.Spec{Pool: "vms", Image: other.Image + "-dirty", Snapshot: "1"}
	snap(dirty)
	if r := compare(one.WithSnapshot("1"), dirty); !strings.Contains(r.Problem, "journal") || r.Identical() {
		t.Errorf("a journal to be replayed: %+v", r)
	}
}
