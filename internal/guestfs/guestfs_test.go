// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// childEnv makes the test binary hold a session until it is killed.
const childEnv = "GUESTFS_TEST_CHILD"

func TestMain(m *testing.M) {
	if disk := os.Getenv(childEnv); disk != "" {
		mgr, err := New(Config{Accelerator: TCG, TempDir: os.Getenv(childEnv + "_TMP")})
		if err == nil {
			_, err = mgr.Launch(context.Background(), Request{Drives: []Drive{{Path: disk, Format: "qcow2", ReadOnly: true}}})
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// image is the path of one of the lab's guests.
func image(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("RBD_LAB_GUESTS")
	if dir == "" {
		t.Fatal("RBD_LAB_GUESTS is not set: run `lab/lab guests`, and eval \"$(lab/lab env)\"")
	}
	return filepath.Join(dir, name+".qcow2")
}

// overlay is an empty overlay over a guest, so that the guest stays as it is.
func overlay(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".qcow2")
	out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image(t, name), path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func launch(t *testing.T, cfg Config, d Drive) *Session {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Launch(t.Context(), Request{Drives: []Drive{d}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abort)
	return s
}

func ptr[T any](v T) *T { return &v }

func TestEdit(t *testing.T) {
	ctx, tmp := t.Context(), t.TempDir()
	s := launch(t, Config{Accelerator: TCG, TempDir: tmp}, Drive{Path: overlay(t, "tiny-ext4"), Format: "qcow2"})
	run := func(t *testing.T, name string, args ...string) string {
		t.Helper()
		out, err := s.Run(ctx, name, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	roots, err := s.Run(ctx, "list-filesystems")
	if err != nil {
		t.Fatal(err)
	}
	device, _, _ := strings.Cut(strings.TrimSpace(roots), ":")
	root, err := s.MountRoot(ctx, device)
	if err != nil {
		t.Fatal(err)
	}
	if len(root.Mounts) != 1 || len(root.Missing) != 1 || root.Missing[0].Path != "/data" {
		t.Errorf("%+v", root)
	}

	t.Run("replace", func(t *testing.T) {
		run(t, "lsetxattr", "security.selinux", "system_u:object_r:passwd_file_t:s0", "34", "/etc/fstab")
		run(t, "lsetxattr", "user.x", "y", "1", "/etc/fstab")
		run(t, "chown", "70000", "80000", "/etc/fstab")
		run(t, "chmod", "06751", "/etc/fstab")
		content := []byte("a\x00b\n\xff" + strings.Repeat("x", 5000))
		if err := s.Write(ctx, Write{Path: "/etc/fstab", Content: content}); err != nil {
			t.Fatal(err)
		}
		want := guest.FileInfo{Type: guest.Regular, Mode: 0o6751, UID: 70000, GID: 80000, Size: int64(len(content))}
		if fi, err := s.Lstat(ctx, "/etc/fstab"); err != nil || fi != want {
			t.Errorf("%+v, %v", fi, err)
		}
		if got, err := s.Read(ctx, "/etc/fstab", 1<<20); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if got := run(t, "lgetxattr", "/etc/fstab", "security.selinux"); got != "system_u:object_r:passwd_file_t:s0" {
			t.Errorf("label %q", got)
		}
		if got := run(t, "lgetxattr", "/etc/fstab", "user.x"); got != "y" {
			t.Errorf("user.x %q", got)
		}
		if _, err := s.Read(ctx, "/etc/fstab", 10); !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
	})

	t.Run("new", func(t *testing.T) {
		run(t, "lsetxattr", "security.selinux", "system_u:object_r:etc_t:s0", "26", "/opt")
		w := Write{Path: "/opt/new", Mode: ptr[uint32](0o4750), UID: ptr[uint32](7), GID: ptr[uint32](1 << 20)}
		if err := s.Write(ctx, w); err != nil {
			t.Fatal(err)
		}
		want := guest.FileInfo{Type: guest.Regular, Mode: 0o4750, UID: 7, GID: 1 << 20}
		if fi, err := s.Lstat(ctx, "/opt/new"); err != nil || fi != want {
			t.Errorf("%+v, %v", fi, err)
		}
		if got := run(t, "lgetxattr", "/opt/new", "security.selinux"); got != "system_u:object_r:etc_t:s0" {
			t.Errorf("label %q", got)
		}
		if err := s.Chown(ctx, "/opt/new", 1, 2); err != nil {
			t.Error(err)
		}
		if err := s.Chmod(ctx, "/opt/new", 0o600); err != nil {
			t.Error(err)
		}
		want = guest.FileInfo{Type: guest.Regular, Mode: 0o600, UID: 1, GID: 2}
		if fi, err := s.Lstat(ctx, "/opt/new"); err != nil || fi != want {
			t.Errorf("%+v, %v", fi, err)
		}
		for range 2 {
			err = s.Remove(ctx, "/opt/new")
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})

	t.Run("hostile names", func(t *testing.T) {
		trap := filepath.Join(t.TempDir(), "trap")
		for _, name := range []string{
			"a b\"'\\", `a\x41`, "a\n!touch " + trap, "a | touch " + strings.ReplaceAll(trap, "/", "_"), "<! id", "$(id) `id`", "*?[a]",
			"~root", "-rf", "#\xff\xfe\x01\x7f\r", " ", "x:y%s%n", "a: No such file or directory",
		} {
			if strings.Contains(name, "/") {
				name = strings.ReplaceAll(name, "/", "_")
			}
			p, content := "/opt/"+name, []byte(name)
			if err := s.Write(ctx, Write{Path: p, Content: content}); err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			if got, err := s.Read(ctx, p, 1<<10); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%q: %q, %v", name, got, err)
			}
			if err := s.Remove(ctx, p); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		if got := strings.TrimSpace(run(t, "find", "/opt")); got != "" {
			t.Errorf("left: %q", got)
		}
		if _, err := os.Lstat(trap); err == nil {
			t.Error("a command ran on this machine")
		}
	})

	t.Run("links", func(t *testing.T) {
		before := run(t, "checksum", "sha256", "/etc/passwd")
		run(t, "ln-s", "../etc", "/opt/dir")
		run(t, "ln-s", "passwd", "/etc/link")
		run(t, "ln-s", "nowhere", "/etc/dangling")
		for _, p := range []string{"/opt/dir/passwd", "/etc/link", "/etc/dangling"} {
			if err := s.Write(ctx, Write{Path: p, Content: []byte("x")}); !errors.Is(err, ErrSymlink) {
				t.Errorf("write %s: %v", p, err)
			}
			if err := s.Chmod(ctx, p, 0o777); !errors.Is(err, ErrSymlink) {
				t.Errorf("chmod %s: %v", p, err)
			}
		}
		if err := s.Remove(ctx, "/opt/dir/passwd"); !errors.Is(err, ErrSymlink) {
			t.Error(err)
		}
		if after := run(t, "checksum", "sha256", "/etc/passwd"); after != before {
			t.Error("/etc/passwd was changed")
		}
		if fi, err := s.Lstat(ctx, "/opt/dir"); err != nil || fi.Type != guest.Symlink || fi.LinkTarget != "../etc" {
			t.Errorf("%+v, %v", fi, err)
		}
		if fi, err := s.Stat(ctx, "/opt/dir"); err != nil || fi.Type != guest.Directory {
			t.Errorf("%+v, %v", fi, err)
		}
		if err := s.Write(ctx, Write{Path: "/opt/dir/link", Content: []byte("followed"), FollowSymlinks: true}); err != nil {
			t.Error(err)
		}
		if got, err := s.Read(ctx, "/etc/passwd", 100); err != nil || string(got) != "followed" {
			t.Errorf("%q, %v", got, err)
		}
		if fi, err := s.Lstat(ctx, "/etc/link"); err != nil || fi.Type != guest.Symlink {
			t.Errorf("%+v, %v", fi, err)
		}
		if err := s.Remove(ctx, "/opt/dir"); err != nil {
			t.Error(err)
		}
	})

	t.Run("refused", func(t *testing.T) {
		run(t, "mkfifo", "0600", "/opt/fifo")
		run(t, "mkdir-p", "/data")
		run(t, "ln-s", "/data", "/opt/data")
		for p, want := range map[string]error{
			"/":              ErrFileType,
			"/etc":           ErrFileType,
			"/opt/fifo":      ErrFileType,
			"/etc/passwd/x":  ErrFileType,
			"/nonexist/x":    fs.ErrNotExist,
			"/data/x":        ErrNotMounted,
			"/data":          ErrNotMounted,
			"/opt/data/x":    ErrNotMounted,
			"etc":            guest.ErrPath,
			"/etc/../passwd": guest.ErrPath,
		} {
			for _, follow := range []bool{false, true} {
				if err := s.Write(ctx, Write{Path: p, FollowSymlinks: follow}); !errors.Is(err, want) {
					t.Errorf("%s, follow %v: %v", p, follow, err)
				}
			}
		}
		for _, p := range []string{"/opt/data/x", "/opt/data", "/data/x"} {
			if _, err := s.Read(ctx, p, 10); !errors.Is(err, ErrNotMounted) {
				t.Errorf("read %s: %v", p, err)
			}
		}
		if _, err := s.Read(ctx, "/opt/fifo", 10); !errors.Is(err, ErrFileType) {
			t.Error(err)
		}
		if err := s.Available(ctx, "xfs", "lvm2"); err != nil {
			t.Error(err)
		}
		if err := s.Available(ctx, "zfs"); !errors.Is(err, ErrFeature) || !strings.Contains(err.Error(), "libguestfs-zfs") {
			t.Error(err)
		}
	})

	t.Run("full", func(t *testing.T) {
		big := make([]byte, 64<<20)
		if err := s.Write(ctx, Write{Path: "/opt/big", Content: big}); !errors.Is(err, ErrNoSpace) {
			t.Error(err)
		}
		if got := run(t, "glob-expand", "/opt/.terraform-*"); got != "" {
			t.Errorf("left: %s", got)
		}
	})

	// What each question costs without KVM is milliseconds at least: what is
	// known of a directory is not asked for each of its files.
	t.Run("questions", func(t *testing.T) {
		const files, most = 10, 9
		before := s.shell.count
		name := func(i int) string { return fmt.Sprintf("/etc/sysconfig/network-scripts/ifcfg-eth%d", i) }
		for i := range files {
			if _, err := s.Lstat(ctx, name(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		for i := range files {
			if err := s.Write(ctx, Write{Path: name(i), Content: []byte("ONBOOT=yes\n")}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range files {
			if _, err := s.Lstat(ctx, name(i)); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Read(ctx, name(i), 1<<20); err != nil || string(got) != "ONBOOT=yes\n" {
				t.Fatalf("%q, %v", got, err)
			}
		}
		if err := s.readBack(ctx); err != nil {
			t.Fatal(err)
		}
		if n := s.shell.count - before; n > files*most+10 {
			t.Errorf("%d questions for %d files", n, files)
		} else {
			t.Logf("%d questions for %d files", n, files)
		}
	})

	t.Run("too many", func(t *testing.T) {
		dir := t.TempDir()
		for i := range maxPaths + 1 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("many-%d.conf", i)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tarred := filepath.Join(t.TempDir(), "many.tar")
		if out, err := exec.Command("tar", "-C", dir, "-cf", tarred, ".").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		run(t, "mkdir", "/many")
		run(t, "tar-in", tarred, "/many")
		if _, err := s.Glob(ctx, "/many/*.conf"); !errors.Is(err, ErrTooMany) || !strings.Contains(err.Error(), "/many/*.conf") {
			t.Errorf("got %v", err)
		}
		if got, err := s.Glob(ctx, "/many/many-1?.conf"); err != nil || len(got) != 10 {
			t.Errorf("got %v, %v", got, err)
		}
		before, err := s.Read(ctx, "/etc/fstab", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for content, want := range map[string]error{strings.Repeat("/dev/sda1 /x ext4\n", maxMounts+1): ErrTooMany, string(before): nil} {
			if err := s.Write(ctx, Write{Path: "/etc/fstab", Content: []byte(content)}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.fstab(ctx); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		if err := s.Write(ctx, Write{Path: "/etc/fstab", Content: before}); err != nil {
			t.Fatal(err)
		}
		run(t, "rm-rf", "/many")
	})

	t.Run("not known any longer", func(t *testing.T) {
		if _, err := s.Read(ctx, "/etc/sysconfig/network-scripts/ifcfg-eth0", 1<<10); err != nil {
			t.Fatal(err)
		}
		run(t, "mv", "/etc/sysconfig", "/etc/moved")
		run(t, "ln-s", "moved", "/etc/sysconfig")
		if err := s.Write(ctx, Write{Path: "/etc/sysconfig/network-scripts/ifcfg-eth0"}); !errors.Is(err, ErrSymlink) {
			t.Error(err)
		}
		if got, err := s.Read(ctx, "/etc/sysconfig/network-scripts/ifcfg-eth0", 1<<10); err != nil || string(got) != "ONBOOT=yes\n" {
			t.Errorf("%q, %v", got, err)
		}
	})

	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lstat(ctx, "/"); !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(tmp, "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

// TestInspect looks into a guest where no program starts on a plain processor, as those
// that are built for newer ones, and lets a context end in the middle of a command.
func TestInspect(t *testing.T) {
	expect := noPlainCPU(t)
	s := launch(t, Config{Accelerator: TCG}, Drive{Path: image(t, "tiny-xfs"), Format: "qcow2", ReadOnly: true})
	expect()
	ctx := t.Context()
	root, err := s.MountRoot(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(root.Missing) != 1 || root.Missing[0].Path != "/data" {
		t.Errorf("%+v", root)
	}
	if got, err := s.Read(ctx, "/etc/hostname", 100); err != nil || string(got) != "tiny\n" {
		t.Errorf("%q, %v", got, err)
	}
	if err := s.Write(ctx, Write{Path: "/etc/hostname"}); err == nil {
		t.Error("wrote to a read-only guest")
	}

	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = s.Run(ctx, "checksum-device", "sha512", "/dev/sda")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
	if !closed(s.shell.proc.Done()) {
		t.Error("guestfish is still there")
	}
	if err := s.Close(t.Context()); !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
}

// A KVM that stops at the firmware, as a nested one may, is found out once, and
// takes nobody's launch along.
func TestKVMThatHangs(t *testing.T) {
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wrapper, started := filepath.Join(dir, "qemu"), filepath.Join(dir, "started")
	// All but a kernel asks what this qemu can do: it has KVM, whatever this machine has.
	script := fmt.Sprintf(`#!/bin/sh
case "$*" in *-kernel*) echo $$ >>%s; exec sleep 1000;; esac
%s "$@" | sed 's/"enabled": false/"enabled": true/'
`, started, qemu)
	acctest.Script(t, wrapper, script)
	t.Setenv("LIBGUESTFS_HV", wrapper)
	known := func(tried, works bool) (bool, bool) {
		kvm.Lock()
		defer kvm.Unlock()
		wasTried, worked := kvm.tried, kvm.works
		kvm.tried, kvm.works = tried, works
		return wasTried, worked
	}
	tried, works := known(false, false)
	t.Cleanup(func() { known(tried, works) })

	var logged []string
	m, err := New(Config{TempDir: dir, Logf: func(_ context.Context, f string, a ...any) { logged = append(logged, fmt.Sprintf(f, a...)) }})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if m.kvmWorks(t.Context()) {
			t.Error("it works")
		}
	}
	if len(logged) != 1 || !strings.Contains(logged[0], "TCG") {
		t.Errorf("logged: %q", logged)
	}
	pids, err := os.ReadFile(started)
	if n := strings.Count(string(pids), "\n"); err != nil || n != 1 {
		t.Fatalf("started %d times: %v; logged: %q", n, err, logged)
	}
	acctest.Await(t, "the end of qemu", func() bool {
		_, err := os.Stat("/proc/" + strings.TrimSpace(string(pids)))
		return errors.Is(err, fs.ErrNotExist)
	})
	if left, _ := filepath.Glob(filepath.Join(dir, "terraform-provider-rbd-*", "*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestLaunchFails(t *testing.T) {
	disk := image(t, "tiny-ext4")
	drives := []Drive{{Path: disk, Format: "qcow2", ReadOnly: true}}
	m, err := New(Config{Accelerator: TCG, LaunchTimeout: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Launch(t.Context(), Request{Drives: drives}); !errors.Is(err, ErrLaunch) || !strings.Contains(err.Error(), "time limit") {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := m.Launch(ctx, Request{Drives: drives}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// The slot is free again after each failure.
	if _, err := m.Launch(t.Context(), Request{Drives: []Drive{{Path: "/nonexistent", Format: "raw"}}}); err == nil {
		t.Error("launched without a disk")
	}
	m.slots <- struct{}{}
	if _, err := m.Launch(ctx, Request{Drives: drives}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestKilled has a process killed while its appliance runs: nothing of it may
// be left.
func TestKilled(t *testing.T) {
	tmp := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+image(t, "tiny-ext4"), childEnv+"_TMP="+tmp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	group, sockets := 0, ""
	acctest.Await(t, "the appliance's qemu", func() bool {
		group = appliance(cmd.Process.Pid)
		links, _ := filepath.Glob(filepath.Join(tmp, "*", "*", ".adopted-*"))
		if len(links) > 0 {
			sockets, _ = os.Readlink(links[0])
		}
		return group != 0 && sockets != ""
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	acctest.Await(t, "the end of guestfish and qemu", func() bool {
		return errors.Is(syscall.Kill(-group, 0), syscall.ESRCH)
	})
	m, err := New(Config{Accelerator: TCG, TempDir: tmp})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Launch(t.Context(), Request{Drives: []Drive{{Path: "/nonexistent", Format: "raw"}}}); err == nil {
		t.Fatal("launched without a disk")
	}
	left, err := filepath.Glob(filepath.Join(tmp, "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	if _, err := os.Lstat(sockets); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: %s", sockets)
	}
}

// appliance is the process group of the guestfish that pid has started, once
// qemu runs in it; 0 before.
func appliance(pid int) int {
	out, err := exec.Command("ps", "-eo", "pid=,ppid=,pgid=,comm=").Output()
	if err != nil {
		return 0
	}
	group := 0
	for range 2 {
		sc := bufio.NewScanner(bytes.NewReader(out))
		for sc.Scan() {
			var p, parent, g int
			var name string
			if _, err := fmt.Sscan(sc.Text(), &p, &parent, &g, &name); err != nil {
				continue
			}
			switch {
			case parent == pid && name == "guestfish":
				group = g
			case group != 0 && g == group && strings.HasPrefix(name, "qemu-system"):
				return group
			}
		}
	}
	return 0
}
