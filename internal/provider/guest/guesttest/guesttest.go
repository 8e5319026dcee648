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

// Gone expects no image in the pool vms whose name begins with prefix.
func Gone(t *testing.T, prefix string) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		if left := acctest.Images(t, "vms", prefix); len(left) > 0 {
			return fmt.Errorf("left: %v", left)
		}
		return nil
	}
}

// Guestfish runs guestfish on the image with the lab's own configuration; its
// root file system is mounted.
func Guestfish(t *testing.T, spec, root, script string) string {
	t.Helper()
	cmd := exec.Command("guestfish")
	cmd.Env = append(os.Environ(), "LIBGUESTFS_BACKEND_SETTINGS=force_tcg")
	cmd.Stdin = strings.NewReader("add-drive " + spec + " format:raw protocol:rbd username:terraform\nrun\nmount " + root + " /\n" + script + "\numount-all\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("guestfish on %s: %v\n%s", spec, err, out)
	}
	return string(out)
}

// rootAt is where the root file system of tiny-ext4 begins, in bytes.
const rootAt = "?offset=1048576"

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

// Look exports the image of an ext4 guest, has its file system checked, and runs
// commands of debugfs in it.
func Look(t *testing.T, spec string, commands ...string) string {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw")
	acctest.RBD(t, "export", "--no-progress", spec, raw)
	defer os.Remove(raw)
	Run(t, "e2fsck", "-fn", raw+rootAt)
	script := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(script, []byte(strings.Join(commands, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return Run(t, "debugfs", "-f", script, raw+rootAt)
}

// Run runs a program and returns what it prints.
func Run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
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
