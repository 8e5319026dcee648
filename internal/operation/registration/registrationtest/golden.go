// SPDX-License-Identifier: MPL-2.0

// Package registrationtest is what the tests of registrations share: the lab's
// clouds, a golden image to register, and what a run that was cut off leaves.
package registrationtest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// The lab's callers.
const (
	AsMember = ""
	AsAdmin  = "-admin"
	AsOther  = "-other"
)

// Cloud is the name of the lab's cloud for a caller.
func Cloud(who string) string { return os.Getenv("OS_CLOUD") + who }

// clients holds one per cloud: a token costs more than all that a test does.
var clients sync.Map

// Client speaks to the lab's Glance as a caller.
func Client(t *testing.T, who string) *glance.Client {
	t.Helper()
	acctest.RequireLab(t)
	return ClientOf(Cloud(who))
}

// ClientOf is the client of a cloud of clouds.yaml.
func ClientOf(cloud string) *glance.Client {
	c, _ := clients.LoadOrStore(cloud, glance.New(glance.Config{Cloud: cloud}))
	return c.(*glance.Client)
}

// Golden is an 8 MiB image of the pool "images" with the protected snapshot "s".
type Golden struct {
	T    *testing.T
	Name string
	Spec string // of the image
	ID   string // RBD image id
}

// NewGolden makes one. What a test leaves of it is an error.
func NewGolden(t *testing.T) Golden {
	t.Helper()
	g := Golden{T: t, Name: acctest.Name(t)}
	g.Spec = "images/" + g.Name
	t.Cleanup(g.Clean)
	g.Create()
	return g
}

// Create makes the image and its snapshot.
func (g *Golden) Create() {
	g.T.Helper()
	acctest.RBD(g.T, "create", "--size", "8M", g.Spec)
	g.Snapshot("s")
	g.ID = RBDID(g.T, g.Spec)
}

// Snapshot takes a snapshot and protects it.
func (g *Golden) Snapshot(name string) {
	g.T.Helper()
	acctest.RBD(g.T, "snap", "create", "--no-progress", g.Spec+"@"+name)
	acctest.RBD(g.T, "snap", "protect", g.Spec+"@"+name)
}

// Clean removes what a test that failed has left, and what purging the names
// does not find.
func (g *Golden) Clean() {
	ctx, c := context.Background(), Client(g.T, AsMember)
	for _, name := range []string{g.Name, g.Name + "-2"} {
		images, _ := Client(g.T, AsAdmin).FindByName(ctx, name)
		for _, i := range images {
			if i.Status == glance.StatusDeleted {
				g.T.Logf("Glance kept %s", i.ID)
				continue
			}
			if g.T.Failed() {
				_ = c.Unprotect(ctx, i.ID)
				_ = c.Deactivate(ctx, i.ID)
				_, _ = c.DeleteRecord(ctx, i.ID)
			} else {
				g.T.Errorf("left in Glance: %s (%s)", i.ID, i.Status)
			}
		}
	}
	for _, guard := range g.Guards() {
		if !g.T.Failed() {
			g.T.Errorf("left: %s", guard)
		}
		_, _ = acctest.TryRBD(g.T, "rm", "--no-progress", guard)
	}
}

// Guards are the clones of the image's snapshots.
func (g *Golden) Guards() []string {
	var out []string
	for _, name := range acctest.Images(g.T, "images", g.Name) {
		children, _ := acctest.TryRBD(g.T, "children", "--all", "images/"+name)
		for c := range strings.FieldsSeq(children) {
			if strings.HasPrefix(c, "images/guard.") {
				out = append(out, c)
			}
		}
	}
	return out
}

// RBDID is the id of an image.
func RBDID(t *testing.T, spec string) string {
	t.Helper()
	id := acctest.ImageID(t, spec)
	if id == "" {
		t.Fatalf("no image %s", spec)
	}
	return id
}

// Guarded says why the guards are not those of these records.
func (g *Golden) Guarded(ids ...string) error {
	var want []string
	for _, id := range ids {
		want = append(want, "images/guard."+id)
	}
	slices.Sort(want)
	guards := g.Guards()
	slices.Sort(guards)
	if !slices.Equal(guards, want) {
		return fmt.Errorf("the guards are %v, want %v", guards, want)
	}
	return g.Intact()
}

// Intact says why the image and its protected snapshot are not as before.
func (g *Golden) Intact() error {
	if id := RBDID(g.T, g.Spec); id != g.ID {
		return fmt.Errorf("%s has id %s, want %s", g.Spec, id, g.ID)
	}
	for line := range strings.Lines(acctest.RBD(g.T, "snap", "ls", g.Spec)) {
		if f := strings.Fields(line); len(f) > 4 && f[1] == "s" && f[4] == "yes" {
			return nil
		}
	}
	return fmt.Errorf("%s@s is not there or not protected", g.Spec)
}

