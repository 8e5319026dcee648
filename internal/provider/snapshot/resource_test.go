// SPDX-License-Identifier: MPL-2.0

package snapshot_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "rbd_snapshot.test"

// config has the image and its snapshot.
func config(image, snapshot string, more ...string) string {
	return fmt.Sprintf(`
resource "rbd_image" "test" {
  name = %q
  size = "8MiB"
}

resource "rbd_snapshot" "test" {
  image = rbd_image.test.spec
  name  = %q
  %s
}
`, image, snapshot, strings.Join(more, "\n"))
}

func TestSnapshotLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{
				Config: config(name, "s1"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Plans(address, "spec", knownvalue.StringExact("vms/"+name+"@s1")),
					providertest.Plans(address, "location_url", knownvalue.StringExact("rbd://"+acctest.FSID(t)+"/vms/"+name+"/s1")),
				),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(8<<20)),
				},
				Check: protected(t, "vms/"+name, "s1", true),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "vms/" + name + "@s1",
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "spec",
			},
			{
				Config:           config(name, "s1", "protected = false"),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				Check:            protected(t, "vms/"+name, "s1", false),
			},
			{ // the image is renamed with its snapshot
				Config: config(name+"-2", "s1"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Updates("rbd_image.test"),
					providertest.Updates(address),
				),
				Check: protected(t, "vms/"+name+"-2", "s1", true),
			},
			{ // another name is another snapshot
				Config:           config(name+"-2", "s2"),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            protected(t, "vms/"+name+"-2", "s2", true),
			},
			{ // a tainted snapshot is planned like a first one, and its spec is not known
				Taint:  []string{address},
				Config: config(name+"-2", "s2"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Replaces(address),
					plancheck.ExpectUnknownValue(address, tfjsonpath.New("spec")),
				),
				Check: protected(t, "vms/"+name+"-2", "s2", true),
			},
			{ // a new image under the old name takes its snapshot along
				Taint:  []string{"rbd_image.test"},
				Config: config(name+"-2", "s2"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Replaces("rbd_image.test"),
					providertest.Replaces(address),
				),
				Check: protected(t, "vms/"+name+"-2", "s2", true),
			},
		},
	})
}

func TestSnapshotDrift(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "s1")},
			{
				PreConfig: func() { acctest.RBD(t, "snap", "unprotect", "vms/"+name+"@s1") },
				Config:    config(name, "s1"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Updates(address),
					providertest.Keeps("rbd_image.test"),
				),
				Check: protected(t, "vms/"+name, "s1", true),
			},
			{
				PreConfig: func() {
					acctest.RBD(t, "snap", "unprotect", "vms/"+name+"@s1")
					acctest.RBD(t, "snap", "rm", "--no-progress", "vms/"+name+"@s1")
				},
				Config:           config(name, "s1"),
				ConfigPlanChecks: providertest.Expect(providertest.Creates(address)),
				Check:            protected(t, "vms/"+name, "s1", true),
			},
		},
	})
}

func TestSnapshotRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	clone := "vms/" + name + "-clone"
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "a@b"), ExpectError: regexp.MustCompile(`(?s)Not an RBD snapshot name.*name\s+= "a@b"|(?s)name\s+= "a@b".*"a@b"`)},
			{Config: config(name, "s1")},
			{
				PreConfig:   func() { acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"@taken") },
				Config:      config(name, "taken"),
				ExpectError: regexp.MustCompile(`name\s+is\s+already\s+taken`),
			},
			{
				PreConfig: func() {
					acctest.RBD(t, "snap", "rm", "--no-progress", "vms/"+name+"@taken")
					acctest.RBD(t, "clone", "vms/"+name+"@s1", clone)
				},
				// In the plan: the clone has its parent's metadata, our marks and all,
				// and is somebody else's even so.
				Config:      config(name, "s1"),
				Destroy:     true,
				PlanOnly:    true,
				ExpectError: regexp.MustCompile(`(?s)Unable to delete RBD snapshot.*has\s+children:\s+` + clone),
			},
			{
				Config:      config(name, "s1", "protected = false"),
				ExpectError: regexp.MustCompile(`(?s)Unable to unprotect RBD snapshot.*` + clone),
			},
			{
				PreConfig: func() { acctest.RBD(t, "rm", "--no-progress", clone) },
				Config:    config(name, "s1"),
				Check:     protected(t, "vms/"+name, "s1", true),
			},
		},
	})
}

func TestSnapshotRetain(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	acctest.RBD(t, "create", "--size", "8M", "vms/"+name)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(s *terraform.State) error {
			if out := acctest.RBD(t, "image-meta", "ls", "vms/"+name); strings.Contains(out, "terraform") {
				return fmt.Errorf("marks are left: %s", out)
			}
			return protected(t, "vms/"+name, "s", true)(s)
		},
		Steps: []resource.TestStep{{Config: fmt.Sprintf("resource \"rbd_snapshot\" \"test\" {\n  image = \"vms/%s\"\n  name = \"s\"\n  on_destroy = \"retain\"\n}\n", name)}},
	})
}

func TestSnapshotOfAMissingImage(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      fmt.Sprintf("resource \"rbd_snapshot\" \"test\" {\n  image = \"vms/%s\"\n  name = \"s\"\n}\n", name),
		ExpectError: regexp.MustCompile(`image\s+not\s+found`),
	}}})
}

func protected(t *testing.T, image, snapshot string, want bool) resource.TestCheckFunc {
	return func(*terraform.State) error {
		out := acctest.RBD(t, "snap", "ls", image)
		for line := range strings.Lines(out) {
			f := strings.Fields(line)
			if len(f) > 4 && f[1] == snapshot {
				if got := f[4] == "yes"; got != want {
					return fmt.Errorf("%s@%s: protected is %v: %s", image, snapshot, got, out)
				}
				return nil
			}
		}
		return fmt.Errorf("%s has no snapshot %s: %s", image, snapshot, out)
	}
}
