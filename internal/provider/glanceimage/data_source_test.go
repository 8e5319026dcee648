// SPDX-License-Identifier: MPL-2.0

package glanceimage_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "data.rbd_glance_image.test"

var member = sync.OnceValue(func() *glance.Client { return glance.New(glance.Config{Cloud: os.Getenv("OS_CLOUD")}) })

// registered makes a record of an RBD snapshot by hand, as the runbook does.
func registered(t *testing.T, spec string, o glance.CreateOpts) *glance.Image {
	t.Helper()
	o.DiskFormat, o.ContainerFormat, o.Visibility = "raw", "bare", "private"
	rec, err := member().Create(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		_ = member().Deactivate(ctx, rec.ID)
		if _, err := member().DeleteRecord(ctx, rec.ID); err != nil {
			t.Error(err)
		}
	})
	if spec != "" {
		rec, err = member().AddLocation(t.Context(), rec.ID, url(t, spec), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	return rec
}

func url(t *testing.T, spec string) string {
	return "rbd://" + acctest.FSID(t) + "/" + strings.NewReplacer("@", "/", "%", "%25", " ", "%20", "+", "%2B").Replace(spec)
}

func golden(t *testing.T, name string) string {
	t.Helper()
	imagestest.Make(t, "images/"+name, "create", "--size", "8M")
	imagestest.Snapshot(t, "images/"+name+"@s", true)
	return "images/" + name + "@s"
}

func data(lines ...string) string {
	return fmt.Sprintf("data \"rbd_glance_image\" \"test\" {\n  %s\n}\n", strings.Join(lines, "\n  "))
}

func text(name, want string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(name), knownvalue.StringExact(want))
}

func null(name string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(name), knownvalue.Null())
}

// One record by all the ways to find it, with a name that needs escaping.
func TestGlanceImage(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	odd := name + " 50%+é"
	spec := golden(t, odd)
	// AddLocation takes what is written; the data source must read it back.
	want := strings.ReplaceAll(url(t, spec), "é", "%C3%A9")
	first := registered(t, "", glance.CreateOpts{Name: name, Tags: []string{"a"}})
	rec := registered(t, "", glance.CreateOpts{
		Name: name, Tags: []string{"a", "golden"}, Properties: map[string]string{"os_distro": "debian", "a/b~c": "x"}, MinDiskGiB: 2, MinRAMMiB: 64,
	})
	for id, u := range map[string]string{first.ID: want, rec.ID: want} {
		if _, err := member().AddLocation(t.Context(), id, u, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	all := []statecheck.StateCheck{
		text("image_id", rec.ID), text("name", name), text("status", "active"), text("visibility", "private"), text("owner", rec.Owner),
		text("location_url", want), text("fsid", acctest.FSID(t)), text("pool", "images"), text("image", odd), text("snapshot", "s"),
		text("spec", spec), text("image_spec", "images/"+odd), text("disk_format", "raw"),
		null("checksum"), null("os_hash_value"), null("virtual_size_bytes"),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("this_cluster"), knownvalue.Bool(true)),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(8<<20)),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("min_disk"), knownvalue.Int64Exact(2)),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("all_tags"), knownvalue.SetExact([]knownvalue.Check{knownvalue.StringExact("a"), knownvalue.StringExact("golden")})),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("all_properties"), knownvalue.MapExact(map[string]knownvalue.Check{
			"os_distro": knownvalue.StringExact("debian"), "a/b~c": knownvalue.StringExact("x"),
		})),
		statecheck.ExpectKnownValue(address, tfjsonpath.New("stores"), knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("rbd")})),
	}
	byName := fmt.Sprintf("name = %q", name)
	steps := []resource.TestStep{
		{Config: data(byName), ExpectError: regexp.MustCompile(`(?s)more\s+than\s+one\s+image\s+fits.*` + rec.ID + `|` + first.ID)},
		{Config: data(byName, "hidden = true"), ExpectError: regexp.MustCompile(`(?is)no\s+image\s+fits`)},
		{Config: data(byName, `properties = { "a/b~c" = "y" }`), ExpectError: regexp.MustCompile(`(?is)no\s+image\s+fits`)},
		{Config: data("most_recent = true"), ExpectError: regexp.MustCompile(`(?s)At\s+least\s+one`)},
		{Config: data(byName, fmt.Sprintf("image_id = %q", rec.ID)), ExpectError: regexp.MustCompile(`(?s)image_id\s+can't\s+be\s+given\s+beside\s+name`)},
		{Config: data(fmt.Sprintf("image_id = %q", glance.NewID())), ExpectError: regexp.MustCompile(`(?s)image\s+not\s+found|404`)},
	}
	for _, way := range [][]string{
		{fmt.Sprintf("image_id = %q", rec.ID)},
		{byName, `tags = ["golden"]`},
		{byName, `properties = { "a/b~c" = "x", "os_distro" = "debian" }`},
		{byName, fmt.Sprintf("owner = %q", rec.Owner), `tags = ["a", "golden"]`},
	} {
		steps = append(steps, resource.TestStep{Config: data(way...), ConfigStateChecks: all})
	}
	providertest.Run(t, resource.TestCase{Steps: steps})
}

