package glancelocation_test

import (
	"errors"
	"fmt"
	"os/exec"
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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/glancelocation"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// aliased checks the truth: one active record, of an alias in the pool "images",
// which is the only child of the golden snapshot.
func (g *golden) aliased() error {
	i := g.record(g.name)
	alias := "images/alias." + i.ID
	url := fmt.Sprintf("rbd://%s/%s/snap", acctest.FSID(g.t), alias)
	if i.Status != glance.StatusActive || len(i.Locations) != 1 || i.Locations[0].URL != url || i.SizeBytes != 8<<20 || i.MinDiskGiB != 1 {
		return fmt.Errorf("the record is %+v, want location %s", i, url)
	}
	if children := acctest.RBD(g.t, "children", "--all", g.spec+"@s"); children != alias {
		return fmt.Errorf("children of the golden snapshot: %s", children)
	}
	if snaps := acctest.RBD(g.t, "snap", "ls", alias); !regexp.MustCompile(`\ssnap\s.*\syes\s`).MatchString(snaps) {
		return fmt.Errorf("snapshots of the alias: %s", snaps)
	}
	return g.intact()
}

func (g *golden) isAliased(*terraform.State) error { return g.aliased() }

// dropAlias removes an alias by hand.
func dropAlias(t *testing.T, spec string) {
	t.Helper()
	acctest.RBD(t, "snap", "unprotect", spec+"@snap")
	acctest.RBD(t, "snap", "rm", "--no-progress", spec+"@snap")
	acctest.RBD(t, "rm", "--no-progress", spec)
}

func TestLocationAlias(t *testing.T) {
	g := newGolden(t)
	c := config(g.spec+"@s", g.name, `protection = "alias"`)
	alias := func() string { return "images/alias." + g.record(g.name).ID }
	id := statecheck.CompareValue(same{})
	kept := func() []statecheck.StateCheck {
		return []statecheck.StateCheck{
			id.AddStateValue(address, tfjsonpath.New("image_id")),
			statecheck.ExpectKnownValue(address, tfjsonpath.New("guard"), knownvalue.Null()),
		}
	}
	repaired := func(before func()) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: c, ConfigPlanChecks: update, ConfigStateChecks: kept(), Check: g.isAliased}
	}
	vm := g.spec + "-vm"
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: config(g.spec+"@s", g.name, `alias_pool = "images"`), ExpectError: regexp.MustCompile(`A\s+pool\s+for\s+no\s+alias`)},
			{Config: c + "\n", ConfigPlanChecks: create, ConfigStateChecks: kept(), Check: g.isAliased},
			{
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			// What somebody does to the alias is put right, under the same ID.
			repaired(func() { acctest.RBD(t, "snap", "unprotect", alias()+"@snap") }),
			repaired(func() {
				acctest.RBD(t, "snap", "unprotect", alias()+"@snap")
				acctest.RBD(t, "snap", "rm", "--no-progress", alias()+"@snap")
			}),
			repaired(func() { dropAlias(t, alias()) }),
			repaired(func() { acctest.RBD(t, "flatten", "--no-progress", alias()) }),
			{ // instances keep it
				PreConfig: func() { acctest.RBD(t, "clone", alias()+"@snap", vm) },
				Config:    noResource, ExpectError: regexp.MustCompile(`(?is)has\s+children:\s+` + vm + `.*flatten`),
			},
			{ // a change that needs another location needs the alias to go, too
				Config: config(g.spec+"@s", g.name), ExpectError: regexp.MustCompile(`(?is)has\s+children:\s+` + vm),
			},
			{
				PreConfig: func() { acctest.RBD(t, "rm", "--no-progress", vm) },
				Config:    config(g.spec+"@s", g.name), ConfigPlanChecks: replace, Check: g.registered(g.name),
			},
			{Config: c, ConfigPlanChecks: replace, Check: g.isAliased},
		},
	})
}

// Somebody's DELETE takes the alias, and nothing else.
func TestLocationAliasTakenByOthers(t *testing.T) {
	g := newGolden(t)
	c := config(g.spec+"@s", g.name, `protection = "alias"`)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: c},
			{
				PreConfig: func() {
					out, err := exec.Command("openstack", "--os-cloud", cloud(asAdmin), "image", "delete", g.record(g.name).ID).CombinedOutput()
					if err != nil {
						t.Errorf("delete: %v: %s", err, out)
					}
					if err := g.intact(); err != nil {
						t.Error(err)
					}
					if left := acctest.RBD(t, "children", "--all", g.spec+"@s"); left != "" {
						t.Errorf("left: %s", left)
					}
				},
				Config: c, ConfigPlanChecks: create, Check: g.isAliased,
			},
			{ // deleted in the way that leaves the alias
				PreConfig: func() {
					m, id := client(t, asMember), g.record(g.name).ID
					err := m.Deactivate(t.Context(), id)
					if err == nil {
						_, err = m.DeleteRecord(t.Context(), id)
					}
					if err != nil {
						t.Error(err)
					}
				},
				Config: c, ConfigPlanChecks: create, Check: g.isAliased,
			},
			{ // by an admin, to whom Glance shows the location
				Config: adminProvider() + c, ConfigPlanChecks: empty,
			},
		},
	})
}

