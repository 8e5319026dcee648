// Package providertest is what the acceptance tests of the rooms share: the
// provider in the test's process, and the lab it works on.
package providertest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider"
)

// Factories serve the provider from this process.
var Factories = map[string]func() (tfprotov6.ProviderServer, error){
	"rbd": providerserver.NewProtocol6WithError(provider.New("test")()),
}

// Run runs the steps against the lab. Every configuration gets the provider
// block Provider in front.
func Run(t *testing.T, tc resource.TestCase) {
	t.Helper()
	acctest.RequireLab(t)
	// Without TF_ACC the test would be skipped, and prove nothing.
	t.Setenv("TF_ACC", "1")
	tc.ProtoV6ProviderFactories = Factories
	for i := range tc.Steps {
		if s := &tc.Steps[i]; s.Config != "" && !strings.Contains(s.Config, `provider "rbd"`) {
			s.Config = Provider() + s.Config
		}
	}
	resource.Test(t, tc)
}

// Provider is the usual provider block: the lab's cluster, guarded by its fsid.
func Provider() string {
	return fmt.Sprintf(`
provider "rbd" {
  ceph {
    pool = "vms"
    fsid = %q
  }
  guestfs {
    accelerator = "tcg"
  }
}
`, os.Getenv("RBD_LAB_FSID"))
}

// Name makes a name that no other test has, and sees to it that nothing of
// that name is left in the pools, whatever becomes of the test.
func Name(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("acc-%s-%d", strings.NewReplacer("/", "-", "_", "-").Replace(strings.ToLower(t.Name())), os.Getpid())
	name = name[:min(len(name), 60)]
	t.Cleanup(func() { acctest.Purge(t, name) })
	return name
}
