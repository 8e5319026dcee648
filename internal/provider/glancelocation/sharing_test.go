// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func TestLocationMembers(t *testing.T) {
	g := newGolden(t)
	member, other, third := client(t, asMember), project(t, asOther), project(t, asAdmin)
	status := func(want map[string]string) []statecheck.StateCheck {
		checks := map[string]knownvalue.Check{}
		for p, s := range want {
			checks[p] = knownvalue.StringExact(s)
		}
		return []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("member_status"), knownvalue.MapExact(checks))}
	}
	with := func(members string) string {
		return config(g.Spec+"@s", g.Name, `visibility = "shared"`, "members = "+members)
	}
	one := with(fmt.Sprintf("[%q]", other))
	// The truth, as Glance has it.
	are := func(want ...string) func(*glance.Image) error {
		return func(i *glance.Image) error {
			now, err := member.Members(t.Context(), i.ID)
			if err != nil || len(now) != len(want) {
				return fmt.Errorf("members are %v, want %v (%w)", now, want, err)
			}
			for _, p := range want {
				if now[p] == "" {
					return fmt.Errorf("members are %v, want %v", now, want)
				}
			}
			return nil
		}
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{
				Config:      config(g.Spec+"@s", g.Name, fmt.Sprintf("members = [%q]", other)),
				ExpectError: regexp.MustCompile(`Members\s+of\s+an\s+image\s+that\s+is\s+not\s+shared`),
			},
			{Config: one, Check: g.registered(g.Name, are(other)), ConfigStateChecks: status(map[string]string{other: "pending"})},
			{
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{ // what they say is theirs
				PreConfig: func() {
					if status := ask(t, asOther, http.MethodPut, g.Record(g.Name).ID+"/members/"+project(t, asOther), `{"status": "accepted"}`); status != http.StatusOK {
						t.Errorf("accept: %d", status)
					}
				},
				Config: one, ConfigPlanChecks: empty, ConfigStateChecks: status(map[string]string{other: "accepted"}),
			},
			{ // who was added is removed, who was removed added
				PreConfig: func() {
					if err := member.SetMembers(t.Context(), g.Record(g.Name).ID, []string{third, "no such project"}); err != nil {
						t.Fatal(err)
					}
				},
				Config: one, ConfigPlanChecks: update, Check: g.registered(g.Name, are(other)),
				ConfigStateChecks: status(map[string]string{other: "pending"}),
			},
			{Config: with(fmt.Sprintf("[%q, %q]", other, third)), ConfigPlanChecks: update, Check: g.registered(g.Name, are(other, third))},
			{ // not looked after
				Config: config(g.Spec+"@s", g.Name, `visibility = "shared"`), ConfigPlanChecks: update, Check: g.registered(g.Name, are(other, third)),
			},
			{Config: with("[]"), ConfigPlanChecks: update, Check: g.registered(g.Name, are())},
			{Config: one, ConfigPlanChecks: update},
			{ // shared no longer, also when it should be shared again
				Config: config(g.Spec+"@s", g.Name), ConfigPlanChecks: update,
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("member_status"), knownvalue.Null())},
			},
			{Config: config(g.Spec+"@s", g.Name, `visibility = "shared"`), Check: g.registered(g.Name, are())},
		},
	})
}

func TestLocationOwner(t *testing.T) {
	g := newGolden(t)
	demo, other := project(t, asMember), project(t, asOther)
	owned := func(by string) string {
		return adminProvider() + config(g.Spec+"@s", g.Name, fmt.Sprintf("owner = %q", by))
	}
	by := func(want string) resource.TestCheckFunc {
		return resource.ComposeTestCheckFunc(resource.TestCheckResourceAttr(address, "owner", want))
	}
	id := statecheck.CompareValue(same{})
	keeps := func() []statecheck.StateCheck {
		return []statecheck.StateCheck{id.AddStateValue(address, tfjsonpath.New("image_id"))}
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{ // only an admin gives images to others
				Config:      config(g.Spec+"@s", g.Name, fmt.Sprintf("owner = %q", other)),
				ExpectError: regexp.MustCompile(`(?is)forbidden.*role`),
			},
			{Config: owned(demo), Check: resource.ComposeTestCheckFunc(by(demo), g.registered(g.Name)), ConfigStateChecks: keeps()},
			{Config: owned(other), ConfigPlanChecks: update, Check: by(other), ConfigStateChecks: keeps()},
			{ // its own choice is left alone
				Config: adminProvider() + config(g.Spec+"@s", g.Name), ConfigPlanChecks: empty, Check: by(other),
			},
			{Config: owned(demo), ConfigPlanChecks: update, Check: resource.ComposeTestCheckFunc(by(demo), g.registered(g.Name))},
		},
	})
}

func TestLocationFormatsAndStore(t *testing.T) {
	g := newGolden(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: config(g.Spec+"@s", g.Name+"-2", `store = "nowhere"`), ExpectError: regexp.MustCompile(`(?s)no\s+such\s+store:\s+"nowhere"`)},
			{Config: config(g.Spec+"@s", g.Name, `disk_format = "tar"`), ExpectError: regexp.MustCompile(`must\s+be\s+one\s+of`)},
			{
				Config: config(g.Spec+"@s", g.Name, `disk_format = "qcow2"`, `container_format = "ovf"`, `store = "rbd"`),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("min_disk"), knownvalue.Int64Exact(0)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("store"), knownvalue.StringExact("rbd")),
				},
			},
			{
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{Config: config(g.Spec+"@s", g.Name, `disk_format = "qcow2"`, `container_format = "ovf"`), ConfigPlanChecks: empty},
			{ // without a store of ours, Glance's is shown
				Config: config(g.Spec+"@s", g.Name), ConfigPlanChecks: replace, Check: g.registered(g.Name),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("store"), knownvalue.StringExact("rbd"))},
			},
		},
	})
}
