// SPDX-License-Identifier: MPL-2.0

// Package guestdisk makes disks of guests for tests, without an appliance.
package guestdisk

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Run runs a program and returns what it prints.
func Run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Guestfish runs the commands, of which one is "run", in the appliance of guestfish
// itself: args are its. It is emulated as the provider has it emulated, which
// saves a third of its start.
func Guestfish(t *testing.T, commands string, args ...string) string {
	t.Helper()
	cmd := exec.Command("guestfish", args...)
	cmd.Env = append(os.Environ(), "LIBGUESTFS_BACKEND=direct", "LIBGUESTFS_BACKEND_SETTINGS=force_tcg",
		"LIBGUESTFS_APPEND=preempt=none lsm=capability audit=0 mitigations=off")
	if runtime.GOARCH == "amd64" {
		commands = "config -cpu qemu64\n" + commands
	}
	cmd.Stdin = strings.NewReader(commands)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("guestfish %s: %v\n%s\n%s", strings.Join(args, " "), err, commands, out)
	}
	return string(out)
}

// Disk makes a raw disk with a partition table in sfdisk's words, and ext4 file
// systems of 8 MiB at the given MiB, each with the files of a map.
func Disk(t *testing.T, table string, at map[int64]map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	raw, script := filepath.Join(dir, "raw"), filepath.Join(dir, "table")
	Run(t, "truncate", "-s", "32M", raw)
	if err := os.WriteFile(script, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	Run(t, "sh", "-c", `sfdisk -q "$1" <"$2"`, "sh", raw, script)
	for mib, files := range at {
		tree := t.TempDir()
		for path, content := range files {
			path = filepath.Join(tree, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as in a guest
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil { //nolint:gosec // as in a guest
				t.Fatal(err)
			}
		}
		Run(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, "-E", fmt.Sprintf("offset=%d", mib<<20), raw, "8M")
	}
	return raw
}

// Separate is a guest with /var in a file system of its own, which its fstab
// names wrongly.
func Separate(t *testing.T) string {
	t.Helper()
	return Disk(t, "label: gpt\nstart=2048,size=16384,type=L\nstart=20480,size=16384,type=L\n", map[int64]map[string]string{
		1:  {"lib/app.conf": "old\n"},
		10: {"etc/fstab": "UUID=gone /var ext4 defaults 0 2\n", "var/lib/hidden": "", "bin/sh": ""},
	})
}
