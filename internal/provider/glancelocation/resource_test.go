package glancelocation_test

import (
	"context"
	"crypto/sha1"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func action(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, a)}}
}

var (
	empty   = resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	update  = action(plancheck.ResourceActionUpdate)
	replace = action(plancheck.ResourceActionDestroyBeforeCreate)
	create  = action(plancheck.ResourceActionCreate)
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
	g.snapshot("s2")
	given := glance.NewID()
	url := fmt.Sprintf("rbd://%s/images/%s/s", acctest.FSID(t), g.name)
	id := statecheck.CompareValue(same{})
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{
				Config: config(g.spec+"@s", g.name),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("location_url"), knownvalue.StringExact(url)),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("status"), knownvalue.StringExact("active")),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					id.AddStateValue(address, tfjsonpath.New("image_id")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("visibility"), knownvalue.StringExact("private")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("min_disk"), knownvalue.Int64Exact(1)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(8<<20)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("disk_format"), knownvalue.StringExact("raw")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("rbd_image_id"), knownvalue.StringExact(g.id)),
				},
				Check: g.registered(g.name),
			},
			{
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{
				Config:            config(g.spec+"@s", g.name+"-2", full),
				ConfigPlanChecks:  update,
				ConfigStateChecks: []statecheck.StateCheck{id.AddStateValue(address, tfjsonpath.New("image_id"))},
				Check: g.registered(g.name+"-2", func(i *glance.Image) error {
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
				Config:           config(g.spec+"@s2", g.name, full, fmt.Sprintf("image_id = %q", given)),
				ConfigPlanChecks: replace,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("image_id"), knownvalue.StringExact(given)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("guard"), knownvalue.StringExact("images/guard."+given)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("nova_base_file_name"),
						knownvalue.StringExact(fmt.Sprintf("%x", sha1.Sum([]byte(given))))),
				},
			},
			{ // less is an update too
				Config:           config(g.spec+"@s2", g.name, fmt.Sprintf("image_id = %q", given)),
				ConfigPlanChecks: update,
			},
			{ // an ID can't be used again
				Config:      config(g.spec+"@s", g.name, fmt.Sprintf("image_id = %q", given)),
				ExpectError: regexp.MustCompile(`(?s)image\s+ID\s+is\s+or\s+was\s+in\s+use`),
			},
			{
				Config:           config(g.spec+"@s", g.name),
				ConfigPlanChecks: replace,
				Check:            g.registered(g.name),
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

func TestLocationIsSafeFromOthers(t *testing.T) {
	g := newGolden(t)
	remove := func() {
		id := g.record(g.name).ID
		out, err := exec.Command("openstack", "--os-cloud", cloud(asAdmin), "image", "delete", id).CombinedOutput()
		if err == nil || !strings.Contains(string(out), fmt.Sprint(http.StatusConflict)) {
			t.Errorf("delete by somebody else: %v: %s", err, out)
		}
		if err := g.intact(); err != nil {
			t.Error(err)
		}
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: config(g.spec+"@s", g.name), Check: g.registered(g.name)},
			{PreConfig: remove, Config: config(g.spec+"@s", g.name), ConfigPlanChecks: empty, Check: g.registered(g.name)},
			{
				Config: config(g.spec+"@s", g.name, `protection = "none"`), ConfigPlanChecks: update,
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
	c := adminProvider() + config(g.spec+"@s", g.name, "protected = true", `protection = "none"`)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps:        []resource.TestStep{{Config: c}},
	})
}

func TestLocationSharesItsSnapshot(t *testing.T) {
	g := newGolden(t)
	c := client(t, asMember)
	ctx := t.Context()
	other, err := c.Create(ctx, glance.CreateOpts{Name: g.name + "-2", DiskFormat: "raw", ContainerFormat: "bare"})
	if err == nil {
		_, err = c.AddLocation(ctx, other.ID, fmt.Sprintf("rbd://%s/%s/s", acctest.FSID(t), g.spec), nil, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	both := config(g.spec+"@s", g.name) + strings.Replace(config(g.spec+"@s", g.name), `"test"`, `"twin"`, 1)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: config(g.spec+"@s", g.name)},
			{Config: config(g.spec+"@s", g.name), Destroy: true, ExpectError: regexp.MustCompile(`(?is)other\s+images\s+in\s+Glance.*` + other.ID)},
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
			{Config: config(g.spec+"@s", g.name), Check: g.registered(g.name)},
		},
	})
}

func TestLocationRefusals(t *testing.T) {
	g := newGolden(t)
	acctest.RBD(t, "snap", "create", "--no-progress", g.spec+"@unprotected")
	taken, err := client(t, asMember).Create(t.Context(), glance.CreateOpts{Name: g.name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client(t, asMember).DeleteRecord(context.Background(), taken.ID); err != nil {
			t.Log(err)
		}
	})
	ok := g.spec + "@s"
	for what, tc := range map[string]struct {
		config, want string
		apply        bool
	}{
		"spec":               {config(g.spec, g.name), `a snapshot is wanted`, false},
		"namespace":          {config("images/ns/a@s", g.name), `in the namespace "ns"`, false},
		"unprotected":        {config(g.spec+"@unprotected", g.name), `(?s)not protected.*protection = "none"`, false},
		"missing pool":       {config("no-such-pool/a@s", g.name), `pool not found`, false},
		"missing image":      {config(g.spec+"-missing@s", g.name), `image not found`, true},
		"missing snapshot":   {config(g.spec+"@missing", g.name), `snapshot not found`, true},
		"taken ID":           {config(ok, g.name, fmt.Sprintf("image_id = %q", taken.ID)), `(?s)image ID is or was in use.*terraform import`, false},
		"no UUID":            {config(ok, g.name, `image_id = "debian"`), `must be a UUID`, false},
		"wrong cloud":        {provider("dc-nowhere") + config(ok, g.name), `(?s)not in clouds.yaml.*dc-nowhere`, false},
		"public as a member": {config(ok, g.name, `visibility = "public"`), `(?s)forbidden.*needs the role admin`, true},
		"visibility":         {config(ok, g.name, `visibility = "all"`), `must be one of`, false},
		"property":           {config(ok, g.name, `properties = { status = "x" }`), `attribute of its own`, false},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: tc.config, PlanOnly: !tc.apply,
				ExpectError: regexp.MustCompile("(?i)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
			}}})
		})
	}
	if guards := g.guards(); len(guards) > 0 {
		t.Errorf("left: %v", guards)
	}
	if marks := acctest.RBD(t, "image-meta", "ls", g.spec); strings.Contains(marks, "terraform") {
		t.Errorf("left: %s", marks)
	}
}
