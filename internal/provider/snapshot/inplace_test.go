// SPDX-License-Identifier: MPL-2.0

package snapshot_test

import (
	"context"
	"fmt"
	"path/filepath"
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

func compareID() func() statecheck.StateCheck {
	ids := statecheck.CompareValue(equal{})
	return func() statecheck.StateCheck { return ids.AddStateValue(address, tfjsonpath.New("snapshot_id")) }
}

type equal struct{}

func (equal) CompareValues(values ...any) error {
	for _, v := range values {
		if v != values[0] {
			return fmt.Errorf("%v is not %v", v, values[0])
		}
	}
	return nil
}

func TestSnapshotRename(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	sameID := compareID()
	rename := `on_name_change = "rename"`
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "s1"), ConfigStateChecks: []statecheck.StateCheck{sameID()}},
			{ // renamed by somebody: named back, not taken anew
				PreConfig:         func() { acctest.RBD(t, "snap", "rename", "vms/"+name+"@s1", "vms/"+name+"@moved") },
				Config:            config(name, "s1"),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
				Check:             protected(t, "vms/"+name, "s1", true),
			},
			{ // renamed by the configuration, where that is meant so
				Config:            config(name, "s2", rename, "protected = false"),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
				Check:             protected(t, "vms/"+name, "s2", false),
			},
			{ // and back again
				PreConfig:         func() { acctest.RBD(t, "snap", "rename", "vms/"+name+"@s2", "vms/"+name+"@moved") },
				Config:            config(name, "s2", "protected = false"),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
				Check:             protected(t, "vms/"+name, "s2", false),
			},
			{
				PreConfig:   func() { acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"@taken") },
				Config:      config(name, "taken", rename),
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+rename\s+RBD\s+snapshot.*name\s+is\s+already\s+taken`),
			},
			{
				PreConfig: func() { acctest.RBD(t, "snap", "rm", "--no-progress", "vms/"+name+"@taken") },
				Config:    config(name, "s2"),
			},
		},
	})
}

func v2(t *testing.T, snapshot, child string) {
	t.Helper()
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", snapshot, child)
}

func TestSnapshotChildren(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	snapshot, v1 := "vms/"+name+"@s1", "volumes/"+name+"-v1"
	children := func(names ...string) []statecheck.StateCheck {
		all := make([]knownvalue.Check, len(names))
		for i, n := range names {
			all[i] = knownvalue.StringRegexp(regexp.MustCompile("^" + n + "$"))
		}
		return []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("children"), knownvalue.ListExact(all))}
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(s *terraform.State) error {
			// The image goes to the trash with what the v2 clone needs of it.
			if len(acctest.Trash(t, "vms", name)) != 1 {
				return fmt.Errorf("the image is not in the trash")
			}
			if out := acctest.RBD(t, "info", "vms/"+name+"-v2"); !strings.Contains(out, "overlap: 8 MiB") {
				return fmt.Errorf("the clone lost its parent: %s", out)
			}
			return nil
		},
		Steps: []resource.TestStep{
			{Config: config(name, "s1"), ConfigStateChecks: children()},
			{
				PreConfig: func() {
					acctest.RBD(t, "clone", snapshot, v1)
					acctest.RBD(t, "clone", snapshot, "vms/"+name+"-thrown")
					acctest.RBD(t, "trash", "mv", "vms/"+name+"-thrown")
					v2(t, snapshot, "vms/"+name+"-v2")
				},
				RefreshState: true,
			},
			{
				Config: config(name, "s1"),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("children"), knownvalue.SetPartial([]knownvalue.Check{
					knownvalue.StringExact(v1), knownvalue.StringExact("vms/" + name + "-v2"),
					knownvalue.StringRegexp(regexp.MustCompile(`^vms/` + name + `-thrown \(in the trash, id \w+\)$`)),
				}))},
			},
			{ // the v1 clones stand in the way, and only they
				Config:      config(name, "s1", "protected = false"),
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+unprotect.*-v1.*-thrown|(?s)Unable\s+to\s+unprotect.*-thrown.*-v1`),
			},
			{
				PreConfig: func() {
					acctest.RBD(t, "rm", "--no-progress", v1)
					for id := range acctest.Trash(t, "vms", name) {
						acctest.RBD(t, "trash", "rm", "--no-progress", "vms/"+id)
					}
				},
				Config:            config(name, "s1", "protected = false"),
				ConfigStateChecks: children("vms/" + name + "-v2"),
				Check:             protected(t, "vms/"+name, "s1", false),
			},
			{
				Config: config(name, "s1"), Destroy: true, PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+RBD\s+snapshot.*has\s+children:\s+vms/` + name + `-v2`),
			},
			{ // said, the v2 clone keeps it
				Config: strings.Replace(config(name, "s1", `on_destroy = "trash"`), `size = "8MiB"`, "size = \"8MiB\"\n  on_destroy = \"trash\"", 1),
			},
		},
	})
}

// Caps for one pool are enough to refresh, but not to see children anywhere, and
// so not to destroy.
func TestSnapshotWithCapsForOnePool(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	user := "client." + name
	keyring := filepath.Join(t.TempDir(), "keyring")
	acctest.Admin(t, "ceph", "auth", "get-or-create", user, "mon", "profile rbd", "osd", "profile rbd-read-only pool=vms", "-o", keyring)
	t.Cleanup(func() { acctest.Admin(t, "ceph", "auth", "rm", user) })
	limited := fmt.Sprintf("provider \"rbd\" {\n  ceph = {\n    pool = \"vms\"\n    user = %q\n    keyring_file = %q\n  }\n}\n", name, keyring)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "s1")},
			{
				Config:           limited + config(name, "s1"),
				ConfigPlanChecks: providertest.Nothing(),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("children"), knownvalue.Null()),
				},
			},
			{
				Config: limited + config(name, "s1"), Destroy: true, PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+RBD\s+snapshot.*children\s+can't\s+be\s+listed.*on\s+all\s+pools`),
			},
			{Config: config(name, "s1")},
		},
	})
}

