// SPDX-License-Identifier: MPL-2.0

package cluster_test

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "data.rbd_cluster.test"

func TestCluster(t *testing.T) {
	var version struct{ Version string }
	if err := json.Unmarshal([]byte(acctest.Admin(t, "ceph", "version", "--format", "json")), &version); err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`\d+\.\d+\.\d+`).FindString(version.Version)
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: `data "rbd_cluster" "test" {}`,
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue(address, tfjsonpath.New("fsid"), knownvalue.StringExact(acctest.Admin(t, "ceph", "fsid"))),
			statecheck.ExpectKnownValue(address, tfjsonpath.New("version"), knownvalue.StringExact(number)),
			statecheck.ExpectKnownValue(address, tfjsonpath.New("user"), knownvalue.StringExact("terraform")),
			statecheck.ExpectKnownValue(address, tfjsonpath.New("monitors"), knownvalue.ListSizeExact(2)),
		},
	}}})
}

// What can't be connected to is an error in bounded time that says what to do.
func TestClusterErrors(t *testing.T) {
	acctest.RequireLab(t)
	keyring := t.TempDir() + "/keyring"
	if err := os.WriteFile(keyring, []byte("[client.terraform]\n\tkey = AQAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAA==\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, tc := range map[string]struct{ ceph, want string }{
		"no conf file":  {`conf_file = "/no/such/ceph.conf"`, `(?s)/no/such/ceph.conf.*monitors and key`},
		"wrong key":     {`keyring_file = "` + keyring + `"`, `(?s)refused\s+the\s+user.*ceph\s+auth\s+get`},
		"no such user":  {`user = "nobody-here"`, `keyring`},
		"not reachable": {"monitors = [\"v2:127.0.0.1:9\"]\n key = \"AQAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAA==\"\n connect_timeout = \"2s\"", `(?s)could\s+not\s+be\s+reached.*connect_timeout`},
		"wrong fsid":    {`fsid = "00000000-0000-4000-8000-000000000000"`, `another\s+cluster`},
		"a bad option":  {`options = { rbd_no_such_option = "x" }`, `rbd_no_such_option`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:      "provider \"rbd\" {\n  ceph = {\n" + tc.ceph + "\n  }\n}\ndata \"rbd_cluster\" \"test\" {}\n",
				ExpectError: regexp.MustCompile("(?i)" + tc.want),
			}}})
		})
	}
}
