// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
)

var guests = []string{"tiny-ext4", "tiny-xfs", "tiny-lvm"}

// TestAppliance compares every file of the lab's guests with what the appliance
// reads, after it has put more into them than their makers did. One appliance
// serves all guests, since its launch is what takes the time.
func TestAppliance(t *testing.T) {
	lab := os.Getenv("RBD_LAB_GUESTS")
	if lab == "" {
		t.Fatal("RBD_LAB_GUESTS is not set: run `lab/lab guests`, and eval \"$(lab/lab env)\"")
	}
	tmp := t.TempDir()
	overlay := func(name string) string { return filepath.Join(tmp, name+".qcow2") }
	raw := func(name string) string { return filepath.Join(tmp, name+".raw") }
	more := filepath.Join(tmp, "more.tar")
	if err := os.WriteFile(more, moreFiles(t), 0o600); err != nil {
		t.Fatal(err)
	}

	var drives []guestfs.Drive
	device := map[string]string{} // as the appliance names it
	for i, name := range guests {
		program(t, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", filepath.Join(lab, name+".qcow2"), overlay(name))
		drives = append(drives, guestfs.Drive{Path: overlay(name), Format: "qcow2"})
		program(t, "qemu-img", "convert", "-O", "raw", overlay(name), raw(name))
		g, err := openImage(t, raw(name), Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		device[name] = strings.Replace(g.RootDevice(), "/dev/sda", "/dev/sd"+string(rune('a'+i)), 1)
		t.Logf("%s: %s", name, g.RootDevice())
	}
	m, err := guestfs.New(guestfs.Config{Accelerator: guestfs.TCG})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Launch(t.Context(), guestfs.Request{Drives: drives})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	do := func(name string, args ...string) string {
		t.Helper()
		out, err := s.Run(t.Context(), name, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, name := range guests {
		do("mount", device[name], "/")
		do("tar-in", more, "/", "xattrs:true")
		do("setxattr", "user.x", strings.Repeat("y", 300), "300", "/more/modes-0")
		// Every second block, so that the map of blocks becomes a tree.
		for i := range 40 {
			do("pwrite", "/more/fragments", fmt.Sprintf("block %d", i), fmt.Sprint(i*8192))
		}
		do("fallocate64", "/more/allocated", "100000")
		do("pwrite", "/more/allocated", "x", "50000")
		do("truncate-size", "/more/hole", "3000000")
		do("sync")
		if name == "tiny-xfs" {
			// What lies in the log is not in its place yet.
			dirty := filepath.Join(tmp, "dirty.raw")
			program(t, "qemu-img", "convert", "-U", "-O", "raw", overlay(name), dirty)
			if _, err := openImage(t, dirty, Options{}); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "replayed") {
				t.Errorf("a mounted XFS: %v", err)
			}
		}
		do("umount-all")
		do("mount-ro", device[name], "/")
		do("tar-out", "/", filepath.Join(tmp, name+".tar"), "numericowner:true")
		do("umount-all")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range guests {
		t.Run(name, func(t *testing.T) {
			program(t, "qemu-img", "convert", "-O", "raw", overlay(name), raw(name))
			g, err := openImage(t, raw(name), Options{})
			if err != nil {
				t.Fatal(err)
			}
			compareTar(t, g, filepath.Join(tmp, name+".tar"))
			if _, err := g.Read("/data/x", 1); name != "tiny-lvm" && !errors.Is(err, ErrUnsupported) && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("below a mount: %v", err)
			}
			again, err := openImage(t, raw(name), Options{RootDevice: g.RootDevice()})
			if err != nil || again.RootDevice() != g.RootDevice() {
				t.Error(err)
			}
			if _, err := openImage(t, raw(name), Options{RootDevice: "/dev/sda9"}); !errors.Is(err, ErrUnsupported) {
				t.Error(err)
			}
		})
	}
}

// moreFiles is a tar archive of files that the guests lack.
func moreFiles(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(h tar.Header, content string) {
		t.Helper()
		h.Name, h.Size, h.Format = "more/"+h.Name, int64(len(content)), tar.FormatPAX
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{20, 100, 600} { // small, one block and several of them, a tree
		dir := fmt.Sprintf("dir-%d/", n)
		add(tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o1770, Uid: 5, Gid: 6}, "")
		for i := range n {
			add(tar.Header{Name: fmt.Sprintf("%sname-%d-%s", dir, i, strings.Repeat("x", i%60))}, fmt.Sprint(i))
		}
	}
	for i, mode := range []int64{0o4755, 0o2755, 0o1644, 0o7777, 0o001, 0o400} {
		add(tar.Header{Name: fmt.Sprintf("modes-%d", i), Mode: mode, Uid: i * 65_537, Gid: i * 400_009}, strings.Repeat("content", i*500))
	}
	for i, n := range []int{1, 59, 60, 61, 200, 1000} {
		add(tar.Header{Name: fmt.Sprintf("link-%d", i), Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("x", n)}, "")
	}
	add(tar.Header{Name: "hostname", Typeflag: tar.TypeSymlink, Linkname: "../more/../etc/./hostname"}, "")
	for i, name := range []string{"a b", "a\nb", "\"'\\|$", "ü", "-rf"} {
		add(tar.Header{Name: name}, fmt.Sprint(i))
	}
	add(tar.Header{Name: "char", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, "")
	add(tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}, "")
	add(tar.Header{Name: "fragments"}, "")
	add(tar.Header{Name: "hole"}, "begin")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// compareTar compares every file of a guest with an archive of it.
func compareTar(t *testing.T, g *Guest, archive string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := tar.NewReader(f)
	n := 0
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		path := "/" + strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")
		kinds := map[byte]guest.FileType{
			tar.TypeReg: guest.Regular, tar.TypeDir: guest.Directory, tar.TypeSymlink: guest.Symlink,
			tar.TypeChar: guest.CharDevice, tar.TypeBlock: guest.BlockDevice, tar.TypeFifo: guest.FIFO, tar.TypeLink: guest.Regular,
		}
		got, err := g.Lstat(path)
		if _, mount := g.mounts[path]; mount && errors.Is(err, ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		n++
		want := guest.FileInfo{Type: kinds[h.Typeflag], Mode: uint32(h.Mode) & 0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid), Size: h.Size}
		switch h.Typeflag {
		case tar.TypeSymlink:
			want.LinkTarget, want.Size = h.Linkname, int64(len(h.Linkname))
		case tar.TypeReg:
		default:
			want.Size = got.Size
		}
		if got != want {
			t.Errorf("%q: %+v, not %+v", path, got, want)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := g.Read(path, h.Size); err != nil || !bytes.Equal(b, content) {
			t.Errorf("%q: %d of %d bytes, %v", path, len(b), len(content), err)
		}
		if fi, err := g.Lstat(path + "~"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %+v, %v", path+"~", fi, err)
		}
	}
	t.Logf("%d files", n)
	if n < 700 {
		t.Error("there should be more")
	}
	if b, err := g.Read("/more/hostname", 100); err != nil || len(b) == 0 {
		t.Errorf("a link: %q, %v", b, err)
	}
}
