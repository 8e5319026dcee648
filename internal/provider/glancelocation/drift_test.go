// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func TestLocationDrift(t *testing.T) {
	g := newGolden(t)
	member, admin := client(t, asMember), client(t, asAdmin)
	ctx := t.Context()
	c := config(g.Spec+"@s", g.Name, `tags = ["a"]`, `properties = { os_type = "linux" }`)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	change := func(ch glance.Changes) func() {
		return func() {
			_, err := admin.Update(ctx, g.Record(g.Name).ID, ch)
			must(err)
		}
	}
	name, minDisk, yes, shared := g.Name+"-2", int64(9), true, "shared"
	ours := func(tags []string, properties int) func(*glance.Image) error {
		return func(i *glance.Image) error {
			if !slices.Equal(i.Tags, tags) || i.Properties["os_type"] != "linux" || len(i.Properties) != properties ||
				i.MinDiskGiB != 1 || i.Protected || i.Hidden || i.Visibility != "private" {
				return fmt.Errorf("the record is %+v", i)
			}
			return nil
		}
	}
	var deleted string
	step := func(before func(), plan resource.ConfigPlanChecks, tags []string, properties int) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: c, ConfigPlanChecks: plan, Check: g.registered(g.Name, ours(tags, properties))}
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
			step(func() { must(member.Deactivate(ctx, g.Record(g.Name).ID)) }, update, []string{"a", "theirs"}, 2),
			step(func() { acctest.RBD(t, "rm", "--no-progress", g.Guards()[0]) }, update, []string{"a", "theirs"}, 2),
			step(func() { acctest.RBD(t, "flatten", "--no-progress", g.Guards()[0]) }, update, []string{"a", "theirs"}, 2),
			// Deleted by somebody, in the way that keeps the data. Its guard stays,
			// as it could have been given to another project for all that a
			// member can see.
			{
				PreConfig: func() {
					deleted = g.Record(g.Name).ID
					must(member.Deactivate(ctx, deleted))
					_, err := member.DeleteRecord(ctx, deleted)
					must(err)
				},
				Config: c, ConfigPlanChecks: create, Check: func(*terraform.State) error {
					i := g.Record(g.Name)
					return errors.Join(ours([]string{"a"}, 1)(i), g.Guarded(deleted, i.ID))
				},
			},
			// An admin can tell; a refresh takes nothing away all the same.
			{
				Config: adminProvider() + c, ConfigPlanChecks: empty, Check: func(*terraform.State) error {
					return g.Guarded(deleted, g.Record(g.Name).ID)
				},
			},
			// The next change does.
			{
				PreConfig: change(glance.Changes{Name: &name}), Config: adminProvider() + c, ConfigPlanChecks: update,
				Check: g.registered(g.Name, ours([]string{"a"}, 1)),
			},
		},
	})
}

func TestLocationDriftOfTheSnapshot(t *testing.T) {
	g := newGolden(t)
	c := config(g.Spec+"@s", g.Name)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: c},
			{ // taken anew
				PreConfig: func() {
					acctest.RBD(t, "rm", "--no-progress", g.Guards()[0])
					acctest.RBD(t, "snap", "unprotect", g.Spec+"@s")
					acctest.RBD(t, "snap", "rm", "--no-progress", g.Spec+"@s")
					g.Snapshot("s")
				},
				Config: c, ConfigPlanChecks: replace, Check: g.registered(g.Name),
			},
			{ // another image with the name
				PreConfig: func() {
					acctest.RBD(t, "rm", "--no-progress", g.Guards()[0])
					acctest.RBD(t, "snap", "unprotect", g.Spec+"@s")
					acctest.RBD(t, "snap", "rm", "--no-progress", g.Spec+"@s")
					acctest.RBD(t, "rm", "--no-progress", g.Spec)
					g.Create()
				},
				Config: c, ConfigPlanChecks: replace, Check: g.registered(g.Name),
			},
			{ // another project's eyes prove nothing
				Config:      provider(cloud(asOther)) + c,
				ExpectError: regexp.MustCompile(`(?is)not\s+visible\s+to\s+this\s+project`),
			},
			{Config: c, ConfigPlanChecks: empty},
		},
	})
}

