// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
)

// GRUB reads the seed; a boot check has the kernel of a guest read another.
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
	out := guestdisk.Run(t, "blkid", "-p", "-s", "LABEL", "-o", "value", path)
	for _, args := range [][]string{{"ls", "(loop0)/"}, {"cat", "(loop0)/meta-data"}, {"cat", "(loop0)/user-data"}} {
		out += guestdisk.Run(t, "grub-fstest", append([]string{path}, args...)...)
	}
	want := SeedLabel + "\nmeta-data network-config user-data \ninstance-id: x\n" + files["user-data"]
	if strings.TrimSpace(out) != strings.TrimSpace(want) {
		t.Errorf("%.400s", out)
	}
	if err := WriteSeed(path, files); err == nil {
		t.Error("an existing file was overwritten")
	}
}
