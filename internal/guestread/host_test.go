// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// program runs a program of this machine.
func program(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// openImage opens a raw image.
func openImage(t *testing.T, path string, opts Options) (*Guest, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	size, err := f.Seek(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	return Open(f, size, opts)
}

// tree is a directory with a Linux root and many kinds of file; plain leaves out
// what mkfs.xfs can't put into a new file system.
func tree(t *testing.T, plain bool) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"etc", "bin", "many", "empty", "deep/a/b/c"} {
		must(os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	must(os.WriteFile(filepath.Join(dir, "etc/fstab"), []byte("LABEL=x / ext4 defaults 0 1\nUUID=1 /mnt/data xfs defaults 0 0\n"), 0o644))
	for i := range 1200 {
		must(os.WriteFile(filepath.Join(dir, "many", fmt.Sprintf("a-name-that-is-long-enough-to-fill-blocks-%d", i)), []byte{byte(i)}, 0o640))
	}
	modes := []fs.FileMode{0, fs.ModeSetuid, fs.ModeSetgid}
	if !plain {
		modes = append(modes, fs.ModeSticky)
		must(os.WriteFile(filepath.Join(dir, "etc", "ü \"x'"), nil, 0o600))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i, size := range []int{0, 1, 1023, 1024, 4096, 4097, 70_000, 1_500_000} {
		b := make([]byte, size)
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		name := filepath.Join(dir, fmt.Sprintf("file-%d", i))
		must(os.WriteFile(name, b, 0o644))
		must(os.Chown(name, i*70_001, i*90_007))
		must(os.Chmod(name, fs.FileMode(0o400+i)|modes[i%len(modes)]))
	}
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	must(err)
	for _, at := range []int64{0, 100_000, 900_000, 3_000_000} {
		_, err := sparse.WriteAt([]byte("x"), at)
		must(err)
	}
	must(sparse.Truncate(4_000_001))
	must(sparse.Close())
	for i, n := range []int{1, 59, 60, 61, 300, 900} {
		if n == 900 && plain { // mkfs.xfs leaves out the header of such links
			continue
		}
		must(os.Symlink(strings.Repeat("x", n), filepath.Join(dir, fmt.Sprintf("link-%d", i))))
	}
	must(os.Symlink("../../../etc/./fstab", filepath.Join(dir, "deep/a/b/up")))
	must(os.Symlink("/deep/a/", filepath.Join(dir, "abs")))
	must(os.Symlink("loop", filepath.Join(dir, "loop")))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	return dir
}

// compare compares every file of a guest with a directory of this machine.
func compare(t *testing.T, g *Guest, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n++
		path := "/" + strings.TrimPrefix(strings.TrimPrefix(p, dir), "/")
		var st syscall.Stat_t
		if err := syscall.Lstat(p, &st); err != nil {
			return err
		}
		want := guest.FileInfo{Type: guest.TypeOfMode(st.Mode), Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Size: st.Size}
		if want.Type == guest.Symlink {
			if want.LinkTarget, err = os.Readlink(p); err != nil {
				return err
			}
		}
		got, err := g.Lstat(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		if want.Type == guest.Directory {
			want.Size = got.Size // is the file system's own
		}
		if got != want && path != "/" {
			t.Errorf("%s: %+v, not %+v", path, got, want)
		}
		if want.Type != guest.Regular {
			return nil
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if b, err := g.Read(path, st.Size); err != nil || !bytes.Equal(b, content) {
			t.Errorf("%s: %d of %d bytes, %v", path, len(b), len(content), err)
		}
		if g, err := g.Lstat(path + "x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%sx: %+v, %v", path, g, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files", n)
}

// checkPaths checks how paths are resolved in the tree.
func checkPaths(t *testing.T, g *Guest) {
	t.Helper()
	for path, want := range map[string]error{
		"/deep/a/b/up":  nil,
		"/abs/b/up":     nil,
		"/abs":          ErrFileType,
		"/empty":        ErrFileType,
		"/fifo":         ErrFileType,
		"/loop":         ErrUnsupported,
		"/mnt/data/x":   fs.ErrNotExist, // no /mnt there to mount anything on
		"/link-0":       fs.ErrNotExist,
		"/file-1/x":     fs.ErrNotExist,
		"/empty/../etc": guest.ErrPath,
		"/file-7":       ErrTooLarge,
	} {
		if _, err := g.Read(path, 1000); !errors.Is(err, want) || err == nil != (want == nil) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestExt4(t *testing.T) {
	dir := tree(t, false)
	for name, args := range map[string][]string{
		"ext2":          {"-t", "ext2"},
		"ext3":          {"-t", "ext3", "-b", "1024", "-I", "128"},
		"ext4":          {"-t", "ext4"},
		"ext4 1k":       {"-t", "ext4", "-b", "1024"},
		"ext4 2k":       {"-t", "ext4", "-b", "2048", "-O", "metadata_csum_seed"},
		"ext4 bigalloc": {"-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "16384"},
		"ext4 casefold": {"-t", "ext4", "-O", "casefold,orphan_file"},
		"ext4 old":      {"-t", "ext4", "-O", "^metadata_csum,^64bit,uninit_bg"},
		"ext4 no index": {"-t", "ext4", "-O", "^dir_index,^flex_bg"},
	} {
		t.Run(name, func(t *testing.T) {
			img := filepath.Join(t.TempDir(), "img")
			program(t, "mke2fs", slices.Concat([]string{"-q", "-F", "-d", dir}, args, []string{img, "40M"})...)
			g, err := openImage(t, img, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if d := g.RootDevice(); d != "/dev/sda" {
				t.Error(d)
			}
			compare(t, g, dir)
			checkPaths(t, g)
		})
	}
}

func TestExt4Refused(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ mke2fs, debugfs string }{
		"journal":     {"-Ohas_journal", "feature needs_recovery"},
		"inline data": {"-Oinline_data", ""},
		"mmp":         {"-Ommp", ""},
		"meta_bg":     {"-Ometa_bg,^resize_inode", ""},
		"casefold":    {"-Ocasefold", "set_inode_field <2> flags 0x40080000"},
		"large block": {"-b8192", ""},
		"damage":      {"-q", "set_inode_field <2> mtime 1 -c"},
	} {
		t.Run(name, func(t *testing.T) {
			img := filepath.Join(t.TempDir(), "img")
			program(t, "mke2fs", "-q", "-F", "-t", "ext4", c.mke2fs, "-d", dir, img, "20M")
			if name == "damage" {
				damageInodes(t, img)
			} else if c.debugfs != "" {
				program(t, "debugfs", "-w", "-R", c.debugfs, img)
			}
			if _, err := openImage(t, img, Options{RootDevice: "/dev/sda"}); !errors.Is(err, ErrUnsupported) {
				t.Error(err)
			}
		})
	}
}

// damageInodes changes the root directory's owner and leaves its checksum.
func damageInodes(t *testing.T, img string) {
	t.Helper()
	out := program(t, "debugfs", "-R", "imap <2>", img)
	i := strings.Index(out, "located at block ")
	var block, offset int64
	if i < 0 {
		t.Fatal(out)
	}
	if _, err := fmt.Sscanf(out[i:], "located at block %d, offset 0x%x", &block, &offset); err != nil {
		t.Fatal(err)
	}
	bs := int64(4096)
	if strings.Contains(program(t, "dumpe2fs", "-h", img), "Block size:               1024") {
		bs = 1024
	}
	f, err := os.OpenFile(img, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{7}, block*bs+offset+2); err != nil {
		t.Fatal(err)
	}
}

func TestXFS(t *testing.T) {
	dir := tree(t, true)
	for name, args := range map[string][]string{
		"v5":        nil,
		"v4":        {"-m", "crc=0"},
		"v4 typed":  {"-m", "crc=0", "-n", "ftype=1", "-b", "size=1024"},
		"1k":        {"-b", "size=1024"},
		"large dir": {"-n", "size=16384", "-i", "size=1024"},
		"minimal":   {"-m", "finobt=0,rmapbt=0,reflink=0", "-i", "sparse=0"},
	} {
		t.Run(name, func(t *testing.T) {
			tmp := t.TempDir()
			img, proto := filepath.Join(tmp, "img"), filepath.Join(tmp, "proto")
			if err := os.WriteFile(proto, []byte("/dev/null\n0 0\n"+protoOf(t, dir, "", "")), 0o600); err != nil {
				t.Fatal(err)
			}
			program(t, "truncate", "-s", "320M", img)
			program(t, "mkfs.xfs", slices.Concat([]string{"-q", "-f", "-p", proto}, args, []string{img})...)
			g, err := openImage(t, img, Options{})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, g, dir)
			checkPaths(t, g)
		})
	}
}

// protoOf describes a directory for mkfs.xfs, see its -p.
func protoOf(t *testing.T, path, name, indent string) string {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	bit := func(mask uint32, c string) string {
		if st.Mode&mask != 0 {
			return c
		}
		return "-"
	}
	attrs := fmt.Sprintf("%s%s%03o %d %d", bit(0o4000, "u"), bit(0o2000, "g"), st.Mode&0o777, st.Uid, st.Gid)
	switch guest.TypeOfMode(st.Mode) {
	case guest.Directory:
		s := indent + name + " d" + attrs + "\n"
		entries, err := os.ReadDir(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			s += protoOf(t, filepath.Join(path, e.Name()), e.Name(), indent+" ")
		}
		return s + indent + "$\n"
	case guest.Symlink:
		target, err := os.Readlink(path)
		if err != nil {
			t.Fatal(err)
		}
		return indent + name + " l" + attrs + " " + target + "\n"
	case guest.FIFO:
		return indent + name + " p" + attrs + "\n"
	}
	return indent + name + " -" + attrs + " " + path + "\n"
}
