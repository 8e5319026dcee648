// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"context"
	"crypto/sha1"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

var (
	empty   = providertest.Nothing()
	update  = providertest.Expect(providertest.Updates(address))
	replace = providertest.Expect(providertest.Replaces(address))
	create  = providertest.Expect(providertest.Creates(address))
)

const full = `visibility = "shared"
  tags       = ["golden", "12"]
  properties = { hw_disk_bus = "scsi", "a/b~c" = "x" }
  min_disk   = 3
  min_ram    = 64
  protected  = true
  hidden     = true`

func TestLocationLife(t *testing.T) {
	g := newGolden(t)
	g.Snapshot("s2")
	given := glance.NewID()
	url := fmt.Sprintf("rbd://%s/images/%s/s", acctest.FSID(t), g.Name)
	id, made := statecheck.CompareValue(same{}), statecheck.CompareValue(same{})
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{
				Config: config(g.Spec+"@s", g.Name),
				ConfigPlanChecks: providertest.Expect(
					providertest.Creates(address),
					providertest.Plans(address, "location_url", knownvalue.StringExact(url)),
					providertest.Plans(address, "status", knownvalue.StringExact("active")),
				),
				ConfigStateChecks: []statecheck.StateCheck{
					id.AddStateValue(address, tfjsonpath.New("image_id")),
					made.AddStateValue(address, tfjsonpath.New("created_at")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("created_at"), knownvalue.StringFunc(justNow)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("visibility"), knownvalue.StringExact("private")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("min_disk"), knownvalue.Int64Exact(1)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(8<<20)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("disk_format"), knownvalue.StringExact("raw")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("rbd_image_id"), knownvalue.StringExact(g.ID)),
				},
				Check: g.registered(g.Name),
			},
			{
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{
				Config:            config(g.Spec+"@s", g.Name+"-2", full),
				ConfigPlanChecks:  update,
				ConfigStateChecks: []statecheck.StateCheck{id.AddStateValue(address, tfjsonpath.New("image_id")), made.AddStateValue(address, tfjsonpath.New("created_at"))},
				Check: g.registered(g.Name+"-2", func(i *glance.Image) error {
					if i.Visibility != "shared" || !slices.Equal(i.Tags, []string{"12", "golden"}) || i.MinDiskGiB != 3 || i.MinRAMMiB != 64 ||
						!i.Protected || !i.Hidden || !maps.Equal(i.Properties, map[string]string{"hw_disk_bus": "scsi", "a/b~c": "x"}) {
						return fmt.Errorf("updated to %+v", i)
					}
					return nil
				}),
			},
			{
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{ // a protected record with all attributes, in the place of the other
				Config:           config(g.Spec+"@s2", g.Name, full, fmt.Sprintf("image_id = %q", given)),
				ConfigPlanChecks: replace,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("image_id"), knownvalue.StringExact(given)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("guard"), knownvalue.StringExact("images/guard."+given)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("nova_base_file_name"),
						knownvalue.StringExact(fmt.Sprintf("%x", sha1.Sum([]byte(given))))),
				},
			},
			{ // less is an update too
				Config:           config(g.Spec+"@s2", g.Name, fmt.Sprintf("image_id = %q", given)),
				ConfigPlanChecks: update,
			},
			{ // an ID can't be used again
				Config:      config(g.Spec+"@s", g.Name, fmt.Sprintf("image_id = %q", given)),
				ExpectError: regexp.MustCompile(`(?s)image\s+ID\s+is\s+or\s+was\s+in\s+use`),
			},
			{
				Config:           config(g.Spec+"@s", g.Name),
				ConfigPlanChecks: replace,
				Check:            g.registered(g.Name),
			},
		},
	})
}

func TestLocationWithTheWholeChain(t *testing.T) {
	name := providertest.Name(t)
	chain := func(image string) string {
		return fmt.Sprintf(`
resource "rbd_image" "test" {
  pool = "images"
  name = %q
  size = "8MiB"
}

resource "rbd_snapshot" "test" {
  image = rbd_image.test.spec
  name  = "s"
}

resource "rbd_glance_image_location" "test" {
  snapshot = rbd_snapshot.test.spec
  name     = %q
}
`, image, name)
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: nothing(t, name),
		Steps: []resource.TestStep{
			{Config: chain(name), ConfigPlanChecks: create},
			{ // the URL has the name in it
				Config: chain(name + "-2"), ConfigPlanChecks: replace,
			},
			{ // a new image under the old name
				Taint: []string{"rbd_image.test"}, Config: chain(name + "-2"), ConfigPlanChecks: replace,
			},
		},
	})
}

// ask asks Glance for something below /v2/images/, as the openstack command does, and
// returns the status of the answer.
func ask(t *testing.T, who, method, path, body string) (status int) {
	t.Helper()
	endpoint, err := client(t, asMember).Endpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, endpoint+"v2/images/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", acctest.Token(t, cloud(who)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestLocationIsSafeFromOthers(t *testing.T) {
	g := newGolden(t)
	remove := func() {
		if status := ask(t, asAdmin, http.MethodDelete, g.Record(g.Name).ID, ""); status != http.StatusConflict {
			t.Errorf("delete by somebody else: %d", status)
		}
		if err := g.Intact(); err != nil {
			t.Error(err)
		}
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: config(g.Spec+"@s", g.Name), Check: g.registered(g.Name)},
			{PreConfig: remove, Config: config(g.Spec+"@s", g.Name), ConfigPlanChecks: empty, Check: g.registered(g.Name)},
			{
				Config: config(g.Spec+"@s", g.Name, `protection = "none"`), ConfigPlanChecks: update,
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("guard"), knownvalue.Null())},
			},
			{ // imported without a guard
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
		},
	})
}

