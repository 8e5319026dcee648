// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// inState is a resource of the state file.
type inState = map[string]any

// rewriteState changes the resources of the state file.
func (m *module) rewriteState(change func(inState)) {
	m.t.Helper()
	file := filepath.Join(m.dir, "terraform.tfstate")
	text, err := os.ReadFile(file)
	var all map[string]any
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	for _, r := range all["resources"].([]any) {
		change(r.(inState))
	}
	if text, err = json.Marshal(all); err != nil {
		m.t.Fatal(err)
	}
	m.write(file, string(text))
}

// becomes makes a resource another provider's.
func becomes(r inState, typeName, provider string, attributes map[string]any) {
	r["type"] = typeName
	r["provider"] = `provider["` + provider + `"]`
	r["instances"] = []any{map[string]any{"schema_version": 0, "attributes": attributes}}
}

// What other providers have in their state is taken over by a moved block: nothing
// is made anew, and all that the record and the image are is in the state.
func TestMovedFromOtherProviders(t *testing.T) {
	t.Parallel()
	const openstack, ceph = "terraform-provider-openstack/openstack", "example/ceph"
	name := providertest.Name(t)
	config := strings.ReplaceAll(`
resource "rbd_image" "test" {
  pool = "images"
  name = "NAME"
  size = "8MiB"
}
resource "rbd_snapshot" "test" {
  image = rbd_image.test.spec
  name  = "s"
}
resource "rbd_glance_image_location" "test" {
  snapshot   = rbd_snapshot.test.spec
  name       = "NAME"
  properties = { hw_disk_bus = "scsi" }
}
`, "NAME", name)
	m := newModule(t, config, openstack, ceph)
	m.apply()
	record, image := records(t.Context(), t, name)[0].ID, imageID(t, "images/"+name)

	host := "registry.terraform.io/"
	if strings.Contains(m.do("version"), "OpenTofu") {
		host = "registry.opentofu.org/"
	}
	for source, attributes := range map[string]map[string]any{
		"ceph_rbd_image": {"id": "images/" + name, "pool": "images", "name": name, "size": 8 << 20, "features": nil},
		"ceph_rbd":       {"id": "1", "pool_name": "images", "name_space": "", "img_name": name, "size": 8 << 20},
	} {
		m.rewriteState(func(r inState) {
			switch r["type"] {
			case "rbd_image":
				becomes(r, source, host+ceph, attributes)
			case "rbd_glance_image_location":
				becomes(r, "openstack_images_image_v2", host+openstack, map[string]any{"id": record, "name": name, "region": "RegionOne", "tags": nil})
			}
		})
		m.configure(config + `
moved {
  from = ` + source + `.test
  to   = rbd_image.test
}
moved {
  from = openstack_images_image_v2.test
  to   = rbd_glance_image_location.test
}
`)
		if said := m.do("apply", "-auto-approve", "-no-color"); !strings.Contains(said, "Resources: 0 added, 0 changed, 0 destroyed") {
			t.Errorf("the move from %s was more than that:\n%s", source, said)
		}
		m.empty()
	}
	if after := records(t.Context(), t, name); len(after) != 1 || after[0].ID != record {
		t.Errorf("of record %s came %v", record, after)
	}
	if now := imageID(t, "images/"+name); now != image {
		t.Errorf("image %s is %s now", image, now)
	}
	m.destroy()
	if left := acctest.Images(t, "images", name); len(left) > 0 || len(records(t.Context(), t, name)) > 0 {
		t.Errorf("left: %v", left)
	}
}

