// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/disktools"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay/overlaytest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// offset is where the root file system of rootDisk begins.
const offset = 10 << 20

// rootDisk is a guest with /var on a file system of its own, large and indexed
// directories, SELinux labels, and names that are no plain ones. The commands are
// more of debugfs.
func rootDisk(t *testing.T, commands ...string) string {
	t.Helper()
	files := map[string]string{
		"etc/fstab": "LABEL=root / ext4 defaults 0 1\n", "etc/hosts": "127.0.0.1 localhost\n", "etc/labelled": "old\n",
		"etc/old name": "old\n", "etc/setuid": "#!\n", "etc/twice": "old\n", "etc/acl": "old\n", "bin/sh": "", "var/empty": "",
	}
	for i := range 400 {
		files[fmt.Sprintf("many/%s-%d", strings.Repeat("long", 30), i)] = "x"
	}
	raw := guestdisk.Disk(t, "label: gpt\nstart=2048,size=16384,type=L\nstart=20480,size=16384,type=L\n", map[int64]map[string]string{
		1: {"lib/app.conf": "old\n"}, 10: files,
	})
	at := fmt.Sprintf("%s?offset=%d", raw, offset)
	label := filepath.Join(t.TempDir(), "label")
	if err := os.WriteFile(label, []byte("system_u:object_r:etc_t:s0\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	commands = append([]string{
		"ea_set -f " + label + " /etc security.selinux", "ea_set -f " + label + " /etc/labelled security.selinux",
		"set_inode_field /etc/setuid mode 0104755", "set_inode_field /etc/setuid uid 100000", "symlink /etc/link hosts",
	}, commands...)
	guestdisk.Run(t, "debugfs", "-w", "-f", script(t, commands), at)
	// It indexes the directory, and finds that it has changed something.
	guestdisk.Run(t, "sh", "-c", `e2fsck -fyD "$1" || [ $? = 1 ]`, "sh", at)
	return raw
}