func TestLocationDestroyedAsAdmin(t *testing.T) {
	g := newGolden(t)
	c := adminProvider() + config(g.Spec+"@s", g.Name, "protected = true", `protection = "none"`)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps:        []resource.TestStep{{Config: c}},
	})
}

func TestLocationSharesItsSnapshot(t *testing.T) {
	g := newGolden(t)
	c := client(t, asMember)
	ctx := t.Context()
	other, err := c.Create(ctx, glance.CreateOpts{Name: g.Name + "-2", DiskFormat: "raw", ContainerFormat: "bare"})
	if err == nil {
		_, err = c.AddLocation(ctx, other.ID, fmt.Sprintf("rbd://%s/%s/s", acctest.FSID(t), g.Spec), nil, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	both := config(g.Spec+"@s", g.Name) + strings.Replace(config(g.Spec+"@s", g.Name), `"test"`, `"twin"`, 1)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: config(g.Spec+"@s", g.Name)},
			{Config: config(g.Spec+"@s", g.Name), Destroy: true, ExpectError: regexp.MustCompile(`(?is)other\s+images\s+in\s+Glance.*` + other.ID)},
			{
				PreConfig: func() {
					if err := c.Deactivate(ctx, other.ID); err != nil {
						t.Fatal(err)
					}
					if _, err := c.DeleteRecord(ctx, other.ID); err != nil {
						t.Fatal(err)
					}
				},
				Config: both, // another of ours doesn't matter
			},
			{Config: config(g.Spec+"@s", g.Name), Check: g.registered(g.Name)},
		},
	})
}

func TestLocationRefusals(t *testing.T) {
	g := newGolden(t)
	acctest.RBD(t, "snap", "create", "--no-progress", g.Spec+"@unprotected")
	taken, err := client(t, asMember).Create(t.Context(), glance.CreateOpts{Name: g.Name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client(t, asMember).DeleteRecord(context.Background(), taken.ID); err != nil {
			t.Log(err)
		}
	})
	ok, given := g.Spec+"@s", glance.NewID()
	var steps []resource.TestStep // of one run of Terraform, as each begins with nothing
	for what, tc := range map[string]struct {
		config, want string
		apply        bool
	}{
		"spec":             {config(g.Spec, g.Name), `a snapshot is wanted`, false},
		"namespace":        {config("images/ns/a@s", g.Name), `in the namespace "ns"`, false},
		"unprotected":      {config(g.Spec+"@unprotected", g.Name), `(?s)not protected.*protection = "none"`, false},
		"missing pool":     {config("no-such-pool/a@s", g.Name), `pool not found`, false},
		"missing image":    {config(g.Spec+"-missing@s", g.Name), `image not found`, true},
		"missing snapshot": {config(g.Spec+"@missing", g.Name), `snapshot not found`, true},
		"taken ID":         {config(ok, g.Name, fmt.Sprintf("image_id = %q", taken.ID)), `(?s)image ID is or was in use.*terraform import`, false},
		"one ID twice": {config(ok, g.Name, fmt.Sprintf("image_id = %q", given)) +
			strings.Replace(config(ok, g.Name+"-2", fmt.Sprintf("image_id = %q", given)), `"test"`, `"other"`, 1),
			`another rbd_glance_image_location of this configuration has the same image_id`, false},
		"no UUID":            {config(ok, g.Name, `image_id = "debian"`), `must be a UUID`, false},
		"wrong cloud":        {provider("dc-nowhere") + config(ok, g.Name), `(?s)not in clouds.yaml.*dc-nowhere`, false},
		"public as a member": {config(ok, g.Name, `visibility = "public"`), `(?s)forbidden.*needs the role admin`, true},
		"visibility":         {config(ok, g.Name, `visibility = "all"`), `must be one of`, false},
		"property":           {config(ok, g.Name, `properties = { status = "x" }`), `attribute of its own`, false},
	} {
		steps = append(steps, resource.TestStep{
			PreConfig: func() { t.Log(what) },
			Config:    tc.config, PlanOnly: !tc.apply,
			ExpectError: regexp.MustCompile("(?i)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
		})
	}
	providertest.Run(t, resource.TestCase{Steps: steps})
	if guards := g.Guards(); len(guards) > 0 {
		t.Errorf("left: %v", guards)
	}
	if marks := acctest.RBD(t, "image-meta", "ls", g.Spec); strings.Contains(marks, "terraform") {
		t.Errorf("left: %s", marks)
	}
}

// justNow accepts a time of the last ten minutes.
func justNow(text string) error {
	at, err := time.Parse(time.RFC3339, text)
	if err == nil && (time.Since(at) > 10*time.Minute || time.Until(at) > time.Minute) {
		err = fmt.Errorf("%s is not now", text)
	}
	return err
}