// A location that somebody put in the place of ours is nothing that can be taken
// off: its data would go with it.
func TestLocationDriftOfTheLocation(t *testing.T) {
	g := newGolden(t)
	g.Snapshot("s2")
	c := config(g.Spec+"@s", g.Name, `protection = "alias"`)
	member, ctx := client(t, asMember), t.Context()
	// Newer releases of Glance let nobody else take a location off.
	token := acctest.Token(t, cloud(asAdmin))
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: c, Check: g.isAliased},
			{ // one more is theirs, and told in a warning
				PreConfig: func() {
					if _, err := member.AddLocation(ctx, g.Record(g.Name).ID, fmt.Sprintf("rbd://%s/%s/s2", acctest.FSID(t), g.Spec), nil, nil); err != nil {
						t.Fatal(err)
					}
				},
				Config: c, ConfigPlanChecks: empty,
			},
			{ // an admin's DELETE would take their data too
				Config: adminProvider() + noResource, ExpectError: regexp.MustCompile(`(?is)has\s+other\s+locations\s+too`),
			},
			{ // ours removed, with the alias
				PreConfig: func() { removeLocation(t, token, g.Record(g.Name).ID, 0) },
				Config:    c, ConfigPlanChecks: replace, Check: g.isAliased,
			},
		},
	})
	if snaps := acctest.RBD(t, "snap", "ls", g.Spec); !strings.Contains(snaps, "s2") {
		t.Errorf("what the other location named is gone: %s", snaps)
	}
}

// removeLocation is `glance location-delete`.
func removeLocation(t *testing.T, token, id string, n int) {
	t.Helper()
	endpoint, err := client(t, asMember).Endpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`[{"op": "remove", "path": "/locations/%d"}]`, n)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, endpoint+"v2/images/"+id, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", token)
	req.Header.Set("Content-Type", "application/openstack-images-v2.1-json-patch")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", resp.Status, text)
	}
}

// What is not there any more is made anew by the same apply, and so is what
// hangs on it; Glance has said "active" all the time.
func TestLocationDriftUnderTheWholeChain(t *testing.T) {
	g := newNamed(t)
	t.Cleanup(g.Clean)
	c := chain(g.Name)
	good := func(s *terraform.State) error {
		g.ID = rbdID(t, g.Spec)
		return g.registered(g.Name)(s)
	}
	step := func(plan resource.ConfigPlanChecks, before func()) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: c, ConfigPlanChecks: plan, Check: good}
	}
	unguard := func() {
		if i := g.Record(g.Name); i.Status != glance.StatusActive {
			t.Errorf("status %s", i.Status)
		}
		acctest.RBD(t, "rm", "--no-progress", g.Guards()[0])
		acctest.RBD(t, "snap", "unprotect", g.Spec+"@s")
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: nothing(t, g.Name),
		Steps: []resource.TestStep{
			step(create, nil),
			step(update, unguard),
			step(replace, func() {
				unguard()
				acctest.RBD(t, "snap", "rm", "--no-progress", g.Spec+"@s")
			}),
			step(replace, func() {
				unguard()
				acctest.RBD(t, "snap", "rm", "--no-progress", g.Spec+"@s")
				acctest.RBD(t, "rm", "--no-progress", g.Spec)
			}),
		},
	})
}

// A record that somebody made under the name of one that is gone is theirs.
func TestLocationDriftRemade(t *testing.T) {
	g := newGolden(t)
	member, ctx := client(t, asMember), t.Context()
	drop := func(id string) {
		_ = member.Deactivate(ctx, id) // a queued one can't be
		if _, err := member.DeleteRecord(ctx, id); err != nil {
			t.Error(err)
		}
	}
	var theirs, old string
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: config(g.Spec+"@s", g.Name)},
			{
				PreConfig: func() {
					old = g.Record(g.Name).ID
					drop(old)
					rec, err := member.Create(ctx, glance.CreateOpts{Name: g.Name, DiskFormat: "raw", ContainerFormat: "bare"})
					if err != nil {
						t.Fatal(err)
					}
					theirs = rec.ID
				},
				Config: config(g.Spec+"@s", g.Name), ConfigPlanChecks: create,
				Check: func(s *terraform.State) error {
					if ours := s.RootModule().Resources[address].Primary.Attributes["image_id"]; ours == theirs {
						return fmt.Errorf("image %s was taken over", theirs)
					}
					// A member's 404 proves nothing, so the old guard is for an admin, or for
					// whoever knows, to remove.
					acctest.RBD(t, "rm", "--no-progress", "images/guard."+old)
					acctest.RBD(t, "image-meta", "remove", g.Spec, "terraform-provider-rbd.glance."+old)
					drop(theirs) // it is still there
					return g.registered(g.Name)(s)
				},
			},
		},
	})
}
