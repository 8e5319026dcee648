// SPDX-License-Identifier: MPL-2.0

package namespace_test

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const address = "rbd_namespace.test"

// nothing is a configuration without resources, which destroys all there are.
const nothing = "locals {}\n"

func config(name string, more ...string) string {
	return fmt.Sprintf("resource \"rbd_namespace\" \"test\" {\n  name = %q\n  %s\n}\n", name, strings.Join(more, "\n  "))
}

// withImage has an image in the namespace, too.
func withImage(name string, more ...string) string {
	return config(name) + fmt.Sprintf(`
resource "rbd_image" "test" {
  namespace = rbd_namespace.test.name
  name      = "disk"
  size      = "8MiB"
  %s
}
`, strings.Join(more, "\n  "))
}

func TestNamespaceLife(t *testing.T) {
	t.Parallel()
	name := newName(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: all(gone(t, "vms/"+name), gone(t, "vms/"+name+"-2"), gone(t, "volumes/"+name+"-2")),
		Steps: []resource.TestStep{
			{
				Config: config(name),
				ConfigPlanChecks: providertest.Expect(
					providertest.Creates(address),
					providertest.Plans(address, "spec", knownvalue.StringExact("vms/"+name)),
				),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("pool"), knownvalue.StringExact("vms")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("on_destroy"), knownvalue.StringExact("delete")),
				},
				Check: there(t, "vms/"+name),
			},
			{
				Config:           config(name, `pool = "vms"`),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "vms/" + name,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "spec",
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: name,
				ExpectError: regexp.MustCompile(`Want\s+pool/namespace`),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "vms/" + name + "/disk",
				ExpectError: regexp.MustCompile(`Want\s+pool/namespace`),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "vms/" + name + "-none",
				ExpectError: regexp.MustCompile(`non-existent`),
			},
			{
				Config:           config(name, `on_destroy = "retain"`, "timeouts = {\n    create = \"1m\"\n  }"),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
			},
			{Config: config(name), ConfigPlanChecks: providertest.Expect(providertest.Updates(address))},
			{
				Config: config(name + "-2"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Replaces(address),
					providertest.Plans(address, "spec", knownvalue.StringExact("vms/"+name+"-2")),
				),
				Check: all(gone(t, "vms/"+name), there(t, "vms/"+name+"-2")),
			},
			{
				Config:           config(name+"-2", `pool = "volumes"`),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            all(gone(t, "vms/"+name+"-2"), there(t, "volumes/"+name+"-2")),
			},
			{ // a tainted one is planned like a first one, under a name that is taken
				Taint:  []string{address},
				Config: config(name+"-2", `pool = "volumes"`),
				ConfigPlanChecks: providertest.Expect(
					providertest.Replaces(address),
					plancheck.ExpectUnknownValue(address, tfjsonpath.New("spec")),
				),
				Check: there(t, "volumes/"+name+"-2"),
			},
		},
	})
}

// An image is made in the namespace by the same apply, follows it to another
// one, and is destroyed before it.
func TestNamespaceWithAnImage(t *testing.T) {
	t.Parallel()
	name := newName(t)
	image := func(place string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if out, err := acctest.TryRBD(t, "info", place+"/disk"); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}
	}
	both := func(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return providertest.Expect(plancheck.ExpectResourceAction(address, a), plancheck.ExpectResourceAction("rbd_image.test", a))
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: all(gone(t, "vms/"+name), gone(t, "vms/"+name+"-2")),
		Steps: []resource.TestStep{
			{
				Config:           withImage(name),
				ConfigPlanChecks: both(plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("rbd_image.test", tfjsonpath.New("spec"), knownvalue.StringExact("vms/"+name+"/disk")),
				},
				Check: image("vms/" + name),
			},
			{
				Config:           withImage(name),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{
				Config:           withImage(name + "-2"),
				ConfigPlanChecks: both(plancheck.ResourceActionDestroyBeforeCreate),
				Check:            all(gone(t, "vms/"+name), image("vms/"+name+"-2")),
			},
			{Config: withImage(name+"-2", "trashed = true")}, // it keeps the namespace there, too
			{
				Config:           nothing,
				ConfigPlanChecks: both(plancheck.ResourceActionDestroy),
				Check:            gone(t, "vms/"+name+"-2"),
			},
			{Config: withImage(name), ConfigPlanChecks: both(plancheck.ResourceActionCreate), Check: image("vms/" + name)},
		},
	})
}

func TestNamespaceRetain(t *testing.T) {
	t.Parallel()
	name := newName(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: there(t, "vms/"+name),
		Steps: []resource.TestStep{
			{Config: config(name, `on_destroy = "retain"`)},
			{ // with whatever is in it
				PreConfig: func() { acctest.RBD(t, "create", "--size", "8M", "vms/"+name+"/foreign") },
				Config:    config(name, `on_destroy = "retain"`),
			},
		},
	})
}

