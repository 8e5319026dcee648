package glancelocation_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "rbd_glance_image_location.test"

// The lab's callers.
const (
	asMember = ""
	asAdmin  = "-admin"
	asOther  = "-other"
)

// clients holds one per caller: a token costs more than all that a test does.
var clients sync.Map

func client(t *testing.T, who string) *glance.Client {
	t.Helper()
	acctest.RequireLab(t)
	c, _ := clients.LoadOrStore(who, glance.New(glance.Config{Cloud: cloud(who)}))
	return c.(*glance.Client)
}

// golden is an 8 MiB image of the pool "images" with the protected snapshot "s".
type golden struct {
	t    *testing.T
	name string
	spec string // of the image
	id   string // RBD image id
}

func newGolden(t *testing.T) golden {
	t.Helper()
	g := golden{t: t, name: providertest.Name(t)}
	g.spec = "images/" + g.name
	t.Cleanup(g.clean)
	g.create()
	return g
}

func (g *golden) create() {
	g.t.Helper()
	acctest.RBD(g.t, "create", "--size", "8M", g.spec)
	g.snapshot("s")
	g.id = rbdID(g.t, g.spec)
}

func (g *golden) snapshot(name string) {
	g.t.Helper()
	acctest.RBD(g.t, "snap", "create", "--no-progress", g.spec+"@"+name)
	acctest.RBD(g.t, "snap", "protect", g.spec+"@"+name)
}

// clean removes what a test that failed has left, and what purging the names
// does not find.
func (g *golden) clean() {
	ctx, c := context.Background(), client(g.t, asMember)
	for _, name := range []string{g.name, g.name + "-2"} {
		images, _ := client(g.t, asAdmin).FindByName(ctx, name)
		for _, i := range images {
			if g.t.Failed() {
				_ = c.Unprotect(ctx, i.ID)
				_ = c.Deactivate(ctx, i.ID)
				_, _ = c.DeleteRecord(ctx, i.ID)
			} else {
				g.t.Errorf("left in Glance: %s (%s)", i.ID, i.Status)
			}
		}
	}
	for _, guard := range g.guards() {
		if !g.t.Failed() {
			g.t.Errorf("left: %s", guard)
		}
		_, _ = acctest.TryRBD(g.t, "rm", "--no-progress", guard)
	}
}

// guards are the clones of the image's snapshots.
func (g *golden) guards() []string {
	var out []string
	for _, name := range acctest.Images(g.t, "images", g.name) {
		children, _ := acctest.TryRBD(g.t, "children", "--all", "images/"+name)
		for c := range strings.FieldsSeq(children) {
			if strings.HasPrefix(c, "images/guard.") {
				out = append(out, c)
			}
		}
	}
	return out
}

func rbdID(t *testing.T, spec string) string {
	t.Helper()
	for line := range strings.Lines(acctest.RBD(t, "info", spec)) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "id: "); ok {
			return id
		}
	}
	t.Fatalf("no id of %s", spec)
	return ""
}

// intact says why the image and its protected snapshot are not as before.
func (g *golden) intact() error {
	if id := rbdID(g.t, g.spec); id != g.id {
		return fmt.Errorf("%s has id %s, want %s", g.spec, id, g.id)
	}
	for line := range strings.Lines(acctest.RBD(g.t, "snap", "ls", g.spec)) {
		if f := strings.Fields(line); len(f) > 4 && f[1] == "s" && f[4] == "yes" {
			return nil
		}
	}
	return fmt.Errorf("%s@s is not there or not protected", g.spec)
}

// untouched is what destroying leaves: the data as before, and nothing else.
func (g *golden) untouched(*terraform.State) error {
	if err := g.intact(); err != nil {
		return err
	}
	if guards := g.guards(); len(guards) > 0 {
		return fmt.Errorf("guards are left: %v", guards)
	}
	if marks := acctest.RBD(g.t, "image-meta", "ls", g.spec); strings.Contains(marks, "terraform") {
		return fmt.Errorf("marks are left: %s", marks)
	}
	if names := acctest.Images(g.t, "images", g.name); !slices.Equal(names, []string{g.name}) {
		return fmt.Errorf("images are left: %v", names)
	}
	for _, name := range []string{g.name, g.name + "-2"} {
		images, err := client(g.t, asAdmin).FindByName(g.t.Context(), name)
		if err != nil || len(images) > 0 {
			return fmt.Errorf("records are left: %v, %w", images, err)
		}
	}
	return nil
}

