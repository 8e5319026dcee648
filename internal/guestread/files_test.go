// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// listed lists a guest, and makes sure that what is read by its extents is what Read
// gives.
func listed(t *testing.T, g *Guest, img string) (all map[string]File) {
	t.Helper()
	files, unread, err := g.Files(t.Context())
	if err != nil || len(unread) > 0 {
		t.Fatal(err, unread)
	}
	disk, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	all = map[string]File{}
	for _, f := range files {
		all[f.Path] = f
		if f.Type != guest.Regular {
			continue
		}
		want, err := g.Read(f.Path, f.Size)
		if err != nil {
			t.Fatal(err)
		}
		extents, err := g.Extents(f)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, f.Size)
		for _, x := range extents {
			if _, err := disk.ReadAt(got[x.At:x.At+x.Length], x.Disk); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: its extents %v hold something else", f.Path, extents)
		}
	}
	return all
}

// Every file is listed, and no other, with what lstat says.
func TestFiles(t *testing.T) {
	dir, tmp := rootTree(t), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "many"), 0o1777))
	for i := range 400 {
		name := filepath.Join(dir, "many", fmt.Sprintf("a-name-that-is-long-enough-to-fill-blocks-%d", i))
		must(os.WriteFile(name, bytes.Repeat([]byte{byte(i)}, i*11), 0o640))
		must(os.Chown(name, i*70_001, 7))
	}
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	must(err)
	for _, at := range []int64{0, 100_000, 900_000, 3_000_000} {
		_, err := sparse.WriteAt([]byte("x"), at)
		must(err)
	}
	must(sparse.Truncate(4_000_001))
	must(sparse.Close())
	must(os.Symlink(strings.Repeat("x", 300), filepath.Join(dir, "link")))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	ext, ext2, xfs, proto := filepath.Join(tmp, "ext"), filepath.Join(tmp, "ext2"), filepath.Join(tmp, "xfs"), filepath.Join(tmp, "proto")
	must(os.WriteFile(proto, []byte("/dev/null\n0 0\n"+protoOf(t, dir, "", "")), 0o600))
	program(t, "truncate", "-s", "320M", xfs)
	program(t, "mkfs.xfs", "-q", "-f", "-p", proto, xfs)
	devices := map[string]string{"/null": "1:3", "/large": "259:257"}
	must(syscall.Mknod(filepath.Join(dir, "null"), syscall.S_IFCHR|0o600, 1<<8|3))
	must(syscall.Mknod(filepath.Join(dir, "large"), syscall.S_IFCHR|0o600, 259<<8|1|1<<20))
	program(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", dir, ext, "20M")
	program(t, "mke2fs", "-q", "-F", "-t", "ext2", "-b", "1024", "-d", dir, ext2, "20M")
	for _, img := range []string{ext, ext2, xfs} {
		g, err := openImage(t, img, Options{})
		if err != nil {
			t.Fatal(err)
		}
		all := listed(t, g, img)
		delete(all, "/lost+found")
		if err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
			path := "/" + strings.TrimPrefix(strings.TrimPrefix(p, dir), "/")
			if devices[path] != "" && img == xfs {
				return err
			}
			got, ok := all[path]
			delete(all, path)
			want, e := g.Lstat(path)
			if want.Type == guest.Directory || want.Type == guest.CharDevice {
				want.Size = got.Size
			}
			if !ok || got.FileInfo != want || e != nil {
				t.Errorf("%s: %s: %+v, not %+v, %v", img, path, got, want, e)
			}
			if got.Device != devices[path] {
				t.Errorf("%s: %s: device %s, not %s", img, path, got.Device, devices[path])
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for p := range all {
			t.Errorf("%s: %s is not there", img, p)
		}
	}
}

// What a guest mounts by UUID or label is listed with it, and what is not found or
// damaged is told; neither ends the list.
func TestFilesOfAll(t *testing.T) {
	root, boot := rootTree(t), t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(root, "boot"), 0o755), os.Mkdir(filepath.Join(root, "srv"), 0o755), os.Mkdir(filepath.Join(root, "bad"), 0o755),
		os.WriteFile(filepath.Join(root, "boot", "hidden"), nil, 0o644), os.WriteFile(filepath.Join(root, "srv", "hidden"), nil, 0o644),
		os.WriteFile(filepath.Join(root, "bad", "file"), nil, 0o644),
		os.WriteFile(filepath.Join(root, "etc", "fstab"), []byte("LABEL=boot /boot ext4\nUUID=1234 /srv ext4\n"), 0o644),
		os.WriteFile(filepath.Join(boot, "vmlinuz-1"), []byte("kernel"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	img := diskAt(t, "label: gpt\nstart=20480,size=8192,type=L\nstart=40960,size=8192,type=L\n", map[int64]string{10: boot, 20: root})
	for mib, debugfs := range map[int]string{10: "set_super_value volume_name boot", 20: "set_inode_field /bad i_size 1000"} {
		program(t, "debugfs", "-w", "-R", debugfs, fmt.Sprintf("%s?offset=%d", img, mib<<20))
	}
	g, err := openImage(t, img, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.MountAll(); err != nil {
		t.Fatal(err)
	}
	files, unread, err := g.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	has := func(p string) bool { return slices.ContainsFunc(files, func(f File) bool { return f.Path == p }) }
	if !has("/boot/vmlinuz-1") || !has("/etc/fstab") || has("/boot/hidden") || has("/srv/hidden") || has("/bad/file") {
		t.Errorf("%+v", files)
	}
	if len(unread) != 2 || !slices.Contains([]string{"/bad/srv", "/srv/bad"}, unread[0].Path+unread[1].Path) {
		t.Errorf("%+v", unread)
	}
	i := slices.IndexFunc(files, func(f File) bool { return f.Path == "/boot/vmlinuz-1" })
	x, err := g.Extents(files[i])
	if err != nil || len(x) != 1 || x[0].Length != 6 || x[0].Disk < 10<<20 || x[0].Disk >= 14<<20 {
		t.Errorf("%+v, %v", x, err)
	}
}

// A directory that is below itself ends the list's way there, not the list.
func TestFilesInACircle(t *testing.T) {
	root := rootTree(t)
	img := filepath.Join(t.TempDir(), "img")
	program(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", root, img, "8M")
	program(t, "debugfs", "-w", "-R", "link /etc /usr/again", img)
	g, err := openImage(t, img, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, unread, err := g.Files(t.Context())
	if err != nil || len(unread) != 1 || !strings.Contains(unread[0].Reason, "two places") {
		t.Error(unread, err)
	}
	if _, err := g.Extents(File{num: 1 << 40, fsys: g.fsys}); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}