func TestNamespaceRefusals(t *testing.T) {
	t.Parallel()
	name := newName(t)
	taken := regexp.MustCompile(`(?s)Unable\s+to\s+plan\s+RBD\s+namespace\s+"vms/` + name + `".*name\s+is\s+already\s+taken.*terraform\s+import`)
	wrong := regexp.MustCompile(`Not\s+an\s+RBD\s+namespace\s+name`)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: gone(t, "vms/"+name),
		Steps: []resource.TestStep{
			{Config: config(""), PlanOnly: true, ExpectError: wrong},
			{Config: config("a/b"), PlanOnly: true, ExpectError: wrong},
			{Config: config("a@b"), PlanOnly: true, ExpectError: wrong},
			{Config: config("a\tb"), PlanOnly: true, ExpectError: wrong},
			{
				Config:   config(name) + strings.Replace(config(name, `pool = "vms"`), `"test"`, `"other"`, 1),
				PlanOnly: true, ExpectError: regexp.MustCompile(`(?i)another\s+resource\s+of\s+this\s+configuration\s+has\s+the\s+same\s+name`),
			},
			{Config: config(name, `pool = "no-such-pool"`), PlanOnly: true, ExpectError: regexp.MustCompile(`(?i)pool\s+not\s+found`)},
			{
				PreConfig: func() { acctest.RBD(t, "namespace", "create", "vms/"+name) },
				Config:    config(name), PlanOnly: true, ExpectError: taken,
			},
			{ // it came after the plan
				PreConfig:        func() { acctest.RBD(t, "namespace", "rm", "vms/"+name) },
				Config:           config(name),
				ConfigPlanChecks: providertest.Expect(after(func() { acctest.RBD(t, "namespace", "create", "vms/"+name) })),
				ExpectError:      regexp.MustCompile(`(?s)Unable\s+to\s+(plan|create)\s+RBD\s+namespace.*name\s+is\s+already\s+taken.*terraform\s+import`),
			},
			{PreConfig: func() { acctest.RBD(t, "namespace", "rm", "vms/"+name) }, Config: config(name)},
			{ // an image that is planned in a namespace that nobody makes
				Config: strings.ReplaceAll(withImage(name), "rbd_namespace.test.name", `"no-such-namespace"`), PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?i)namespace\s+not\s+found`),
			},
		},
	})
}

// What somebody has put into the namespace, or into its trash, keeps it there.
func TestNamespaceNotEmpty(t *testing.T) {
	t.Parallel()
	name := newName(t)
	refused := func(what string) *regexp.Regexp {
		return regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+RBD\s+namespace\s+"vms/` + name + `".*is\s+not\s+empty:\s+` + what)
	}
	foreign := "vms/" + name + "/foreign"
	providertest.Run(t, resource.TestCase{
		CheckDestroy: gone(t, "vms/"+name),
		Steps: []resource.TestStep{
			{Config: withImage(name)},
			{
				PreConfig: func() { acctest.RBD(t, "create", "--size", "8M", foreign) },
				Config:    withImage(name), Destroy: true, PlanOnly: true, ExpectError: refused(foreign + `\.`),
			},
			{Config: withImage(name + "-2"), PlanOnly: true, ExpectError: refused(foreign + `\.`)},
			{
				PreConfig: func() { acctest.RBD(t, "trash", "mv", foreign) },
				Config:    withImage(name), Destroy: true, PlanOnly: true, ExpectError: refused(foreign + `\s+\(in\s+the\s+trash,\s+id\s+\w+\)\.`),
			},
			{ // more than a message names
				PreConfig: func() {
					for i := range 10 {
						acctest.RBD(t, "create", "--size", "8M", fmt.Sprintf("%s%d", foreign, i))
					}
				},
				Config: withImage(name), Destroy: true, PlanOnly: true, ExpectError: refused(`.*foreign8\s+and\s+1\s+more`),
			},
			{ // it came after the plan: nothing but our own image goes
				PreConfig:        func() { empty(t, name, "foreign") },
				Config:           nothing,
				ConfigPlanChecks: providertest.Expect(after(func() { acctest.RBD(t, "create", "--size", "8M", foreign) })),
				ExpectError:      refused(foreign),
			},
			{
				PreConfig: func() {
					if err := there(t, "vms/"+name)(nil); err != nil {
						t.Error(err)
					}
					acctest.RBD(t, "rm", "--no-progress", foreign)
				},
				Config: withImage(name),
			},
			{ // made by this provider, and read by no refresh yet: no obstacle to the plan
				PreConfig: func() {
					at := rbd.Spec{Pool: "vms", Namespace: name, Image: "foreign"}
					if err := rbd.NewCluster(rbd.Config{}).CreateImage(t.Context(), at, rbd.Layout{SizeBytes: 8 << 20}, "token"); err != nil {
						t.Error(err)
					}
				},
				Config:           nothing,
				ConfigPlanChecks: providertest.Expect(after(func() { acctest.RBD(t, "rm", "--no-progress", foreign) })),
			},
		},
	})
}

