// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// TestKinds edits a guest on btrfs with subvolumes, and a Windows on NTFS; one
// appliance makes and serves both.
func TestKinds(t *testing.T) {
	ctx, tmp := t.Context(), t.TempDir()
	var drives []Drive
	for _, name := range []string{"btrfs", "ntfs"} {
		d := Drive{Path: filepath.Join(tmp, name), Format: "qcow2"}
		if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", d.Path, "256M").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		drives = append(drives, d)
	}
	drives = append(drives, Drive{Path: uncleanNTFS(t), Format: "raw"})
	m, err := New(Config{Accelerator: TCG})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Launch(ctx, Request{Drives: drives})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abort)
	do := func(t *testing.T, lines ...string) (out string) {
		t.Helper()
		for _, l := range lines {
			args := strings.Split(l, " ")
			var err error
			if out, err = s.Run(ctx, args[0], args[1:]...); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	mount := func(t *testing.T, device string) (Root, error) {
		t.Helper()
		if err := s.UnmountAll(ctx); err != nil {
			t.Fatal(err)
		}
		return s.MountRoot(ctx, device)
	}
	mustMount := func(t *testing.T, device string) Root {
		t.Helper()
		root, err := mount(t, device)
		if err != nil {
			t.Fatal(err)
		}
		return root
	}

	t.Run("btrfs", func(t *testing.T) {
		do(t, "part-disk /dev/sda gpt", "mkfs btrfs /dev/sda1 label:disk", "mount /dev/sda1 /",
			"btrfs-subvolume-create /root", "btrfs-subvolume-create /@home", "mkdir-p /root/etc", "mkdir-p /root/home", "mkdir-p /root/all",
			"write /root/etc/fstab LABEL=disk\t/\tbtrfs\tsubvol=root\nLABEL=disk\t/home\tbtrfs\tnoatime,subvol=/@home\nLABEL=disk\t/all\tbtrfs\tsubvolid=5\n",
			"btrfs-subvolume-snapshot /root /old ro:true")
		root := mustMount(t, "btrfsvol:/dev/sda1/root")
		want := []Mount{{"/", "btrfsvol:/dev/sda1/root"}, {"/home", "btrfsvol:/dev/sda1/@home"}, {"/all", "/dev/sda1"}}
		if !reflect.DeepEqual(root.Mounts, want) || len(root.Missing) > 0 {
			t.Errorf("%+v", root)
		}
		for _, p := range []string{"/etc/app.conf", "/home/u", "/all/top"} {
			if err := s.Write(ctx, Write{Path: p, Content: []byte(p), Mode: ptr[uint32](0o600), UID: ptr[uint32](7)}); err != nil {
				t.Error(err)
			}
		}
		do(t, "mkdir /bin", "touch /bin/sh")
		if root := mustMount(t, ""); root.Device != "btrfsvol:/dev/sda1/root" || len(root.Mounts) != 3 {
			t.Errorf("%+v", root)
		}
		if got, err := s.Read(ctx, "/home/u", 10); err != nil || string(got) != "/home/u" {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := mount(t, "/dev/sda1"); !errors.Is(err, ErrNoRoot) || !strings.Contains(err.Error(), "btrfsvol:/dev/sda1/root") {
			t.Error(err)
		}
		if err := s.UnmountAll(ctx); err != nil {
			t.Fatal(err)
		}
		if got := do(t, "mount /dev/sda1 /", "read-file /root/etc/app.conf") + do(t, "read-file /@home/u") + do(t, "read-file /top"); got != "/etc/app.conf/home/u/all/top" {
			t.Errorf("%q", got)
		}
		mustMount(t, "btrfsvol:/dev/sda1/old")
		if err := s.Write(ctx, Write{Path: "/etc/app.conf"}); !errors.Is(err, ErrReadOnly) {
			t.Error(err)
		}
		id := regexp.MustCompile(`id: (\d+)\n.*\n.*path: root\n`).FindStringSubmatch(do(t, "umount-all", "mount /dev/sda1 /", "btrfs-subvolume-list /"))
		do(t, "btrfs-subvolume-snapshot /root /older", "umount-all")
		if _, err := mount(t, ""); !errors.Is(err, ErrManyRoots) {
			t.Error(err)
		}
		do(t, "mount /dev/sda1 /", "btrfs-subvolume-set-default "+id[1]+" /")
		if root := mustMount(t, ""); root.Device != "/dev/sda1" { // as SUSE has it
			t.Errorf("%+v", root)
		}
		mustMount(t, "/dev/sda1")
		if fi, err := s.Lstat(ctx, "/etc/app.conf"); err != nil || fi.Mode != 0o600 || fi.UID != 7 {
			t.Errorf("%+v, %v", fi, err)
		}
		do(t, "umount-all", "wipefs /dev/sda1") // it would be a second operating system
	})

	t.Run("ntfs", func(t *testing.T) {
		const hosts = "/Windows/System32/drivers/etc/hosts"
		if err := s.UnmountAll(ctx); err != nil {
			t.Fatal(err)
		}
		do(t, "part-init /dev/sdb mbr", "part-add /dev/sdb p 2048 262143", "part-add /dev/sdb p 262144 -1",
			"mkfs ntfs /dev/sdb1", "mkfs ntfs /dev/sdb2", "ntfsfix /dev/sdb2", // which marks it as dirty
			"mount /dev/sdb1 /", "mkdir-p /Windows/System32/drivers/etc", "write "+hosts+" a\r\n", "ln-s Windows /Documents")
		inode := func() string { return regexp.MustCompile(`st_ino: \d+`).FindString(do(t, "lstatns "+hosts)) }
		before := inode()
		mustMount(t, "/dev/sdb1")
		if !s.RootIsNTFS() {
			t.Error("it is not told to be an NTFS")
		}
		for _, p := range []string{hosts, strings.ToUpper(hosts), strings.ToLower(hosts)} {
			if got, err := s.Read(ctx, p, 10); err != nil || string(got) != "a\r\n" {
				t.Errorf("%s: %q, %v", p, got, err)
			}
		}
		if _, err := s.Lstat(ctx, "/windows/GONE/x"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if err := s.Write(ctx, Write{Path: strings.ToUpper(hosts), Content: []byte("b\r\n")}); err != nil {
			t.Error(err)
		}
		if err := s.Mkdir(ctx, "/windows/setup/Scripts", nil, nil, nil); err != nil {
			t.Error(err)
		}
		big := []byte(strings.Repeat("\x00x", 100<<10))
		if err := s.Write(ctx, Write{Path: "/WINDOWS/Setup/scripts/SetupComplete.cmd", Content: big}); err != nil {
			t.Error(err)
		}
		if err := errors.Join(s.Mkdir(ctx, "/it's/here", nil, nil, nil), s.Write(ctx, Write{Path: "/it's/here/$x.cmd"}), s.readBack(ctx)); err != nil {
			t.Error(err)
		}
		// As mkntfs has it for the root folder, and nothing for everybody.
		for _, p := range []string{"/it's", "/it's/here", "/it's/here/$x.cmd"} {
			acl := do(t, "lgetxattr "+p+" "+aclAttr)
			if strings.Contains(acl, string(sid(1, 0))) || !strings.Contains(acl, string(administrators)) || !strings.Contains(acl, string(users)) {
				t.Errorf("%s: %x", p, acl)
			}
		}
		if err := s.UnmountAll(ctx); err != nil {
			t.Fatal(err)
		}
		if got := do(t, "mount /dev/sdb1 /", "find /Windows"); got != "/System32\n/System32/drivers\n/System32/drivers/etc\n/System32/drivers/etc/hosts\n/setup\n/setup/Scripts\n/setup/Scripts/SetupComplete.cmd\n" &&
			got != "System32\nSystem32/drivers\nSystem32/drivers/etc\nSystem32/drivers/etc/hosts\nsetup\nsetup/Scripts\nsetup/Scripts/SetupComplete.cmd\n" {
			t.Errorf("%q", got)
		}
		if got := do(t, "read-file "+hosts); got != "b\r\n" || inode() != before {
			t.Errorf("%q, %s before %s", got, inode(), before)
		}
		mustMount(t, "/dev/sdb1")
		for name, err := range map[string]error{
			"mode":  s.Write(ctx, Write{Path: hosts, Mode: ptr[uint32](0o644)}),
			"owner": s.Chown(ctx, hosts, 0, 0), "chmod": s.Chmod(ctx, hosts, 0o777), "link": s.Symlink(ctx, "x", "/x"),
		} {
			if !errors.Is(err, ErrNoModes) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, p := range []string{"/Windows/aux.txt", "/Windows/a?", "/Windows/dot."} {
			if err := s.Write(ctx, Write{Path: p}); !errors.Is(err, guest.ErrPath) {
				t.Errorf("%s: %v", p, err)
			}
		}
		if err := s.Write(ctx, Write{Path: "/documents/System32/x"}); !errors.Is(err, ErrSymlink) {
			t.Error(err)
		}
		if err := s.Remove(ctx, strings.ToUpper(hosts)); err != nil {
			t.Error(err)
		}
		if _, err := s.Lstat(ctx, hosts); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if _, err := mount(t, "/dev/sdb2"); !errors.Is(err, ErrUnclean) || !strings.Contains(err.Error(), "dirty") {
			t.Error(err)
		}
		if _, err := mount(t, "/dev/sdc"); !errors.Is(err, ErrUnclean) || !strings.Contains(err.Error(), "not unmounted it") {
			t.Error(err)
		}
		// What inspection takes for a Windows: its folders, and a program for it.
		cmd := filepath.Join(tmp, "cmd.exe")
		if err := os.WriteFile(cmd, program(), 0o600); err != nil {
			t.Fatal(err)
		}
		do(t, "umount-all", "mount /dev/sdb1 /", "mkdir-p /Windows/System32/config", "upload "+cmd+" /Windows/System32/cmd.exe")
		if root := mustMount(t, ""); root.Device != "/dev/sdb1" || !s.RootIsNTFS() {
			t.Errorf("%+v", root)
		}
		hibernated := filepath.Join(tmp, "hiberfil")
		if err := os.WriteFile(hibernated, append([]byte("hibr"), make([]byte, 4092)...), 0o600); err != nil {
			t.Fatal(err)
		}
		do(t, "umount-all", "mount /dev/sdb1 /", "upload "+hibernated+" /hiberfil.sys")
		if _, err := mount(t, "/dev/sdb1"); !errors.Is(err, ErrUnclean) || !strings.Contains(err.Error(), "hibernated") {
			t.Error(err)
		}
	})
}

// uncleanNTFS makes a disk with an NTFS whose journal is open, as that of a Windows
// that has crashed.
func uncleanNTFS(t *testing.T) string {
	t.Helper()
	const size, page, usa, area, client = 2 << 20, 4096, 0x1e, 0x30, 0x30
	le := binary.LittleEndian
	b := make([]byte, page)
	copy(b, "RSTR")
	le.PutUint16(b[4:], usa)
	le.PutUint16(b[6:], page/512+1)
	le.PutUint32(b[0x10:], page) // of the system
	le.PutUint32(b[0x14:], page) // of the log
	for i, v := range []uint16{area, 1, 1} {
		le.PutUint16(b[0x18+2*i:], v) // where the area begins, version 1.1
	}
	for i, v := range []uint16{1, 0xffff, 0, 0} { // one client, none free, the first is in use, not clean
		le.PutUint16(b[area+8+2*i:], v)
	}
	le.PutUint32(b[area+0x10:], uint32(67-bits.Len(size)))
	le.PutUint16(b[area+0x14:], client+160)
	le.PutUint16(b[area+0x16:], client)
	le.PutUint64(b[area+0x18:], size)
	le.PutUint16(b[area+0x24:], 48) // header of a log record
	le.PutUint16(b[area+0x26:], 64) // data of a log page
	le.PutUint32(b[area+client+0x10:], 0xffffffff)
	le.PutUint32(b[area+client+0x1c:], 8)
	copy(b[area+client+0x20:], "N\x00T\x00F\x00S\x00")
	le.PutUint16(b[usa:], 1)
	for i := 1; i <= page/512; i++ {
		copy(b[usa+2*i:], b[i*512-2:i*512])
		le.PutUint16(b[i*512-2:], 1)
	}
	b = append(append(b, b...), bytes.Repeat([]byte{0xff}, size-2*page)...)
	disk := filepath.Join(t.TempDir(), "ntfs")
	journal := disk + ".journal"
	if err := os.WriteFile(journal, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{{"truncate", "-s", "16M", disk}, {"mkntfs", "-F", "-Q", disk}, {"ntfscp", "-f", disk, journal, "$LogFile"}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", c[0], err, out)
		}
	}
	return disk
}

// program is the beginning of a 64-bit program of Windows.
func program() []byte {
	const pe = 0x80
	b := make([]byte, 512)
	copy(b, "MZ")
	b[0x18], b[0x3c] = 0x40, pe
	copy(b[pe:], "PE\x00\x00\x64\x86\x01")
	b[pe+20], b[pe+22] = 0xf0, 0x22 // size of the optional header, an executable
	copy(b[pe+24:], "\x0b\x02")     // 64 bits
	b[pe+24+68] = 3                 // on the console
	return b
}
