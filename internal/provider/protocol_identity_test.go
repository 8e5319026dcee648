// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func TestProtocolSchemas(t *testing.T) {
	c := newClient(t, nil)
	meta, err := c.server.GetMetadata(t.Context(), &tfprotov6.GetMetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, r := range meta.ListResources {
		listed = append(listed, r.TypeName)
	}
	slices.Sort(listed)
	if want := []string{"rbd_glance_image_location", "rbd_image", "rbd_namespace", "rbd_snapshot"}; !slices.Equal(listed, want) || !slices.Equal(slices.Sorted(maps.Keys(c.schema.ListResourceSchemas)), want) {
		t.Errorf("%v can be listed, want %v", listed, want)
	}

	image := map[string]bool{"fsid": false, "pool": true, "namespace": false, "image_id": true}
	snapshot := maps.Clone(image)
	snapshot["snapshot_id"] = true
	for name, want := range map[string]map[string]bool{
		"rbd_image": image, "rbd_image_conversion": image, "rbd_snapshot": snapshot, "rbd_glance_image_location": {"image_id": true},
	} {
		got := map[string]bool{}
		for _, a := range c.identities[name].IdentityAttributes {
			got[a.Name] = a.RequiredForImport
		}
		if !maps.Equal(got, want) {
			t.Errorf("the identity of %s has %v, want %v", name, got, want)
		}
		// Terraform asks for an upgrade as soon as a state has another one.
		if v := c.identities[name].Version; v != 0 {
			t.Errorf("the identity of %s has version %d, and nothing upgrades it", name, v)
		}
	}
}

// imageIdentity is what `rbd info` says.
func imageIdentity(t *testing.T, pool, spec string) object {
	t.Helper()
	var info struct{ ID string }
	if err := json.Unmarshal([]byte(acctest.RBD(t, "info", "--format", "json", spec)), &info); err != nil {
		t.Fatal(err)
	}
	return object{"fsid": acctest.FSID(t), "pool": pool, "namespace": "", "image_id": info.ID}
}

// has fails the test unless the instance has this identity, and the attribute
// this value.
func (i instance) has(t *testing.T, identity object, attribute string, want any) {
	t.Helper()
	if !reflect.DeepEqual(i.identity, identity) {
		t.Errorf("the identity is %v, want %v", i.identity, identity)
	}
	if got := i.get(t, attribute); got != want {
		t.Errorf("%s is %v, want %v", attribute, got, want)
	}
}

// An image keeps its identity through all that is done to it, by us or behind
// our back, and another image is not taken for it.
func TestProtocolImageIdentity(t *testing.T) {
	name := providertest.Name(t)
	spec := "vms/" + name
	c := newClient(t, object{"pool": "vms"})
	i := c.apply("rbd_image", instance{}, object{"name": name, "size": "8MiB"})
	identity := imageIdentity(t, "vms", spec)
	i.has(t, identity, "spec", spec)
	i = c.refreshed("rbd_image", i)
	i.has(t, identity, "spec", spec)
	i = c.apply("rbd_image", i, object{"name": name, "size": "16MiB"})
	i.has(t, identity, "size", "16MiB")

	acctest.RBD(t, "rename", spec, spec+"-renamed")
	i = c.refreshed("rbd_image", i)
	i.has(t, identity, "name", name+"-renamed")
	c.imported("rbd_image", identity).has(t, identity, "name", name+"-renamed")
	i = c.apply("rbd_image", i, object{"name": name, "size": "16MiB"})
	i.has(t, identity, "spec", spec)

	acctest.RBD(t, "rm", "--no-progress", spec)
	acctest.RBD(t, "create", "--size", "16M", spec)
	if gone := c.refreshed("rbd_image", i); !gone.state.IsNull() {
		t.Errorf("another image of the name was taken for it: %v", gone.state)
	}
	other := c.imported("rbd_image", spec)
	other.has(t, imageIdentity(t, "vms", spec), "spec", spec)
	if reflect.DeepEqual(other.identity, identity) {
		t.Error("another image has the same identity")
	}
	if _, text := c.tryImport("rbd_image", identity); !regexp.MustCompile(`(?i)no image has the identity's image_id: "\w+" was looked for in vms and in its trash(?s:.*)removed, or is in another pool`).MatchString(text) {
		t.Errorf("import of what is gone: %q", text)
	}
}