func TestNamespaceDrift(t *testing.T) {
	t.Parallel()
	name := newName(t)
	pool := name + "-pool"
	makePool := func() { acctest.Admin(t, "ceph", "osd", "pool", "create", pool, "1") }
	removePool := func() {
		acctest.Admin(t, "ceph", "osd", "pool", "rm", pool, pool, "--yes-i-really-really-mean-it")
	}
	// The lab's user knows three pools only.
	keyring := filepath.Join(t.TempDir(), "keyring")
	acctest.Admin(t, "ceph", "auth", "get-or-create", "client."+name, "mon", "profile rbd", "osd", "profile rbd", "-o", keyring)
	t.Cleanup(func() {
		acctest.Admin(t, "ceph", "auth", "rm", "client."+name)
		removePool()
	})
	inPool := fmt.Sprintf("provider \"rbd\" {\n  ceph = {\n    pool = %q\n    user = %q\n    keyring_file = %q\n  }\n}\n", pool, name, keyring) + config(name, fmt.Sprintf("pool = %q", pool))
	providertest.Run(t, resource.TestCase{
		CheckDestroy: gone(t, "vms/"+name),
		Steps: []resource.TestStep{
			{Config: config(name)},
			{
				PreConfig:        func() { acctest.RBD(t, "namespace", "rm", "vms/"+name) },
				Config:           config(name),
				ConfigPlanChecks: providertest.Expect(providertest.Creates(address)),
				Check:            there(t, "vms/"+name),
			},
			{PreConfig: makePool, Config: inPool, Check: there(t, pool+"/"+name)},
			{ // gone with its pool
				PreConfig: func() {
					removePool()
					makePool()
				},
				Config: inPool, ConfigPlanChecks: providertest.Expect(providertest.Creates(address)),
			},
			{
				PreConfig: removePool,
				Config:    strings.ReplaceAll(inPool, pool, "vms"), ConfigPlanChecks: providertest.Expect(providertest.Creates(address)),
			},
			{ // no error, when it is to go anyway
				Config:           nothing,
				ConfigPlanChecks: providertest.Expect(after(func() { acctest.RBD(t, "namespace", "rm", "vms/"+name) })),
			},
		},
	})
}

// after is a plan check that does something once the plan is made.
type after func()

func (f after) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	f()
}

func all(checks ...resource.TestCheckFunc) resource.TestCheckFunc {
	return resource.ComposeAggregateTestCheckFunc(checks...)
}

// exists asks `rbd namespace ls`.
func exists(t *testing.T, spec string) bool {
	t.Helper()
	pool, name, _ := strings.Cut(spec, "/")
	return slices.Contains(strings.Fields(acctest.Admin(t, "rbd", "namespace", "ls", pool)), name)
}

func there(t *testing.T, spec string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if !exists(t, spec) {
			return fmt.Errorf("namespace %s is not there", spec)
		}
		return nil
	}
}

func gone(t *testing.T, spec string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if exists(t, spec) {
			return fmt.Errorf("namespace %s is still there", spec)
		}
		return nil
	}
}

// newName is a name for namespaces that no other test has; they are removed after
// the test, with all that it left in them.
func newName(t *testing.T) string {
	t.Helper()
	name := providertest.Name(t)
	t.Cleanup(func() {
		for _, ns := range []string{name, name + "-2"} {
			for _, pool := range []string{"vms", "volumes"} {
				if !exists(t, pool+"/"+ns) {
					continue
				}
				empty(t, ns, "")
				if out, err := acctest.TryRBD(t, "namespace", "rm", pool+"/"+ns); err != nil {
					t.Errorf("could not clean up: %v: %s", err, out)
				}
			}
		}
	})
	return name
}

// empty removes the images in a namespace of the pool vms, and in its trash, whose
// names begin with prefix.
func empty(t *testing.T, name, prefix string) {
	t.Helper()
	place := "vms/" + name
	for _, image := range acctest.Images(t, place, prefix) {
		acctest.RBD(t, "rm", "--no-progress", place+"/"+image)
	}
	for id := range acctest.Trash(t, place, prefix) {
		acctest.RBD(t, "trash", "rm", "--no-progress", "--force", place+"/"+id)
	}
}