// Untouched is what destroying leaves: the data as before, and nothing else.
func (g *Golden) Untouched() error {
	if err := g.Intact(); err != nil {
		return err
	}
	if guards := g.Guards(); len(guards) > 0 {
		return fmt.Errorf("guards are left: %v", guards)
	}
	if marks := acctest.RBD(g.T, "image-meta", "ls", g.Spec); strings.Contains(marks, "terraform") {
		return fmt.Errorf("marks are left: %s", marks)
	}
	if names := acctest.Images(g.T, "images", g.Name); !slices.Equal(names, []string{g.Name}) {
		return fmt.Errorf("images are left: %v", names)
	}
	for _, name := range []string{g.Name, g.Name + "-2"} {
		images, err := Client(g.T, AsAdmin).FindByName(g.T.Context(), name)
		if err != nil || len(images) > 0 {
			return fmt.Errorf("records are left: %v, %w", images, err)
		}
	}
	return nil
}

// Record is what Glance has under the name.
func (g *Golden) Record(name string) *glance.Image {
	g.T.Helper()
	images, err := Client(g.T, AsAdmin).FindByName(g.T.Context(), name)
	if err != nil || len(images) != 1 {
		g.T.Fatalf("records of the name %s: %v, %v", name, images, err)
	}
	return &images[0]
}

// Registered checks the truth: one active record with the location, and one
// guard.
func (g *Golden) Registered(name string, more ...func(*glance.Image) error) error {
	images, err := Client(g.T, AsMember).FindByName(g.T.Context(), name)
	if err != nil || len(images) != 1 {
		return fmt.Errorf("records of the name %s: %v, %w", name, images, err)
	}
	i := images[0]
	url := fmt.Sprintf("rbd://%s/images/%s/s", acctest.FSID(g.T), g.Name)
	if i.Status != glance.StatusActive || len(i.Locations) != 1 || i.Locations[0].URL != url ||
		i.SizeBytes != 8<<20 || i.DiskFormat != "raw" || i.ContainerFormat != "bare" {
		return fmt.Errorf("the record is %+v", i)
	}
	if guards := g.Guards(); !slices.Equal(guards, []string{"images/guard." + i.ID}) {
		return fmt.Errorf("guards: %v, want that of %s", guards, i.ID)
	}
	for _, check := range more {
		if err := check(&i); err != nil {
			return err
		}
	}
	return g.Intact()
}

// RegisteredAs is registered for an admin's private record with this ID.
func (g *Golden) RegisteredAs(id string) error {
	if i := g.Record(g.Name); i.ID != id || i.Status != glance.StatusActive || len(i.Locations) != 1 {
		return fmt.Errorf("the record is %+v, want ID %s", i, id)
	}
	if guards := g.Guards(); !slices.Equal(guards, []string{"images/guard." + id}) {
		return fmt.Errorf("guards: %v, want that of %s", guards, id)
	}
	return g.Intact()
}

// Aliased checks the truth: one active record, of an alias in the pool "images",
// which is the only child of the golden snapshot.
func (g *Golden) Aliased() error {
	i := g.Record(g.Name)
	alias := "images/alias." + i.ID
	url := fmt.Sprintf("rbd://%s/%s/snap", acctest.FSID(g.T), alias)
	if i.Status != glance.StatusActive || len(i.Locations) != 1 || i.Locations[0].URL != url || i.SizeBytes != 8<<20 || i.MinDiskGiB != 1 {
		return fmt.Errorf("the record is %+v, want location %s", i, url)
	}
	if children := acctest.RBD(g.T, "children", "--all", g.Spec+"@s"); children != alias {
		return fmt.Errorf("children of the golden snapshot: %s", children)
	}
	if snaps := acctest.RBD(g.T, "snap", "ls", alias); !regexp.MustCompile(`\ssnap\s.*\syes\s`).MatchString(snaps) {
		return fmt.Errorf("snapshots of the alias: %s", snaps)
	}
	return g.Intact()
}

// DropAlias removes an alias by hand.
func DropAlias(t *testing.T, spec string) {
	t.Helper()
	acctest.RBD(t, "snap", "unprotect", spec+"@snap")
	acctest.RBD(t, "snap", "rm", "--no-progress", spec+"@snap")
	acctest.RBD(t, "rm", "--no-progress", spec)
}

// SnapshotID is the id of a snapshot, as text.
func SnapshotID(t *testing.T, spec, snapshot string) string {
	t.Helper()
	for line := range strings.Lines(acctest.RBD(t, "snap", "ls", spec)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == snapshot {
			return f[0]
		}
	}
	t.Fatalf("no snapshot %s of %s", snapshot, spec)
	return ""
}

// Project is the ID of a caller's project.
func Project(t *testing.T, who string) string {
	t.Helper()
	caller, err := Client(t, who).Caller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return caller.ProjectID
}
