// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// What somebody renamed is named back, and the image in Glance is the same.
func TestLocationRenamed(t *testing.T) {
	g := newNamed(t)
	t.Cleanup(g.Clean)
	c := chain(g.Name)
	id := statecheck.CompareValue(same{})
	step := func(image, snapshot plancheck.ResourceActionType, before func()) resource.TestStep {
		return resource.TestStep{
			PreConfig: before, Config: c,
			ConfigPlanChecks: providertest.Expect(
				plancheck.ExpectResourceAction("rbd_image.test", image),
				plancheck.ExpectResourceAction("rbd_snapshot.test", snapshot),
				providertest.Keeps(address),
			),
			ConfigStateChecks: []statecheck.StateCheck{id.AddStateValue(address, tfjsonpath.New("image_id"))},
			Check:             func(s *terraform.State) error { return g.registered(g.Name)(s) },
		}
	}
	renamed := g.Spec + "-renamed"
	image := func() { acctest.RBD(t, "rename", g.Spec, renamed) }
	snapshot := func() { acctest.RBD(t, "snap", "rename", g.Spec+"@s", g.Spec+"@renamed") }
	noop, update := plancheck.ResourceActionNoop, plancheck.ResourceActionUpdate
	providertest.Run(t, resource.TestCase{
		CheckDestroy: nothing(t, g.Name),
		Steps: []resource.TestStep{
			{
				Config: c, ConfigStateChecks: []statecheck.StateCheck{id.AddStateValue(address, tfjsonpath.New("image_id"))},
				Check: func(*terraform.State) error {
					g.ID = rbdID(t, g.Spec)
					return nil
				},
			},
			step(update, update, image),
			step(noop, update, snapshot),
			step(update, update, func() { snapshot(); image() }),
			{ // what nobody here manages has to be named back by hand
				PreConfig: func() {
					acctest.RBD(t, "create", "--size", "8M", g.Spec+"-2")
					acctest.RBD(t, "snap", "create", "--no-progress", g.Spec+"-2@s")
					acctest.RBD(t, "snap", "protect", g.Spec+"-2@s")
				},
				Config: c + second(g),
			},
			{
				PreConfig: func() { acctest.RBD(t, "rename", g.Spec+"-2", renamed) },
				Config:    c + second(g), ConfigPlanChecks: empty,
			},
			{
				PreConfig: func() { acctest.RBD(t, "rename", renamed, g.Spec+"-2") },
				Config:    c,
				Check: func(*terraform.State) error {
					acctest.RBD(t, "snap", "unprotect", g.Spec+"-2@s")
					acctest.RBD(t, "snap", "rm", "--no-progress", g.Spec+"-2@s")
					acctest.RBD(t, "rm", "--no-progress", g.Spec+"-2")
					return nil
				},
			},
		},
	})
}

// second registers an image that is not in the configuration.
func second(g golden) string {
	return strings.Replace(config(g.Spec+"-2@s", g.Name+"-2"), `"test"`, `"second"`, 1)
}

// An admin gives the image to another project: no plan takes away what protects
// its data, nor does a destroy, which says whose guard is in the way.
func TestLocationGivenAway(t *testing.T) {
	g := newNamed(t)
	t.Cleanup(g.Clean)
	ctx := t.Context()
	id := glance.NewID()
	c := strings.Replace(chain(g.Name), "rbd_snapshot.test.spec\n", fmt.Sprintf("rbd_snapshot.test.spec\n  image_id = %q\n", id), 1)
	demo, other := project(t, asMember), project(t, asOther)
	endpoint, err := client(t, asMember).Endpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	give := func(to string) {
		if _, err := client(t, asAdmin).Update(ctx, id, glance.Changes{Owner: &to}); err != nil {
			t.Fatal(err)
		}
	}
	guarded := func() {
		t.Helper()
		if err := g.Guarded(id); err != nil {
			t.Error(err)
		}
		if code := acctest.GlanceDelete(t, "other", "other", strings.TrimSuffix(endpoint, "/"), id); code != http.StatusConflict {
			t.Errorf("the other project's DELETE is answered with %d", code)
		}
		if err := g.Intact(); err != nil {
			t.Error(err)
		}
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: nothing(t, g.Name),
		Steps: []resource.TestStep{
			{Config: c, Check: func(*terraform.State) error {
				g.ID = rbdID(t, g.Spec)
				return nil
			}},
			{PreConfig: func() { give(other) }, Config: c, PlanOnly: true, ExpectNonEmptyPlan: true},
			{
				PreConfig: guarded, Config: c, Destroy: true,
				ExpectError: regexp.MustCompile(`(?s)has\s+children:\s+images/guard\.\S+\s+\(the\s+guard\s+of\s+Glance\s+image.*openstack\s+image\s+show`),
			},
			{ // given back, it is taken up again
				PreConfig: func() { guarded(); give(demo) },
				Config:    fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", address, id) + c, ConfigPlanChecks: providertest.Expect(providertest.Keeps(address)),
				Check: g.registered(g.Name),
			},
		},
	})
}
