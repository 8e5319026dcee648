// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// A plan to destroy that was saved finds each image by its id, whatever became
// of its name since, and so does a destroy without a refresh.
func TestDestroyWhatWasRenamed(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	config := providertest.Provider()
	policies := []string{"delete", "trash", "retain"}
	for _, p := range policies {
		config += fmt.Sprintf("resource \"rbd_image\" %q {\n  name = \"%s-%[1]s\"\n  size = \"8MiB\"\n  on_destroy = %[1]q\n}\n", p, name)
	}
	c := rbd.NewCluster(rbd.Config{})
	m := newModule(t, config)
	for how, destroy := range map[string]func(meanwhile func()){
		"saved plan": func(meanwhile func()) {
			m.do("plan", "-destroy", "-out=saved", "-no-color")
			meanwhile()
			m.do("apply", "-no-color", "saved")
		},
		"without a refresh": func(meanwhile func()) {
			meanwhile()
			m.do("destroy", "-auto-approve", "-refresh=false", "-no-color")
		},
	} {
		m.apply()
		ids := map[string]string{}
		for _, p := range policies {
			img, err := c.Image(t.Context(), rbd.Spec{Pool: "vms", Image: name + "-" + p})
			if err != nil {
				t.Fatal(err)
			}
			ids[p] = img.ID
		}
		destroy(func() {
			for _, p := range policies {
				acctest.RBD(t, "rename", "vms/"+name+"-"+p, "vms/"+name+"-"+p+"-moved")
			}
			acctest.RBD(t, "create", "--size", "4M", "vms/"+name+"-delete")
		})
		want := []string{name + "-delete", name + "-retain-moved"}
		if got := acctest.Images(t, "vms", name); !slices.Equal(got, want) {
			t.Errorf("%s: there is %v, want %v", how, got, want)
		}
		if got := acctest.Trash(t, "vms", name); len(got) != 1 || got[ids["trash"]] == "" {
			t.Errorf("%s: in the trash there is %v", how, got)
		}
		img, err := c.Image(t.Context(), rbd.Spec{Pool: "vms", Image: name + "-retain-moved"})
		if err != nil || img.ID != ids["retain"] || img.Owned() {
			t.Errorf("%s: what stays is %+v, %v", how, img, err)
		}
		acctest.Purge(t, name)
	}
}

// Specs that are written out tell Terraform no order: all is destroyed in one
// run even so. What no state has is no obstacle that goes away, and is refused
// when the plan is made.
func TestDestroyWithoutReferences(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	ns, image, clone := "vms/"+name, "vms/"+name+"/golden", "vms/"+name+"/clone"
	acctest.RBD(t, "namespace", "create", ns)
	t.Cleanup(func() {
		for _, s := range []string{clone, image} {
			_, _ = acctest.TryRBD(t, "snap", "purge", "--no-progress", s)
			_, _ = acctest.TryRBD(t, "rm", "--no-progress", s)
		}
		_, _ = acctest.TryRBD(t, "namespace", "rm", ns)
	})
	acctest.RBD(t, "create", "--size", "8M", image)
	for _, s := range []string{"one", "two"} {
		acctest.RBD(t, "snap", "create", "--no-progress", image+"@"+s)
	}
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", image+"@one", clone)
	acctest.RBD(t, "snap", "create", "--no-progress", clone+"@one")
	config := providertest.Provider()
	add := func(kind, label, id, body string) {
		config += fmt.Sprintf("resource %q %q {\n  %s\n}\nimport {\n  to = %[1]s.%[2]s\n  id = %[4]q\n}\n", kind, label, body, id)
	}
	add("rbd_namespace", "ns", ns, fmt.Sprintf("name = %q", name))
	add("rbd_image", "golden", image, fmt.Sprintf("name = \"golden\"\n  namespace = %q\n  size = \"8MiB\"", name))
	add("rbd_image", "clone", clone, fmt.Sprintf("name = \"clone\"\n  namespace = %q\n  parent = %q", name, image+"@one"))
	add("rbd_snapshot", "one", image+"@one", fmt.Sprintf("image = %q\n  name = \"one\"\n  protected = false", image))
	add("rbd_snapshot", "clone", clone+"@one", fmt.Sprintf("image = %q\n  name = \"one\"\n  protected = false", clone))
	add("rbd_snapshot", "two", image+"@two", fmt.Sprintf("image = %q\n  name = \"two\"\n  protected = false", image))
	m := newModule(t, config)
	m.apply()

	m.do("state", "rm", "rbd_snapshot.two")
	without, _, _ := strings.Cut(config, "resource \"rbd_snapshot\" \"two\"")
	m.configure(without)
	r := m.start("plan", "-destroy", "-no-color")
	err := <-r.end
	out := strings.Join(strings.Fields(r.out.String()), " ") // Terraform wraps it
	if err == nil || !strings.Contains(out, image+"@two: made by this provider, and yet nothing in this plan has it") {
		t.Errorf("%v\n%s", err, r.out.String())
	}
	if strings.Contains(out, image+"@one: made") || strings.Contains(out, clone+"@one: made") {
		t.Errorf("what the plan has is refused too: %s", out)
	}
	m.configure(config)
	m.apply() // imports it again
	m.destroy()
	if out := acctest.RBD(t, "namespace", "ls", "vms"); strings.Contains(out, name) {
		t.Errorf("left: %s", out)
	}
}

