// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// Terraform 1.14 and newer invoke an action by hand and from a resource; older ones,
// and OpenTofu, have no such block. TERRAFORM_WITH_ACTIONS names one that has.
func TestActionsInTerraform(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	name := providertest.Name(t)
	m := newModule(t, `
resource "rbd_image" "a" {
  pool = "vms"
  name = "`+name+`"
  size = "8MiB"
}

resource "rbd_snapshot" "s" {
  image = rbd_image.a.spec
  name  = "s"
}

action "rbd_snapshot_rollback" "a" {
  config {
    snapshot           = rbd_snapshot.s.spec
    keep_undo_snapshot = "before"
  }
}

action "rbd_image_copy" "a" {
  config {
    image  = rbd_image.a.spec
    target = "images/`+name+`"
  }
}

action "rbd_guest_boot_check" "a" {
  config {
    snapshot        = "vms/`+name+`-boot@golden"
    console_pattern = "^READY"
    memory          = "64MiB"
    user_data       = "hello, user data"
  }
}
`)
	if cli := os.Getenv("TERRAFORM_WITH_ACTIONS"); cli != "" {
		m.cli = cli
	}
	if !m.validateAction() {
		return
	}
	checkActionExamples(t, m.cli)
	m.apply()
	defer m.destroy()
	imagestest.Write(t, "vms/"+name, 4)
	said := m.do("apply", "-auto-approve", "-no-color", "-invoke=action.rbd_snapshot_rollback.a")
	expect(t, said, "The image is put back to a snapshot")
	expect(t, said, "The objects that differ have 4 MiB.")
	expect(t, said, "rollback ended: ")
	expect(t, acctest.RBD(t, "snap", "ls", "vms/"+name), "before")
	acctest.RBD(t, "snap", "rm", "--no-progress", "vms/"+name+"@before")
	t.Cleanup(func() { acctest.Drop(t, "images/"+name) })
	said = m.do("apply", "-auto-approve", "-no-color", "-invoke=action.rbd_image_copy.a")
	expect(t, said, "images/"+name+" is a copy of vms/"+name+", with 1 snapshots")
	expect(t, acctest.RBD(t, "snap", "ls", "images/"+name), " s ")
	boot := "vms/" + name + "-boot"
	t.Cleanup(func() { acctest.Drop(t, boot) })
	acctest.RBD(t, "import", "--no-progress", guesttest.Sector(t, "", "\r\nREADY\r\n", "seed"), boot)
	acctest.RBD(t, "snap", "create", "--no-progress", boot+"@golden")
	said = m.do("apply", "-auto-approve", "-no-color", "-invoke=action.rbd_guest_boot_check.a")
	expect(t, said, "the guest says: SEED hello, user data")
	expect(t, said, boot+"@golden is up after ")
	m.empty()
}

// checkActionExamples has all examples of actions checked.
func checkActionExamples(t *testing.T, cli string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(examples, "actions", "*", "action.tf"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := newModule(t, string(text))
		m.cli = cli
		m.do("validate", "-no-color")
	}
}

// validateAction checks a configuration with an action. It is false where the command
// line knows no such block, which it then says.
func (m *module) validateAction() bool {
	m.t.Helper()
	version := m.do("version")
	for _, without := range []string{"OpenTofu", "Terraform v1.9.", "Terraform v1.10.", "Terraform v1.11.", "Terraform v1.12.", "Terraform v1.13."} {
		if strings.Contains(version, without) {
			expect(m.t, m.fails("validate", "-no-color"), "Unsupported block type")
			return false
		}
	}
	m.do("validate", "-no-color")
	return true
}