// An image that Glance has fetched by itself, for web_download of the openstack
// provider, is taken over with its RBD image and snapshot: by an import, and by a
// moved block for what is in a state.
func TestTakenOverFromWebDownload(t *testing.T) {
	t.Parallel()
	const openstack = "terraform-provider-openstack/openstack"
	name := providertest.Name(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "golden.raw", time.Time{}, strings.NewReader(strings.Repeat("golden", 1<<20)))
	}))
	defer server.Close()
	port := server.Listener.Addr().(*net.TCPAddr).Port
	// Glance fetches from the ports 80 and 443 alone, and not from this machine,
	// unless told otherwise.
	node := acctest.StartGlanceNode(t, map[string]string{
		"import_filtering_opts.allowed_ports": fmt.Sprintf("[%d]", port), "import_filtering_opts.allowed_hosts": "[127.0.0.1]",
	})
	record := acctest.WebDownload(t, "terraform", "demo", node.Address, name, server.URL+"/golden.raw")
	image := imageID(t, "images/"+record)

	resources := strings.NewReplacer("NAME", name, "RECORD", record).Replace(`
resource "rbd_image" "golden" {
  pool = "images"
  name = "RECORD"
  size = "6MiB"
}
resource "rbd_snapshot" "golden" {
  image     = rbd_image.golden.spec
  name      = "snap"
  protected = true
}
resource "rbd_glance_image_location" "golden" {
  snapshot = rbd_snapshot.golden.spec
  name     = "NAME"
}
`)
	imports := strings.ReplaceAll(`
import {
  to = rbd_image.golden
  id = "images/RECORD"
}
import {
  to = rbd_snapshot.golden
  id = "images/RECORD@snap"
}
`, "RECORD", record)
	m := newModule(t, resources+imports+fmt.Sprintf("import {\n  to = rbd_glance_image_location.golden\n  id = %q\n}\n", record), openstack)
	// The guard is all that there is to change.
	if said := m.do("apply", "-auto-approve", "-no-color"); !strings.Contains(said, "3 imported, 0 added, 1 changed, 0 destroyed") {
		t.Errorf("the import was more than that:\n%s", said)
	}
	m.empty()

	host := "registry.terraform.io/"
	if strings.Contains(m.do("version"), "OpenTofu") {
		host = "registry.opentofu.org/"
	}
	m.rewriteState(func(r inState) {
		if r["type"] == "rbd_glance_image_location" {
			becomes(r, "openstack_images_image_v2", host+openstack, map[string]any{"id": record, "name": name, "web_download": true, "image_source_url": server.URL})
		}
	})
	m.configure(resources + "moved {\n  from = openstack_images_image_v2.golden\n  to   = rbd_glance_image_location.golden\n}\n")
	if said := m.do("apply", "-auto-approve", "-no-color"); !strings.Contains(said, "Resources: 0 added, 0 changed, 0 destroyed") {
		t.Errorf("the move was more than that:\n%s", said)
	}
	m.empty()
	if now := imageID(t, "images/"+record); now != image {
		t.Errorf("image %s is %s now", image, now)
	}
	m.destroy()
	if left := acctest.Images(t, "images", record); len(left) > 0 || len(records(t.Context(), t, name)) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A state that does not say what it is of, or is of something else, is refused, and
// so is one of an image that this cluster does not have: it is not made anew.
func TestMovedFromSomethingElse(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	config := "resource \"rbd_image\" \"test\" {\n  pool = \"vms\"\n  name = \"" + name + "\"\n  size = \"8MiB\"\n}\n"
	m := newModule(t, config, "example/ceph")
	m.apply()
	text, err := os.ReadFile(filepath.Join(m.dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	for source, c := range map[string]struct {
		attributes map[string]any
		want       string
	}{
		"ceph_rbd_image":    {map[string]any{"id": "vms", "name": name}, "does not say which RBD image it is"},
		"ceph_rbd":          {map[string]any{"pool": "vms", "name": name + "@s"}, "does not say which RBD image it is"},
		"other_rbd_image":   {map[string]any{"pool": "vms", "name": name + "-absent"}, "it is not in this cluster"},
		"ceph_rbd_pool":     {map[string]any{"pool": "vms", "name": name}, "Unable to Move Resource State"},
		"ceph_rbd_snapshot": {map[string]any{"pool": "vms", "name": name}, "Unable to Move Resource State"},
		"ceph_pool":         {map[string]any{"pool": "vms", "name": name}, "Unable to Move Resource State"},
	} {
		m.rewriteState(func(r inState) { becomes(r, source, "registry.terraform.io/example/ceph", c.attributes) })
		m.configure(config + "moved {\n  from = " + source + ".test\n  to   = rbd_image.test\n}\n")
		r := m.start("plan", "-no-color")
		err := <-r.end
		if said := strings.Join(strings.Fields(r.out.String()), " "); err == nil || !strings.Contains(said, c.want) {
			t.Errorf("of %s: %v\n%s", source, err, r.out.String())
		}
	}
	m.write(filepath.Join(m.dir, "terraform.tfstate"), string(text))
	m.configure(config)
	m.destroy()
}

// imageID is what `rbd info` says.
func imageID(t *testing.T, spec string) string {
	t.Helper()
	var info struct{ ID string }
	if err := json.Unmarshal([]byte(acctest.RBD(t, "info", "--format", "json", spec)), &info); err != nil {
		t.Fatal(err)
	}
	return info.ID
}