// A key that is taken out of for_each takes all that has it along, in one plan,
// whether the state is refreshed or not. What another resource still needs stays.
func TestDestroyOneOfEach(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	config := func(keys string) string {
		return strings.NewReplacer("KEYS", keys, "NAME", name).Replace(`
resource "rbd_image" "golden" {
  for_each = toset(KEYS)
  pool     = "vms"
  name     = "NAME-${each.key}"
  size     = "8MiB"
}
resource "rbd_snapshot" "golden" {
  for_each = toset(KEYS)
  image    = rbd_image.golden[each.key].spec
  name     = "s"
  lifecycle {
    create_before_destroy = true
  }
}
resource "rbd_image" "clone" {
  for_each = toset(KEYS)
  pool     = "vms"
  name     = "NAME-${each.key}-clone"
  parent   = rbd_snapshot.golden[each.key].spec
}
`)
	}
	m := newModule(t, config(`["a", "b", "c"]`))
	m.apply()
	for _, step := range []struct {
		keys string
		args []string
		left []string
	}{
		{`["a", "b"]`, nil, []string{name + "-a", name + "-a-clone", name + "-b", name + "-b-clone"}},
		{`["a"]`, []string{"-refresh=false"}, []string{name + "-a", name + "-a-clone"}},
		{`[]`, []string{"-refresh=false"}, nil},
	} {
		m.configure(config(step.keys))
		m.do(append([]string{"apply", "-auto-approve", "-no-color"}, step.args...)...)
		if left := acctest.Images(t, "vms", name); !slices.Equal(left, step.left) {
			t.Errorf("with %s there are %v", step.keys, left)
		}
	}

	// A destroy plans the configuration first.
	m.configure(config(`["a", "b"]`))
	m.apply()
	m.configure(config(`["a"]`))
	m.destroy()
	if left := acctest.Images(t, "vms", name); len(left) > 0 {
		t.Errorf("a destroy leaves %v", left)
	}

	// A snapshot that the state does not have any more is found when its image's turn
	// comes, before anything of it is removed.
	m.configure(config(`["d"]`))
	m.apply()
	m.do("state", "rm", `rbd_snapshot.golden["d"]`)
	m.configure(config(`[]`))
	r := m.start("apply", "-auto-approve", "-no-color")
	if err := <-r.end; err == nil || !strings.Contains(r.out.String(), "has snapshots") {
		t.Errorf("%v\n%s", err, r.out.String())
	}
	acctest.RBD(t, "info", "vms/"+name+"-d@s")
}
