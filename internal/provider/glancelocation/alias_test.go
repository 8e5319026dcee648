// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"fmt"
	"net/http"
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

func (g *golden) isAliased(*terraform.State) error { return g.Aliased() }

func TestLocationAlias(t *testing.T) {
	g := newGolden(t)
	c := config(g.Spec+"@s", g.Name, `protection = "alias"`)
	alias := func() string { return "images/alias." + g.Record(g.Name).ID }
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
	vm := g.Spec + "-vm"
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: config(g.Spec+"@s", g.Name, `alias_pool = "images"`), ExpectError: regexp.MustCompile(`A\s+pool\s+for\s+no\s+alias`)},
			{Config: c + "\n", ConfigPlanChecks: create, ConfigStateChecks: kept(), Check: g.isAliased},
			{
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{ // written out
				Config: config(g.Spec+"@s", g.Name, `protection = "alias"`, `alias_pool = "images"`), ConfigPlanChecks: empty,
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("alias_pool"), knownvalue.StringExact("images"))},
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
				Config: config(g.Spec+"@s", g.Name), ExpectError: regexp.MustCompile(`(?is)has\s+children:\s+` + vm),
			},
			{
				PreConfig: func() { acctest.RBD(t, "rm", "--no-progress", vm) },
				Config:    config(g.Spec+"@s", g.Name), ConfigPlanChecks: replace, Check: g.registered(g.Name),
			},
			{Config: c, ConfigPlanChecks: replace, Check: g.isAliased},
		},
	})
}

// Somebody's DELETE takes the alias, and nothing else.
func TestLocationAliasTakenByOthers(t *testing.T) {
	g := newGolden(t)
	c := config(g.Spec+"@s", g.Name, `protection = "alias"`)
	var old string
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: c},
			{
				PreConfig: func() {
					if status := ask(t, asAdmin, http.MethodDelete, g.Record(g.Name).ID, ""); status != http.StatusNoContent {
						t.Errorf("delete: %d", status)
					}
					if err := g.Intact(); err != nil {
						t.Error(err)
					}
					if left := acctest.RBD(t, "children", "--all", g.Spec+"@s"); left != "" {
						t.Errorf("left: %s", left)
					}
				},
				Config: c, ConfigPlanChecks: create, Check: g.isAliased,
			},
			{ // deleted in the way that leaves the alias: a member's 404 is no proof of it
				PreConfig: func() {
					m, id := client(t, asMember), g.Record(g.Name).ID
					old = id
					err := m.Deactivate(t.Context(), id)
					if err == nil {
						_, err = m.DeleteRecord(t.Context(), id)
					}
					if err != nil {
						t.Error(err)
					}
				},
				Config: c, ConfigPlanChecks: create, Check: func(*terraform.State) error {
					children := acctest.RBD(t, "children", "--all", g.Spec+"@s")
					for _, id := range []string{old, g.Record(g.Name).ID} {
						if !strings.Contains(children, "images/alias."+id) {
							return fmt.Errorf("alias %s is not among the children: %s", id, children)
						}
					}
					return g.Intact()
				},
			},
			{ // by an admin, to whom Glance shows the location, and whose 404 is proof
				Config: adminProvider() + c, ConfigPlanChecks: empty,
			},
		},
	})
}

// A golden image where Glance can't write, and can't even read at first.
func TestLocationAliasInAnotherPool(t *testing.T) {
	g := newNamed(t)
	g.Spec = "vms/" + g.Name
	t.Cleanup(g.Clean)
	g.Create()
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
		return config(g.Spec+"@s", g.Name, `protection = "alias"`, fmt.Sprintf("alias_pool = %q", pool))
	}
	hasty := strings.Replace(provider(cloud(asMember)), "openstack = {", "openstack = {\n    retry_timeout = \"2s\"", 1)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(s *terraform.State) error {
			if left := acctest.RBD(t, "children", "--all", g.Spec+"@s"); left != "" {
				return fmt.Errorf("left: %s", left)
			}
			return g.Intact()
		},
		Steps: []resource.TestStep{
			{Config: aliased("nowhere"), ExpectError: regexp.MustCompile(`(?is)alias_pool.*pool\s+not\s+found`)},
			{ // which is not waited out, as it would be for more than a minute
				Config: hasty + aliased("images"), ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+create\s+Glance\s+image.*parent\s+Glance's\s+Ceph\s+user\s+can't\s+read`),
			},
			{
				PreConfig: func() {
					if left := acctest.RBD(t, "children", "--all", g.Spec+"@s"); left != "" {
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
					providertest.Replaces(address),
				}},
			},
		},
	})
}
