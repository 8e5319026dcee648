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
