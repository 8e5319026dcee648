// SPDX-License-Identifier: MPL-2.0

// Package providertest is what the acceptance tests share: the
// provider in the test's process, and the lab it works on.
package providertest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider"
)

// Factories serve the provider from this process.
var Factories = map[string]func() (tfprotov6.ProviderServer, error){
	"rbd": func() (tfprotov6.ProviderServer, error) { return provider.Server("test")(), nil },
}

// accept sets TF_ACC, without which a test would be skipped, and prove nothing. It
// does so for the whole process, so that tests can run beside each other.
var accept = sync.OnceFunc(func() {
	if err := os.Setenv("TF_ACC", "1"); err != nil {
		panic(err)
	}
})

// Run runs the steps against the lab. Every configuration gets the provider
// block Provider in front.
func Run(t *testing.T, tc resource.TestCase) {
	t.Helper()
	acctest.RequireLab(t)
	accept()
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
  ceph = {
    pool = "vms"
    fsid = %q
  }
  guestfs = {
    accelerator = "tcg"
  }
}
`, os.Getenv("RBD_LAB_FSID"))
}

// Name makes a name that no other test has, and sees to it that nothing of
// that name is left in the pools, whatever becomes of the test.
func Name(t *testing.T) string {
	t.Helper()
	return acctest.Name(t)
}