func script(t *testing.T, lines []string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(f, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// imported is an image of a disk, and its id.
func imported(t *testing.T, b guestoverlay.Backends, raw, suffix string) (rbd.Spec, string) {
	t.Helper()
	spec := rbd.Spec{Pool: "vms", Image: acctest.Name(t) + suffix}
	acctest.RBD(t, "import", "--no-progress", raw, spec.String())
	img, err := b.Ceph.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return spec, img.ID
}

// plainEdits are one of each kind, on both file systems.
func plainEdits() []Edit {
	return []Edit{
		{Path: "/etc/hosts", Append: []string{"10.0.0.1 db"}},
		{Path: "/etc/labelled", Content: ptr(strings.Repeat("new\n", 3000))},
		{Path: "/etc/new", Content: ptr("a new one\x00"), Mode: ptr(uint32(0o4640)), UID: ptr(uint32(70000)), GID: ptr(uint32(8))},
		{Path: "/etc/empty", Content: ptr("")},
		{Path: "/etc/copy", CopyFrom: "/etc/twice"},
		{Path: "/etc/setuid", Replace: []Replacement{{regexp.MustCompile("^#!"), "#!/bin/sh"}}},
		{Path: "/etc/link", Link: ptr("/etc/labelled")},
		{Path: "/etc/fresh", Link: ptr("../" + strings.Repeat("a", 100))},
		{Path: "/srv/a/b", Directory: true, Mode: ptr(uint32(0o1777))},
		{Path: "/srv/a/b/file", Content: ptr("inside")},
		{Path: "/many/" + strings.Repeat("long", 30) + "-7", Absent: true},
		{Path: "/many/" + strings.Repeat("new", 40), Content: ptr("one more")},
		{Path: "/bin", Directory: true, Mode: ptr(uint32(0o700)), GID: ptr(uint32(3))},
		{Path: "/bin/sh", Mode: ptr(uint32(0o755)), UID: ptr(uint32(1))},
		{Path: "/var/lib/app.conf", Content: ptr("new\n")},
	}
}

var separate = guest.Tree{Mounts: map[string]string{"/": "/dev/sda2", "/var": "/dev/sda1"}}

// What the tools of ext4 make of a guest is what an appliance makes of it. To that is
// left a file system in which e2fsck finds faults; nothing of the first attempt is
// left.
func TestEditWithoutAppliance(t *testing.T) {
	t.Parallel()
	b, n := overlaytest.Backends(t)
	raw := rootDisk(t)
	direct, id := imported(t, b, raw, "-direct")
	j := job{Backends: b, spec: direct, tree: separate, edits: plainEdits()}
	if err := j.run(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}
	if r := n.Appliance(); r != "" {
		t.Error(r)
	}
	for _, o := range []int{1 << 20, offset} {
		guestdisk.Run(t, "e2fsck", "-fn", fmt.Sprintf("%s?offset=%d", exported(t, direct), o))
	}
	guestdisk.Run(t, "debugfs", "-w", "-R", "set_inode_field /etc/acl links_count 5", fmt.Sprintf("%s?offset=%d", raw, offset))
	inside, id := imported(t, b, raw, "-inside")
	j.spec = inside
	if err := j.run(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(n.Appliance(), disktools.ErrUnclean.Error()) {
		t.Errorf("the reason for an appliance: %q", n.Appliance())
	}
	got, want := trees(t, b, direct, inside)
	for p := range maps.Keys(want) {
		if got[p] != want[p] {
			t.Errorf("%s\nwithout an appliance %s\n           within one %s", p, got[p], want[p])
		}
		delete(got, p)
	}
	if len(got) > 0 {
		t.Errorf("too many: %v", got)
	}
}

func exported(t *testing.T, spec rbd.Spec) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	acctest.RBD(t, "export", "--no-progress", spec.String(), file)
	return file
}

// trees are the files of two guests, as tar has them in an appliance.
func trees(t *testing.T, b guestoverlay.Backends, one, other rbd.Spec) (files, more map[string]string) {
	t.Helper()
	s, err := b.Guests.Launch(t.Context(), guestfs.Request{Drives: []guestfs.Drive{
		{Path: exported(t, one), Format: "raw"}, {Path: exported(t, other), Format: "raw"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	tree := func(disk string) map[string]string {
		out := filepath.Join(t.TempDir(), "tar")
		for _, c := range [][]string{
			{"mount", disk + "2", "/"}, {"mount", disk + "1", "/var"},
			{"tar-out", "/", out, "numericowner:true", "xattrs:true", "acls:true", "selinux:true"}, {"umount-all"},
		} {
			if _, err := s.Run(t.Context(), c[0], c[1:]...); err != nil {
				t.Fatal(err)
			}
		}
		return entries(t, out)
	}
	return tree("/dev/sda"), tree("/dev/sdb")
}

// entries are the files of an archive, without their times.
func entries(t *testing.T, archive string) map[string]string {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]string{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			t.Fatal(err)
		}
		delete(h.PAXRecords, "mtime")
		delete(h.PAXRecords, "atime")
		delete(h.PAXRecords, "ctime")
		// The kernel takes a label with and without its NUL for the same.
		const label = "SCHILY.xattr.security.selinux"
		if l, ok := h.PAXRecords[label]; ok {
			h.PAXRecords[label] = strings.TrimRight(l, "\x00")
		}
		all[h.Name] = fmt.Sprintf("%c %o %d:%d %d %q %q %x", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Size, h.Linkname, h.PAXRecords, sum.Sum(nil)[:6])
	}
}

// What the tools can't do for sure is left to an appliance, and says why.
func TestEditThatNeedsAppliance(t *testing.T) {
	t.Parallel()
	b, _ := overlaytest.Backends(t)
	raw := rootDisk(t, "ln /etc/twice /etc/again", "set_inode_field /etc/twice links_count 2", "symlink /etc/linked /bin", "ea_set /etc/acl user.x y", "set_inode_field /etc/labelled flags 0x80010")
	spec, _ := imported(t, b, raw, "")
	for name, tc := range map[string]struct {
		edit Edit
		want string
	}{
		"two names":       {Edit{Path: "/etc/twice", Content: ptr("new")}, "several names"},
		"attributes":      {Edit{Path: "/etc/acl", Content: ptr("new")}, `attribute "user.x"`},
		"immutable":       {Edit{Path: "/etc/labelled", Content: ptr("new")}, "flags 0x10"},
		"a blank":         {Edit{Path: "/etc/old name", Content: ptr("new")}, "takes? for another"},
		"an inode number": {Edit{Path: "/etc/<2>", Content: ptr("new")}, "takes? for another"},
		"an option":       {Edit{Path: "/etc/-f", Content: ptr("new")}, "takes? for another"},
		"through a link":  {Edit{Path: "/etc/linked/x", Content: ptr("new")}, "directories"},
		"no directory":    {Edit{Path: "/none/x", Content: ptr("new")}, "directory is missing"},
		"no room":         {Edit{Path: "/etc/large", Content: ptr(strings.Repeat("x", 8<<20))}, "after the edit|faults|large"},
	} {
		t.Run(name, func(t *testing.T) {
			j := job{Backends: b, spec: spec, tree: separate, edits: []Edit{tc.edit}}
			o, err := guestoverlay.New(t.Context(), b, spec)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Remove()
			_, err = j.editDirect(t.Context(), o, separate)
			if !errors.Is(err, errIndirect) || !regexp.MustCompile(tc.want).MatchString(err.Error()) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}
