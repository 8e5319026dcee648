package glancelocation_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func TestLocationDrift(t *testing.T) {
	g := newGolden(t)
	member, admin := client(t, asMember), client(t, asAdmin)
	ctx := t.Context()
	c := config(g.spec+"@s", g.name, `tags = ["a"]`, `properties = { os_type = "linux" }`)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	change := func(ch glance.Changes) func() {
		return func() {
			_, err := admin.Update(ctx, g.record(g.name).ID, ch)
			must(err)
		}
	}
	name, minDisk, yes, shared := g.name+"-2", int64(9), true, "shared"
	ours := func(tags []string, properties int) func(*glance.Image) error {
		return func(i *glance.Image) error {
			if !slices.Equal(i.Tags, tags) || i.Properties["os_type"] != "linux" || len(i.Properties) != properties ||
				i.MinDiskGiB != 1 || i.Protected || i.Hidden || i.Visibility != "private" {
				return fmt.Errorf("the record is %+v", i)
			}
			return nil
		}
	}
	step := func(before func(), plan resource.ConfigPlanChecks, tags []string, properties int) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: c, ConfigPlanChecks: plan, Check: g.registered(g.name, ours(tags, properties))}
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			step(nil, create, []string{"a"}, 1),
			// What others add is theirs.
			step(change(glance.Changes{Tags: &[]string{"a", "theirs"}, SetProperties: map[string]string{"theirs": "x"}}), empty, []string{"a", "theirs"}, 2),
			step(change(glance.Changes{Name: &name, SetProperties: map[string]string{"os_type": "windows"}}), update, []string{"a", "theirs"}, 2),
			step(change(glance.Changes{Tags: &[]string{"theirs"}}), update, []string{"a", "theirs"}, 2),
			step(change(glance.Changes{
				RemoveProperties: []string{"os_type"}, MinDiskGiB: &minDisk, Protected: &yes, Hidden: &yes, Visibility: &shared,
			}), update, []string{"a", "theirs"}, 2),
			step(func() { must(member.Deactivate(ctx, g.record(g.name).ID)) }, update, []string{"a", "theirs"}, 2),
			step(func() { acctest.RBD(t, "rm", "--no-progress", g.guards()[0]) }, update, []string{"a", "theirs"}, 2),
			step(func() { acctest.RBD(t, "flatten", "--no-progress", g.guards()[0]) }, update, []string{"a", "theirs"}, 2),
			// Deleted by somebody, in the way that keeps the data.
			step(func() {
				id := g.record(g.name).ID
				must(member.Deactivate(ctx, id))
				_, err := member.DeleteRecord(ctx, id)
				must(err)
			}, create, []string{"a"}, 1),
		},
	})
}

func TestLocationDriftOfTheSnapshot(t *testing.T) {
	g := newGolden(t)
	c := config(g.spec+"@s", g.name)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: c},
			{ // taken anew
				PreConfig: func() {
					acctest.RBD(t, "rm", "--no-progress", g.guards()[0])
					acctest.RBD(t, "snap", "unprotect", g.spec+"@s")
					acctest.RBD(t, "snap", "rm", "--no-progress", g.spec+"@s")
					g.snapshot("s")
				},
				Config: c, ConfigPlanChecks: replace, Check: g.registered(g.name),
			},
			{ // another image with the name
				PreConfig: func() {
					acctest.RBD(t, "rm", "--no-progress", g.guards()[0])
					acctest.RBD(t, "snap", "unprotect", g.spec+"@s")
					acctest.RBD(t, "snap", "rm", "--no-progress", g.spec+"@s")
					acctest.RBD(t, "rm", "--no-progress", g.spec)
					g.create()
				},
				Config: c, ConfigPlanChecks: replace, Check: g.registered(g.name),
			},
			{ // another project's eyes prove nothing
				Config:      provider(cloud(asOther)) + c,
				ExpectError: regexp.MustCompile(`(?is)not\s+visible\s+to\s+this\s+project`),
			},
			{Config: c, ConfigPlanChecks: empty},
		},
	})
}
