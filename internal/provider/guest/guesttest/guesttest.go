// SPDX-License-Identifier: MPL-2.0

// Package guesttest is what the acceptance tests of the guest resources share:
// the lab's guests, and witnesses of what became of them.
package guesttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
)

// Path is the file of one of the lab's guests.
func Path(guest string) string {
	return filepath.Join(os.Getenv("RBD_LAB_GUESTS"), guest+".qcow2")
}

// Conversion is the configuration of an image in the pool vms made of a guest;
// more goes into its block.
func Conversion(name, guest string, more ...string) string {
	return fmt.Sprintf(`
resource "rbd_image_conversion" "test" {
  name = %q
  source = {
    file   = %q
    format = "qcow2"
  }
  %s
}
`, name, Path(guest), strings.Join(more, "\n  "))
}

// Boots expects a line on the serial console when a throw-away overlay of the
// image is booted.
func Boots(t *testing.T, spec, line string) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		out, err := exec.Command(Lab(t, "boot"), "rbd:"+spec, line).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s does not boot: %w\n%s", spec, err, out)
		}
		return nil
	}
}

// Clean looks for what a change must not leave.
func Clean(t *testing.T, spec string) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		if out := acctest.RBD(t, "snap", "ls", spec); strings.Contains(out, "terraform-undo") {
			return fmt.Errorf("%s has snapshots: %s", spec, out)
		}
		if out := acctest.RBD(t, "status", spec); !strings.Contains(out, "Watchers: none") {
			return fmt.Errorf("%s is watched: %s", spec, out)
		}
		if out := acctest.RBD(t, "image-meta", "ls", spec); strings.Contains(out, "editing") {
			return fmt.Errorf("%s is marked: %s", spec, out)
		}
		return nil
	}
}

// Guestfish runs guestfish on the image with the lab's own configuration; its
// root file system is mounted.
func Guestfish(t *testing.T, spec, root, script string) string {
	t.Helper()
	return guestdisk.Guestfish(t, "add-drive "+spec+" format:raw protocol:rbd username:terraform\nrun\nmount "+root+" /\n"+script+"\numount-all\n")
}

// rootAt is where the root file system of tiny-ext4 begins, in bytes.
const rootAt = "?offset=1048576"

// VolumeAt is where the logical volume of tiny-lvm begins, for DebugfsAt: behind the
// first MiB of the disk and that of the physical volume.
const VolumeAt = "?offset=2097152"

// Import imports the lab's ext4 guest with files of its own, which may be run,
// written without an appliance.
func Import(t *testing.T, spec string, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	raw := filepath.Join(dir, "raw")
	Run(t, "qemu-img", "convert", "-O", "raw", Path("tiny-ext4"), raw)
	for path, content := range files {
		from := filepath.Join(dir, "file")
		if err := os.WriteFile(from, []byte(content), 0o755); err != nil { //nolint:gosec // the guest runs it
			t.Fatal(err)
		}
		out := Run(t, "debugfs", "-w", "-R", "write "+from+" "+path, raw+rootAt)
		if !strings.Contains(out, "Allocated inode") {
			t.Fatal(out)
		}
	}
	acctest.RBD(t, "import", "--no-progress", raw, spec)
}

// Debugfs exports the image of an ext4 guest, has its file system checked, and runs
// commands of debugfs in it.
func Debugfs(t *testing.T, spec string, commands ...string) string {
	t.Helper()
	return DebugfsAt(t, spec, rootAt, commands...)
}

// DebugfsAt is Debugfs for a file system that begins elsewhere: at is "?offset=" and the
// bytes before it.
func DebugfsAt(t *testing.T, spec, at string, commands ...string) string {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw")
	acctest.RBD(t, "export", "--no-progress", spec, raw)
	defer os.Remove(raw)
	Run(t, "e2fsck", "-fn", raw+at)
	return runDebugfs(t, raw+at, commands)
}

func runDebugfs(t *testing.T, disk string, commands []string, options ...string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(script, []byte(strings.Join(commands, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return Run(t, "debugfs", append(options, "-f", script, disk)...)
}

// Alter changes what is in an image behind the provider's back, without an
// appliance: alter gets a copy of the disk, which then goes into the image.
func Alter(t *testing.T, spec string, alter func(raw string)) {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw")
	acctest.RBD(t, "export", "--no-progress", spec, raw)
	defer os.Remove(raw)
	alter(raw)
	Run(t, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", raw, "rbd:"+spec+":id=terraform")
}

// AlterRoot is Alter with commands of debugfs in the file system of an ext4 guest.
func AlterRoot(t *testing.T, spec string, commands ...string) {
	t.Helper()
	Alter(t, spec, func(raw string) {
		out := runDebugfs(t, raw+rootAt, commands, "-w")
		if strings.Contains(out, "not found") || strings.Contains(out, "already exists") {
			t.Fatal(out)
		}
		Run(t, "e2fsck", "-fn", raw+rootAt)
	})
}

// Contains looks for texts in what Debugfs prints.
func Contains(t *testing.T, spec string, commands []string, want acctest.Words) resource.TestCheckFunc {
	t.Helper()
	return Prints(func() string { return Debugfs(t, spec, commands...) }, want)
}

// Prints is Contains for any text.
func Prints(prints func() string, want acctest.Words) resource.TestCheckFunc {
	return func(*terraform.State) error { return want.In(prints()) }
}

// Run runs a program and returns what it prints.
func Run(t *testing.T, name string, args ...string) string {
	t.Helper()
	return guestdisk.Run(t, name, args...)
}

// Lab is the path of a file of the lab.
func Lab(t *testing.T, path ...string) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{filepath.Dir(strings.TrimSpace(string(out))), "lab"}, path...)...)
}