// So does a snapshot.
func TestProtocolSnapshotIdentity(t *testing.T) {
	name := providertest.Name(t)
	image := "vms/" + name
	acctest.RBD(t, "create", "--size", "8M", image)
	c := newClient(t, object{"pool": "vms"})
	i := c.apply("rbd_snapshot", instance{}, object{"image": image, "name": "s"})
	identity := imageIdentity(t, "vms", image)
	identity["snapshot_id"] = i.get(t, "snapshot_id")
	i.has(t, identity, "spec", image+"@s")
	i = c.refreshed("rbd_snapshot", i)
	i.has(t, identity, "spec", image+"@s")
	i = c.apply("rbd_snapshot", i, object{"image": image, "name": "s", "protected": false})
	i.has(t, identity, "protected", false)

	acctest.RBD(t, "snap", "rename", image+"@s", image+"@renamed")
	acctest.RBD(t, "rename", image, image+"-renamed")
	i = c.refreshed("rbd_snapshot", i)
	i.has(t, identity, "spec", image+"-renamed@renamed")
	c.imported("rbd_snapshot", identity).has(t, identity, "spec", image+"-renamed@renamed")

	acctest.RBD(t, "snap", "rm", "--no-progress", image+"-renamed@renamed")
	acctest.RBD(t, "snap", "create", "--no-progress", image+"-renamed@renamed")
	if gone := c.refreshed("rbd_snapshot", i); !gone.state.IsNull() {
		t.Errorf("another snapshot of the name was taken for it: %v", gone.state)
	}
	if other := c.imported("rbd_snapshot", image+"-renamed@renamed"); other.identity["snapshot_id"] == identity["snapshot_id"] {
		t.Error("another snapshot has the same identity")
	}
	if _, text := c.tryImport("rbd_snapshot", identity); !regexp.MustCompile(`(?i)snapshot not found`).MatchString(text) {
		t.Errorf("import of what is gone: %q", text)
	}
}

func TestProtocolImportByIdentity(t *testing.T) {
	name := providertest.Name(t)
	c := newClient(t, nil)
	spec := "vms/" + name
	imagestest.Make(t, spec, "create", "--size", "8M")
	imagestest.Snapshot(t, spec+"@s", true)
	identity := imageIdentity(t, "vms", spec)
	short := object{"pool": "vms", "image_id": identity["image_id"]}
	before := acctest.RBD(t, "info", spec)
	for _, what := range []string{"rbd_image", "rbd_image_conversion"} {
		c.imported(what, identity).has(t, identity, "spec", spec)
		c.imported(what, short).has(t, identity, "spec", spec)
		c.imported(what, spec).has(t, identity, "spec", spec)
	}
	if after := acctest.RBD(t, "info", spec); after != before {
		t.Errorf("the import changed the image from\n%s\nto\n%s", before, after)
	}
	all := acctest.RBD(t, "image-meta", "ls", "--format", "json", spec)
	if want := `{"terraform-provider-rbd.image":"owned:` + identity["image_id"].(string) + `"}`; all != want {
		t.Errorf("the import left the metadata %s, want %s", all, want)
	}

	for what, tc := range map[string]struct{ identity, want string }{
		"another cluster": {`{"fsid": "11111111-2222-3333-4444-555555555555", "pool": "vms", "image_id": "1"}`,
			`(?i)the identity is of another cluster: its fsid is 11111111-2222-3333-4444-555555555555, that of the provider's cluster is ` + acctest.FSID(t) + `\.(?s:.*)through a provider configuration that is aimed at that cluster`},
		"no such pool":  {`{"pool": "no-such-pool", "image_id": "1"}`, `(?i)pool not found: "no-such-pool"`},
		"no such image": {`{"pool": "vms", "image_id": "1"}`, `(?i)no image has the identity's image_id: "1" was looked for in vms`},
	} {
		t.Run(what, func(t *testing.T) {
			for _, name := range []string{"rbd_image", "rbd_snapshot"} {
				var identity object
				if err := json.Unmarshal([]byte(tc.identity), &identity); err != nil {
					t.Fatal(err)
				}
				if name == "rbd_snapshot" {
					identity["snapshot_id"] = int64(1)
				}
				if _, text := c.tryImport(name, identity); !regexp.MustCompile(`Unable to import RBD (?s:.*)` + tc.want).MatchString(text) {
					t.Errorf("%s: %q", name, text)
				}
			}
		})
	}
}

// An image in the trash has no name to import it by, but an identity.
func TestProtocolImportFromTrash(t *testing.T) {
	name := providertest.Name(t)
	c := newClient(t, object{"pool": "vms"})
	spec := "vms/" + name
	imagestest.Make(t, spec, "create", "--size", "8M")
	imagestest.Snapshot(t, spec+"@s", false)
	identity := imageIdentity(t, "vms", spec)
	imagestest.Trash(t, spec)
	i := c.imported("rbd_image", identity)
	i.has(t, identity, "trashed", true)
	if got := i.get(t, "name"); got != name {
		t.Errorf("the name is %v, want what it was, %s", got, name)
	}
	planned := c.plan("rbd_image", i, c.generated("rbd_image", i.state))
	if d := differences(t, c.read(c.resourceType("rbd_image"), planned.PlannedState), i.state); len(d) > 0 {
		t.Errorf("the configuration generated for it changes %v", d)
	}
	i = c.apply("rbd_image", i, object{"name": name, "size": "8MiB"})
	i.has(t, identity, "trashed", false)
	acctest.RBD(t, "info", spec)
}
