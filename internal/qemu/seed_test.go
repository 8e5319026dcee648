// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
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
	out := guestdisk.Guestfish(t, "run\nvfs-label /dev/sda\nmount-ro /dev/sda /\nls /\ncat /meta-data\ncat /user-data\n", "--ro", "-a", path)
	want := SeedLabel + "\nmeta-data\nnetwork-config\nuser-data\ninstance-id: x\n\n" + files["user-data"]
	if strings.TrimSpace(out) != strings.TrimSpace(want) {
		t.Errorf("%.400s", out)
	}
	if err := WriteSeed(path, files); err == nil {
		t.Error("an existing file was overwritten")
	}
}
