// SPDX-License-Identifier: MPL-2.0

package image_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "rbd_image.test"

func config(name, size string, more ...string) string {
	return fmt.Sprintf("resource \"rbd_image\" \"test\" {\n  name = %q\n  size = %q\n%s\n}\n", name, size, strings.Join(more, "\n"))
}

func TestImageLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	sameID := statecheck.CompareValue(equal{})
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{
				Config: config(name, "8MiB"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Creates(address),
					providertest.Plans(address, "spec", knownvalue.StringExact("vms/"+name)),
					providertest.Plans(address, "size_bytes", knownvalue.Int64Exact(8<<20)),
				),
				ConfigStateChecks: []statecheck.StateCheck{
					sameID.AddStateValue(address, tfjsonpath.New("image_id")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("pool"), knownvalue.StringExact("vms")),
				},
				Check: hasSize(t, "vms/"+name, "8 MiB"),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "vms/" + name,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{ // other words for the same size are no change
				Config:           config(name, "8192KiB"),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{
				Config: config(name+"-2", "16MiB"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Updates(address),
					providertest.Plans(address, "spec", knownvalue.StringExact("vms/"+name+"-2")),
				),
				ConfigStateChecks: []statecheck.StateCheck{sameID.AddStateValue(address, tfjsonpath.New("image_id"))},
				Check:             hasSize(t, "vms/"+name+"-2", "16 MiB"),
			},
			{
				Config:      config(name+"-2", "8MiB"),
				ExpectError: regexp.MustCompile(`(?s)would shrink.*allow_shrink`),
			},
			{
				Config:           config(name+"-2", "16MiB", `pool = "volumes"`),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            hasSize(t, "volumes/"+name+"-2", "16 MiB"),
			},
		},
	})
}

func TestImageDrift(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{Config: config(name, "8MiB")},
			{ // renamed by somebody: recognised, and named back
				PreConfig:        func() { acctest.RBD(t, "rename", "vms/"+name, "vms/"+name+"-moved") },
				Config:           config(name, "8MiB"),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				Check:            hasSize(t, "vms/"+name, "8 MiB"),
			},
			{ // grown by somebody: taking it back would cut data off
				PreConfig:   func() { acctest.RBD(t, "resize", "--no-progress", "--size", "16M", "vms/"+name) },
				Config:      config(name, "8MiB"),
				ExpectError: regexp.MustCompile(`would shrink`),
			},
			{
				Config:           config(name, "16MiB"),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{ // deleted by somebody
				PreConfig:        func() { acctest.RBD(t, "rm", "--no-progress", "vms/"+name) },
				Config:           config(name, "16MiB"),
				ConfigPlanChecks: providertest.Expect(providertest.Creates(address)),
			},
			{ // deleted and made again by somebody: not ours
				PreConfig: func() {
					acctest.RBD(t, "rm", "--no-progress", "vms/"+name)
					acctest.RBD(t, "create", "--size", "16M", "vms/"+name)
				},
				Config:      config(name, "16MiB"),
				ExpectError: regexp.MustCompile(`name\s+is\s+already\s+taken`),
			},
			{
				PreConfig: func() { acctest.RBD(t, "rm", "--no-progress", "vms/"+name) },
				Config:    config(name, "16MiB"),
			},
		},
	})
}

func TestImageReplacementUnderTheSameName(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	differentID := statecheck.CompareValue(different{})
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{
				Config:            config(name, "8MiB"),
				ConfigStateChecks: []statecheck.StateCheck{differentID.AddStateValue(address, tfjsonpath.New("image_id"))},
			},
			{
				Taint:             []string{address},
				Config:            config(name, "8MiB"),
				ConfigPlanChecks:  providertest.Expect(providertest.Replaces(address)),
				ConfigStateChecks: []statecheck.StateCheck{differentID.AddStateValue(address, tfjsonpath.New("image_id"))},
			},
		},
	})
}

func TestImageRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	acctest.RBD(t, "create", "--size", "8M", "vms/"+name+"-taken")
	wrong := "provider \"rbd\" {\n  ceph = {\n    pool = \"vms\"\n    fsid = \"00000000-0000-4000-8000-000000000000\"\n  }\n}\n"
	for what, tc := range map[string]struct{ config, want string }{
		"taken":         {config(name+"-taken", "8MiB"), `(?s)name is already taken.*import`},
		"pool":          {config(name, "8MiB", `pool = "no-such-pool"`), `(?s)pool = "no-such-pool".*pool not found`},
		"namespace":     {config(name, "8MiB", `namespace = "no-such-ns"`), `namespace not found`},
		"wrong fsid":    {wrong + config(name, "8MiB"), `(?s)connected to another cluster.*data center`},
		"size":          {config(name, "8 miles"), `Invalid size`},
		"name":          {config(name+"@x", "8MiB"), `Not an RBD image name`},
		"no conf file":  {"provider \"rbd\" {\n  ceph = {\n    conf_file = \"/no/such/ceph.conf\"\n    pool = \"vms\"\n  }\n}\n" + config(name, "8MiB"), `/no/such/ceph.conf`},
		"key and file":  {"provider \"rbd\" {\n  ceph = {\n    key = \"x\"\n    keyring_file = \"y\"\n  }\n}\n" + config(name, "8MiB"), `ceph.keyring_file can.t be given beside key`},
		"no pool":       {"provider \"rbd\" {\n}\n" + config(name, "8MiB"), `No pool`},
		"wrong destroy": {config(name, "8MiB", `on_destroy = "burn"`), `value must be one of`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: tc.config, PlanOnly: true, ExpectError: regexp.MustCompile("(?i)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
			}}})
		})
	}
	if left := acctest.Images(t, "vms", name); len(left) != 1 {
		t.Errorf("left in the pool: %v", left)
	}
}

func TestImageDestroyRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{Config: config(name, "8MiB")},
			{
				PreConfig:   func() { acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"@somebodys") },
				Config:      config(name, "8MiB"),
				Destroy:     true,
				ExpectError: regexp.MustCompile(`(?s)Unable to delete RBD image.*somebodys`),
			},
			{ // nor is it replaced, for whatever reason
				Config: config(name, "8MiB", `pool = "volumes"`), PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)Unable to delete RBD image.*somebodys`),
			},
			{
				Config: config(name, "8MiB", `object_size = "1MiB"`), PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)Unable to delete RBD image.*somebodys`),
			},
			{PreConfig: func() { acctest.RBD(t, "snap", "purge", "--no-progress", "vms/"+name) }, Config: config(name, "8MiB")},
			{
				PreConfig:   func() { acctest.RBD(t, "lock", "add", "vms/"+name, "backup") },
				Config:      config(name, "8MiB"),
				Destroy:     true,
				ExpectError: regexp.MustCompile(`(?s)is\s+in\s+use.*backup`),
			},
			{
				PreConfig: func() {
					lines := strings.Split(acctest.RBD(t, "lock", "ls", "vms/"+name), "\n")
					acctest.RBD(t, "lock", "rm", "vms/"+name, "backup", strings.Fields(lines[len(lines)-1])[0])
				},
				Config: config(name, "8MiB"),
			},
		},
	})
}

func TestImageRetain(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: hasSize(t, "vms/"+name, "8 MiB"),
		Steps:        []resource.TestStep{{Config: config(name, "8MiB", `on_destroy = "retain"`)}},
	})
}

func TestImageDataSource(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	acctest.RBD(t, "create", "--size", "8M", "vms/"+name)
	acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"@s")
	acctest.RBD(t, "snap", "protect", "vms/"+name+"@s")
	acctest.RBD(t, "clone", "vms/"+name+"@s", "vms/"+name+"-child")
	acctest.RBD(t, "image-meta", "set", "vms/"+name, "team", "storage")
	data := fmt.Sprintf("data \"rbd_image\" \"a\" {\n  spec = \"vms/%[1]s\"\n}\ndata \"rbd_image\" \"b\" {\n  spec = \"vms/%[1]s-child\"\n}\n", name)
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: data,
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("data.rbd_image.a", tfjsonpath.New("size"), knownvalue.StringExact("8MiB")),
				statecheck.ExpectKnownValue("data.rbd_image.a", tfjsonpath.New("metadata").AtMapKey("team"), knownvalue.StringExact("storage")),
				statecheck.ExpectKnownValue("data.rbd_image.a", tfjsonpath.New("snapshots").AtSliceIndex(0).AtMapKey("protected"), knownvalue.Bool(true)),
				statecheck.ExpectKnownValue("data.rbd_image.a", tfjsonpath.New("snapshots").AtSliceIndex(0).AtMapKey("location_url"),
					knownvalue.StringExact("rbd://"+acctest.FSID(t)+"/vms/"+name+"/s")),
				statecheck.ExpectKnownValue("data.rbd_image.b", tfjsonpath.New("parent"), knownvalue.StringExact("vms/"+name+"@s")),
			},
		},
		{
			Config:      "data \"rbd_image\" \"a\" {\n  spec = \"vms/" + name + "-none\"\n}\n",
			ExpectError: regexp.MustCompile(`image\s+not\s+found`),
		},
	}})
}

// equal and different compare the values of several steps.
type (
	equal     struct{}
	different struct{}
)

func (equal) CompareValues(values ...any) error {
	for _, v := range values {
		if v != values[0] {
			return fmt.Errorf("%v is not %v", v, values[0])
		}
	}
	return nil
}

func (different) CompareValues(values ...any) error {
	seen := map[any]bool{}
	for _, v := range values {
		if seen[v] {
			return fmt.Errorf("%v came twice", v)
		}
		seen[v] = true
	}
	return nil
}

func hasSize(t *testing.T, spec, size string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if out := acctest.RBD(t, "info", spec); !strings.Contains(out, "size "+size+" ") {
			return fmt.Errorf("%s: %s", spec, out)
		}
		return nil
	}
}

// A provider block that depends on something not yet applied is no error in
// the plan.
func TestImageUnderAnUnknownConfiguration(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{{
			Config: fmt.Sprintf(`
resource "terraform_data" "fsid" {
  input = %q
}

provider "rbd" {
  ceph = {
    pool = "vms"
    fsid = terraform_data.fsid.output
  }
}
`, acctest.FSID(t)) + config(name, "8MiB"),
			Check: hasSize(t, "vms/"+name, "8 MiB"),
		}},
	})
}
