// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// inCluster is an image, its snapshot and a namespace in a pool of the cluster
// with this configuration.
func inCluster(conf, name, user string) string {
	return fmt.Sprintf(`
provider "rbd" {
  ceph = {
    conf_file = %[1]q
    pool      = %[2]q
    %[4]s
  }
}
resource "rbd_image" "test" {
  name = %[3]q
  size = "8MiB"
}
resource "rbd_snapshot" "test" {
  image = rbd_image.test.spec
  name  = "s"
}
resource "rbd_namespace" "test" {
  name = %[3]q
}
`, conf, name, name, user)
}

// What another cluster does not have is not gone, nor is what is in a pool that
// was renamed.
func TestAbsentInAnotherCluster(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	dc2 := acctest.RequireSecond(t)
	here := os.Getenv("CEPH_CONF")
	acctest.Admin(t, "ceph", "osd", "pool", "create", name, "1")
	t.Cleanup(func() {
		for _, pool := range []string{name, name + "-2"} {
			acctest.Admin(t, "ceph", "osd", "pool", "rm", pool, pool, "--yes-i-really-really-mean-it")
		}
	})
	acctest.Admin(t, "rbd", "pool", "init", name)
	// The lab's user knows three pools only.
	keyring := filepath.Join(t.TempDir(), "keyring")
	acctest.Admin(t, "ceph", "auth", "get-or-create", "client."+name, "mon", "profile rbd", "osd", "profile rbd", "-o", keyring)
	t.Cleanup(func() { acctest.Admin(t, "ceph", "auth", "rm", "client."+name) })
	limited := fmt.Sprintf("user = %q\n    keyring_file = %q", name, keyring)
	m := newModule(t, inCluster(here, name, limited))
	m.apply()
	m.empty()
	refused := func(words ...string) {
		t.Helper()
		image, snapshot, namespace := `RBD image "`+name, `snapshot "`+name, `RBD namespace "`+name
		for _, tc := range []struct {
			args []string
			what string
		}{
			{[]string{"plan", "-target=rbd_image.test"}, image},
			{[]string{"plan", "-refresh=false", "-target=rbd_image.test"}, image},
			{[]string{"destroy", "-auto-approve"}, image},
			{[]string{"destroy", "-auto-approve", "-refresh=false", "-target=rbd_snapshot.test"}, snapshot},
			{[]string{"plan", "-target=rbd_namespace.test"}, namespace},
			{[]string{"destroy", "-auto-approve", "-refresh=false", "-target=rbd_namespace.test"}, namespace},
		} {
			r := m.start(append(tc.args, "-no-color")...)
			err := <-r.end
			said := strings.Join(strings.Fields(r.out.String()), " ")
			for _, word := range append(words, tc.what) {
				if err == nil || !strings.Contains(said, word) {
					t.Errorf("%v does not say %s: %v\n%s", tc.args, word, err, said)
				}
			}
		}
	}
	m.configure(inCluster(dc2.Conf, name, ""))
	refused("is in another cluster", acctest.FSID(t), dc2.FSID)

	m.configure(inCluster(here, name, limited))
	m.empty()
	acctest.Admin(t, "ceph", "osd", "pool", "rename", name, name+"-2")
	refused("he pool that it is in was renamed", `"`+name+`-2" now`)
	acctest.Admin(t, "ceph", "osd", "pool", "rename", name+"-2", name)
	m.empty()
	m.destroy()
}
