// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The kernel in the appliance reads the seed as a guest's does.
func TestWriteSeed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed.iso")
	files := map[string]string{"user-data": "#cloud-config\n" + strings.Repeat("# ä\n", 5000), "meta-data": "instance-id: x\n", "network-config": ""}
	if err := WriteSeed(path, files); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	cmd := exec.Command("guestfish", "--ro", "-a", path, "run", ":", "vfs-label", "/dev/sda", ":", "mount-ro", "/dev/sda", "/", ":",
		"ls", "/", ":", "cat", "/meta-data", ":", "cat", "/user-data")
	cmd.Env = append(os.Environ(), "LIBGUESTFS_BACKEND=direct", "LIBGUESTFS_BACKEND_SETTINGS=force_tcg")
	out, err := cmd.CombinedOutput()
	want := SeedLabel + "\nmeta-data\nnetwork-config\nuser-data\ninstance-id: x\n\n" + files["user-data"]
	if err != nil || strings.TrimSpace(string(out)) != strings.TrimSpace(want) {
		t.Errorf("%v, %.400s", err, out)
	}
	if err := WriteSeed(path, files); err == nil {
		t.Error("an existing file was overwritten")
	}
}
