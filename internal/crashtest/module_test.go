// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// goldenImage is the module that is published with the provider.
const goldenImage = "../../modules/golden-image"

// The module's own tests pass without a cluster, and find a mistake.
func TestGoldenImageModuleWithMocks(t *testing.T) {
	t.Parallel()
	m := newModuleWithoutLibrbd(t, goldenImage)
	m.do("validate", "-no-color")
	if said := m.do("test", "-no-color"); !strings.Contains(said, "10 passed, 0 failed") {
		t.Errorf("want 10 tests that pass: %s", said)
	}
	file := filepath.Join(m.dir, "main.tf")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m.write(file, strings.Replace(string(text), "each.key != var.current", "each.key == var.current", 1))
	if said := m.fails("test", "-no-color"); !strings.Contains(said, "or is hidden") {
		t.Errorf("a module with a mistake passes: %s", said)
	}
}

// Releases are made, changed, rolled back and retired on the lab, and nothing is
// left of them.
func TestGoldenImageModule(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	name := providertest.Name(t)
	m := newModuleOf(t, bin)
	if err := os.CopyFS(m.dir, os.DirFS(goldenImage)); err != nil {
		t.Fatal(err)
	}
	said := m.do("test", "-no-color", "-test-directory=tests/lab", "-var=name="+name,
		fmt.Sprintf("-var=fsid=%q", acctest.FSID(t)), fmt.Sprintf("-var=file=%q", filepath.Join(os.Getenv("RBD_LAB_GUESTS"), "tiny-ext4.qcow2")))
	if !strings.Contains(said, "5 passed, 0 failed") {
		t.Errorf("want 5 tests that pass: %s", said)
	}
	if left := acctest.Images(t, "images", name); len(left) > 0 {
		t.Errorf("left in RBD: %v", left)
	}
	if left := records(t.Context(), t, name); len(left) > 0 {
		t.Errorf("left in Glance: %v", left)
	}
}