// A snapshot in the trash namespace keeps its image, and the plan says so.
func TestSnapshotInTheTrashNamespace(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	image := fmt.Sprintf("resource \"rbd_image\" \"test\" {\n  name = %q\n  size = \"8MiB\"\n}\n", name)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "s1", "protected = false")},
			{ // removed by somebody, as v2 clones allow: gone, and taken anew
				PreConfig: func() {
					v2(t, "vms/"+name+"@s1", "vms/"+name+"-v2")
					acctest.RBD(t, "snap", "rm", "--no-progress", "vms/"+name+"@s1")
				},
				Config:           config(name, "s1", "protected = false"),
				ConfigPlanChecks: providertest.Expect(providertest.Creates(address)),
				Check:            protected(t, "vms/"+name, "s1", false),
			},
			{
				Config: image, Destroy: true, PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+RBD\s+image.*in\s+the\s+trash\s+namespace.*vms/` + name + `-v2`),
			},
			{
				PreConfig: func() { acctest.RBD(t, "rm", "--no-progress", "vms/"+name+"-v2") },
				Config:    image,
			},
		},
	})
}

func TestFlattenChildrenOnDestroy(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	child := "volumes/" + name + "-child"
	all := config(name, "s1", "flatten_children_on_destroy = true")
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(s *terraform.State) error {
			if out := acctest.RBD(t, "info", child); strings.Contains(out, "parent") {
				return fmt.Errorf("not flattened: %s", out)
			}
			return providertest.Gone(t, name)(s)
		},
		Steps: []resource.TestStep{
			{Config: all},
			{
				PreConfig: func() {
					acctest.RBD(t, "clone", "vms/"+name+"@s1", child)
					acctest.RBD(t, "clone", "vms/"+name+"@s1", "vms/"+name+"-thrown")
					acctest.RBD(t, "trash", "mv", "vms/"+name+"-thrown")
				},
				Config: all,
			},
		},
	})
	if out, err := acctest.TryRBD(t, "trash", "ls", "vms"); err != nil || !strings.Contains(out, name+"-thrown") {
		t.Errorf("the clone in the trash is gone: %s %v", out, err)
	}
}

// A clone appears between the plan and the apply.
func TestSnapshotDestroyMeetsARace(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	image := fmt.Sprintf("resource \"rbd_image\" \"test\" {\n  name = %q\n  size = \"8MiB\"\n}\n", name)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "s1")},
			{
				// The check runs when the plan is there and not yet applied.
				Config: image,
				ConfigPlanChecks: providertest.Expect(
					after(func() {
						acctest.RBD(t, "clone", "vms/"+name+"@s1", "vms/"+name+"-late")
					}),
				),
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+RBD\s+snapshot.*has\s+children:\s+vms/` + name + `-late`),
			},
			{ // the state is right: nothing is to be done
				PreConfig: func() {
					if err := protected(t, "vms/"+name, "s1", true)(nil); err != nil {
						t.Error(err)
					}
				},
				Config:           config(name, "s1"),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{PreConfig: func() { acctest.RBD(t, "rm", "--no-progress", "vms/"+name+"-late") }, Config: image},
		},
	})
}

// after is a plan check that does something once the plan is made.
type after func()

func (f after) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	f()
}