// record is what Glance has under the name.
func (g *golden) record(name string) *glance.Image {
	g.t.Helper()
	images, err := client(g.t, asAdmin).FindByName(g.t.Context(), name)
	if err != nil || len(images) != 1 {
		g.t.Fatalf("records of the name %s: %v, %v", name, images, err)
	}
	return &images[0]
}

// registered checks the truth: one active record with the location, and one
// guard.
func (g *golden) registered(name string, more ...func(*glance.Image) error) func(*terraform.State) error {
	return func(*terraform.State) error {
		images, err := client(g.t, asMember).FindByName(g.t.Context(), name)
		if err != nil || len(images) != 1 {
			return fmt.Errorf("records of the name %s: %v, %w", name, images, err)
		}
		i := images[0]
		url := fmt.Sprintf("rbd://%s/images/%s/s", acctest.FSID(g.t), g.name)
		if i.Status != glance.StatusActive || len(i.Locations) != 1 || i.Locations[0].URL != url ||
			i.SizeBytes != 8<<20 || i.DiskFormat != "raw" || i.ContainerFormat != "bare" {
			return fmt.Errorf("the record is %+v", i)
		}
		if guards := g.guards(); !slices.Equal(guards, []string{"images/guard." + i.ID}) {
			return fmt.Errorf("guards: %v, want that of %s", guards, i.ID)
		}
		for _, check := range more {
			if err := check(&i); err != nil {
				return err
			}
		}
		return g.intact()
	}
}

func config(snapshot, name string, more ...string) string {
	return fmt.Sprintf(`
resource "rbd_glance_image_location" "test" {
  snapshot = %q
  name     = %q
  %s
}
`, snapshot, name, strings.Join(more, "\n  "))
}

// chain has image and snapshot in the configuration too.
func chain(name string) string {
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
`, name) + strings.Replace(config("SNAPSHOT", name), `"SNAPSHOT"`, "rbd_snapshot.test.spec", 1)
}

// provider is a provider block with another cloud.
func provider(cloud string) string {
	return strings.Replace(providertest.Provider(), "guestfs {", fmt.Sprintf("openstack {\n    cloud = %q\n  }\n  guestfs {", cloud), 1)
}

func adminProvider() string { return provider(cloud(asAdmin)) }

func cloud(who string) string { return os.Getenv("OS_CLOUD") + who }

// attribute gives an attribute of the resource, for imports.
func attribute(name string) func(*terraform.State) (string, error) {
	return func(s *terraform.State) (string, error) {
		return s.RootModule().Resources[address].Primary.Attributes[name], nil
	}
}

func nothing(t *testing.T, name string) func(*terraform.State) error {
	return func(*terraform.State) error {
		if left := acctest.Images(t, "images", name); len(left) > 0 {
			return fmt.Errorf("left: %v", left)
		}
		images, err := client(t, asAdmin).FindByName(t.Context(), name)
		if err != nil || len(images) > 0 {
			return fmt.Errorf("records are left: %v, %w", images, err)
		}
		return nil
	}
}

// same compares the values of one attribute over several steps.
type same struct{}

func (same) CompareValues(values ...any) error {
	for _, v := range values {
		if v != values[0] {
			return fmt.Errorf("%v is not %v", v, values[0])
		}
	}
	return nil
}

// registeredAs is registered for an admin's private record with this ID.
func (g *golden) registeredAs(id string) error {
	if i := g.record(g.name); i.ID != id || i.Status != glance.StatusActive || len(i.Locations) != 1 {
		return fmt.Errorf("the record is %+v, want ID %s", i, id)
	}
	if guards := g.guards(); !slices.Equal(guards, []string{"images/guard." + id}) {
		return fmt.Errorf("guards: %v, want that of %s", guards, id)
	}
	return g.intact()
}

func snapshotID(t *testing.T, spec, snapshot string) string {
	t.Helper()
	for line := range strings.Lines(acctest.RBD(t, "snap", "ls", spec)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == snapshot {
			return f[0]
		}
	}
	t.Fatalf("no snapshot %s of %s", snapshot, spec)
	return ""
}