func TestGlanceImageMostRecent(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := golden(t, name)
	first := registered(t, spec, glance.CreateOpts{Name: name})
	last := registered(t, spec, glance.CreateOpts{Name: name})
	for last.CreatedAt.Equal(first.CreatedAt) { // Glance counts in seconds
		last = registered(t, spec, glance.CreateOpts{Name: name})
	}
	registered(t, "", glance.CreateOpts{Name: name}) // newer, but without data
	hidden := registered(t, spec, glance.CreateOpts{Name: name, Hidden: true})
	byName := fmt.Sprintf("name = %q", name)
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: data(byName, "most_recent = true"), ConfigStateChecks: []statecheck.StateCheck{text("image_id", last.ID)}},
		{Config: data(byName, "hidden = true"), ConfigStateChecks: []statecheck.StateCheck{text("image_id", hidden.ID)}},
		{ // hidden from a member, but not what else is known of it
			PreConfig: func() {
				if err := member().Deactivate(t.Context(), first.ID); err != nil {
					t.Fatal(err)
				}
			},
			Config: data(fmt.Sprintf("image_id = %q", first.ID)), ConfigStateChecks: []statecheck.StateCheck{text("status", "deactivated"), null("location_url"), null("spec")},
		},
	}})
}

// A location in another cluster names nothing here. Glance takes it where the
// store is named.
func TestGlanceImageOfAnotherCluster(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := golden(t, name)
	capitals := registered(t, "", glance.CreateOpts{Name: name})
	foreign := registered(t, "", glance.CreateOpts{Name: name})
	other := glance.NewID()
	for rec, fsid := range map[string]string{capitals.ID: strings.ToUpper(acctest.FSID(t)), foreign.ID: other} {
		u := strings.Replace(url(t, spec), acctest.FSID(t), fsid, 1)
		if _, err := member().AddLocation(t.Context(), rec, u, map[string]string{"store": "rbd"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: data(fmt.Sprintf("image_id = %q", capitals.ID)),
			ConfigStateChecks: []statecheck.StateCheck{
				text("spec", spec), text("fsid", acctest.FSID(t)),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("this_cluster"), knownvalue.Bool(true)),
			},
		},
		{
			Config: data(fmt.Sprintf("image_id = %q", foreign.ID)),
			ConfigStateChecks: []statecheck.StateCheck{
				null("spec"), null("image_spec"), text("fsid", other), text("image", name),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("this_cluster"), knownvalue.Bool(false)),
			},
		},
	}})
}

// A Glance that shows no locations, and one that shows a direct_url alone.
func TestGlanceImageHidden(t *testing.T) {
	t.Parallel()
	spec := golden(t, providertest.Name(t))
	rec := registered(t, spec, glance.CreateOpts{Name: providertest.Name(t)})
	through := func(direct string) string {
		node := acctest.StartGlanceNode(t, map[string]string{"show_multiple_locations": "False", "show_image_direct_url": direct})
		return fmt.Sprintf("provider \"rbd\" {\n  openstack = {\n    endpoint = %q\n  }\n}\n", node.Address) + data(fmt.Sprintf("image_id = %q", rec.ID))
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config:            through("False"),
			ConfigStateChecks: []statecheck.StateCheck{null("location_url"), null("spec"), text("status", "active"), text("image_id", rec.ID)},
		},
		{
			Config:            through("True"),
			ConfigStateChecks: []statecheck.StateCheck{text("location_url", url(t, spec)), text("spec", spec)},
		},
	}})
}