// A golden image where Glance can't write, and can't even read at first.
func TestLocationAliasInAnotherPool(t *testing.T) {
	g := golden{t: t, name: providertest.Name(t)}
	g.spec = "vms/" + g.name
	t.Cleanup(g.clean)
	g.create()
	before := acctest.Admin(t, "ceph", "auth", "get", "client.glance", "--format", "json")
	caps := regexp.MustCompile(`"(mon|mgr|osd)":"([^"]*)"`).FindAllStringSubmatch(before, -1)
	const reading = ", profile rbd-read-only pool=vms"
	set := func(osd string) {
		args := []string{"auth", "caps", "client.glance"}
		for _, c := range caps {
			value := strings.ReplaceAll(c[2], `\"`, `"`)
			if c[1] == "osd" {
				value = strings.ReplaceAll(value, reading, "") + osd // without what a killed run has left
			}
			args = append(args, c[1], value)
		}
		acctest.Admin(t, "ceph", args...)
	}
	set("")
	t.Cleanup(func() { set("") })
	aliased := func(pool string) string {
		return config(g.spec+"@s", g.name, `protection = "alias"`, fmt.Sprintf("alias_pool = %q", pool))
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(s *terraform.State) error {
			if left := acctest.RBD(t, "children", "--all", g.spec+"@s"); left != "" {
				return fmt.Errorf("left: %s", left)
			}
			return g.intact()
		},
		Steps: []resource.TestStep{
			{Config: aliased("nowhere"), ExpectError: regexp.MustCompile(`(?is)alias_pool.*pool\s+not\s+found`)},
			{Config: aliased("images"), ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+create\s+Glance\s+image.*parent\s+Glance's\s+Ceph\s+user\s+can't\s+read`)},
			{
				PreConfig: func() {
					if left := acctest.RBD(t, "children", "--all", g.spec+"@s"); left != "" {
						t.Errorf("left: %s", left)
					}
					set(reading)
				},
				Config: aliased("images"), ConfigPlanChecks: create, Check: g.isAliased,
			},
			{
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{
				Config: aliased("volumes"), PlanOnly: true, ExpectNonEmptyPlan: true,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPreRefresh: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionDestroyBeforeCreate),
				}},
			},
		},
	})
}

// A run that was killed leaves what it had done so far of alias and record.
func TestResumedAlias(t *testing.T) {
	g := newGolden(t)
	ctx := t.Context()
	for n, what := range []string{"noted", "cloned", "snapshotted", "protected", "recorded"} {
		t.Run(what, func(t *testing.T) {
			g.t = t
			id := leaveCreation(t, g, false, n > 3, false)
			alias := "images/alias." + id
			key := prefix + "glance." + id
			note := acctest.RBD(t, "image-meta", "get", g.spec, key)
			acctest.RBD(t, "image-meta", "set", g.spec, key, strings.Replace(note, "{", fmt.Sprintf(`{"alias":%q,`, alias), 1))
			for _, args := range [][]string{
				{"--rbd-default-clone-format", "1", "clone", g.spec + "@s", alias},
				{"snap", "create", "--no-progress", alias + "@snap"},
				{"snap", "protect", alias + "@snap"},
			}[:min(n, 3)] {
				acctest.RBD(t, args...)
			}
			d := glancelocation.NewDirect(cloud(asMember), g.spec+"@s", g.name)
			d.Alias()
			if err := d.Create(ctx); err != nil {
				t.Fatal(err)
			}
			if d.ID() != id {
				t.Errorf("the ID is %s, that of the killed run was %s", d.ID(), id)
			}
			if err := g.aliased(); err != nil {
				t.Error(err)
			}
			// And as far as a destroy may have come.
			switch n {
			case 0:
				d.As(cloud(asAdmin))
			case 1:
				dropAlias(t, alias)
			case 2:
				acctest.RBD(t, "snap", "unprotect", alias+"@snap")
			case 3:
				if err := client(t, asMember).Deactivate(ctx, id); err != nil {
					t.Error(err)
				}
				if _, err := client(t, asMember).DeleteRecord(ctx, id); err != nil {
					t.Error(err)
				}
			}
			if err := errors.Join(d.Delete(ctx), g.untouched(nil)); err != nil {
				t.Error(err)
			}
		})
	}
}
