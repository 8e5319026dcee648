// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// retired checks what a destroy has left of the record.
func (g *golden) retired(id *string, status string, hidden bool) func(*terraform.State) error {
	return func(*terraform.State) error {
		i := g.Record(g.Name)
		*id = i.ID
		if i.Status != status || i.Hidden != hidden {
			return fmt.Errorf("the record is %+v", i)
		}
		if guards := g.Guards(); !slices.Equal(guards, []string{"images/guard." + i.ID}) {
			return fmt.Errorf("guards: %v, want that of %s", guards, i.ID)
		}
		note := acctest.RBD(g.T, "image-meta", "get", g.Spec, prefix+"glance."+i.ID)
		if !strings.Contains(note, `"state":"retired"`) {
			return fmt.Errorf("the note is %s", note)
		}
		return g.Intact()
	}
}

const noResource = "locals {}\n"

// What destroying has left is taken up by an import, and goes with the next
// destroy.
func TestLocationRetired(t *testing.T) {
	for onDestroy, status := range map[string]string{"hide": glance.StatusActive, "deactivate": glance.StatusDeactivated} {
		t.Run(onDestroy, func(t *testing.T) {
			g := newGolden(t)
			c := config(g.Spec+"@s", g.Name)
			retiring := config(g.Spec+"@s", g.Name, fmt.Sprintf("on_destroy = %q", onDestroy))
			var id string
			steps := []resource.TestStep{
				{Config: retiring},
				{
					Config: noResource, ConfigPlanChecks: providertest.Expect(providertest.Destroys(address)),
					Check: g.retired(&id, status, onDestroy == "hide"),
				},
				{ // another one beside it is no trouble
					Config: retiring, ConfigPlanChecks: create, Check: func(*terraform.State) error {
						if n := len(g.Guards()); n != 2 {
							return fmt.Errorf("%d guards", n)
						}
						return nil
					},
				},
				{Config: c, ConfigPlanChecks: update},
				{Config: noResource, Check: g.retired(&id, status, onDestroy == "hide")},
			}
			providertest.Run(t, resource.TestCase{Steps: steps, CheckDestroy: g.retired(&id, status, onDestroy == "hide")})

			if status == glance.StatusDeactivated {
				if err := client(t, asMember).Reactivate(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
			plan := update
			if status == glance.StatusDeactivated { // all is as wanted again
				plan = providertest.Expect(providertest.Keeps(address))
			}
			providertest.Run(t, resource.TestCase{
				CheckDestroy: g.untouched,
				Steps: []resource.TestStep{{
					Config: fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", address, id) + c, ConfigPlanChecks: plan,
					Check: g.registered(g.Name), ConfigStateChecks: []statecheck.StateCheck{
						statecheck.ExpectKnownValue(address, tfjsonpath.New("hidden"), knownvalue.Bool(false)),
					},
				}},
			})
		})
	}
}

// One that somebody deleted is destroyed, with what was left of it.
func TestLocationRetiredAfterDeletion(t *testing.T) {
	g := newGolden(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(s *terraform.State) error {
			if err := g.untouched(s); err == nil {
				return fmt.Errorf("nothing is left of the retired one")
			}
			c, id := client(t, asMember), g.Record(g.Name).ID
			if err := c.Deactivate(t.Context(), id); err != nil {
				return err
			}
			_, err := c.DeleteRecord(t.Context(), id)
			return err
		},
		Steps: []resource.TestStep{{Config: config(g.Spec+"@s", g.Name, `on_destroy = "hide"`)}},
	})
	// The guard that is left goes when somebody makes the next one who can tell
	// that the record is gone.
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{{
			Config: adminProvider() + config(g.Spec+"@s", g.Name),
			Check:  func(*terraform.State) error { return g.RegisteredAs(g.Record(g.Name).ID) },
		}},
	})
}
