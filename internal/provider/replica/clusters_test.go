// SPDX-License-Identifier: MPL-2.0

package replica_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// newSourceIn makes the source in the second cluster, and removes it in the end.
func newSourceIn(t *testing.T, dc2 acctest.Second, name, size string) source {
	t.Helper()
	s := source{t: t, spec: "images/" + name + "-source", env: dc2.Env}
	s.rbd("create", "--size", size, s.spec)
	t.Cleanup(func() {
		s.rbd("snap", "purge", "--no-progress", s.spec)
		s.rbd("rm", "--no-progress", s.spec)
	})
	return s
}

// From the second cluster into the first. Through an alias, the other way round,
// is for internal/crashtest: here all configurations of a provider are one.
func TestReplicaBetweenClusters(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	dc2 := acctest.RequireSecond(t)
	src := newSourceIn(t, dc2, name, "20M")
	src.change("write -P 1 0 1M", "write -P 2 9M 3M")
	src.snapshot("one")
	there := func(snapshot, fsid string) string {
		return providertest.Provider() + fmt.Sprintf(`
resource "rbd_image_replica" "test" {
  name = %[2]q
  source = {
    snapshot  = %[3]q
    conf_file = %[1]q
    user      = "terraform"
    fsid      = %[4]q
  }
  verify_content = true
}
`, dc2.Conf, name, src.spec+"@"+snapshot, fsid)
	}
	copied := "vms/" + name
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: there("one", acctest.FSID(t)), PlanOnly: true, ExpectError: refused(`source is in another cluster.*` + dc2.FSID)},
			{
				Config: there("one", dc2.FSID),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("source_fsid"), knownvalue.StringExact(dc2.FSID)),
				},
				Check: src.same("one", copied),
			},
			{
				Config:           there("one", dc2.FSID),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{
				PreConfig: func() {
					src.change("write -P 3 10M 64k")
					src.snapshot("two")
				},
				Config:            there("two", dc2.FSID),
				ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{transferred(src.diff("one", "two"))},
				Check:             src.same("two", copied),
			},
		},
	})
}
