// SPDX-License-Identifier: MPL-2.0

package mirrorstatus_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "data.rbd_mirror_status.test"

func has(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
}

// far is the provider at the second cluster.
func far(dc2 acctest.Second) string {
	return fmt.Sprintf("provider \"rbd\" {\n  ceph = {\n    conf_file = %q\n    fsid = %q\n    user = \"terraform\"\n  }\n}\n", dc2.Conf, dc2.FSID)
}

func status(arguments string) string {
	return "data \"rbd_mirror_status\" \"test\" {\n  " + arguments + "\n}\n"
}

// What is asked at either end is what the rbd-mirrors report.
func TestMirrorStatus(t *testing.T) {
	t.Parallel()
	dc2 := acctest.RequireMirror(t)
	spec := acctest.Mirrored(t, dc2, "8M")
	one := status(fmt.Sprintf("image = %q", spec))
	exactly := knownvalue.StringExact
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: one,
			ConfigStateChecks: []statecheck.StateCheck{
				has("enabled", knownvalue.Bool(false)), has("health", knownvalue.Null()), has("state", knownvalue.Null()), has("pool_mode", exactly("image")),
			},
		},
		{Config: status(`pool = "absent"`), ExpectError: regexp.MustCompile(`(?i)pool not found`)},
		{Config: status(`image = "vms/absent"`), ExpectError: regexp.MustCompile(`(?i)image not found`)},
		{Config: status(""), ExpectError: regexp.MustCompile(`one \(and only\s+one\)`)},
		{
			PreConfig: func() {
				acctest.RBD(t, "mirror", "image", "enable", spec, "snapshot")
				acctest.Await(t, "both have reported", func() bool {
					here, _ := acctest.RBDIn(nil, "mirror", "image", "status", spec)
					there, _ := acctest.RBDIn(dc2.Env, "mirror", "image", "status", spec)
					return reports.MatchString(here) && reports.MatchString(there)
				})
			},
			Config: one,
			ConfigStateChecks: []statecheck.StateCheck{
				has("enabled", knownvalue.Bool(true)), has("health", exactly("OK")), has("primary", knownvalue.Bool(true)), has("mode", exactly("snapshot")),
				has("description", exactly("local image is primary")), has("synced_at", knownvalue.Null()),
				has("peers", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{
					"name": exactly("dc2"), "direction": exactly("rx-tx"), "up": knownvalue.Bool(true), "primary": knownvalue.Bool(false), "state": exactly("replaying"),
				})})),
			},
		},
		{
			Config: far(dc2) + one,
			ConfigStateChecks: []statecheck.StateCheck{
				has("health", exactly("OK")), has("primary", knownvalue.Bool(false)), has("demoted", knownvalue.Bool(false)), has("state", exactly("replaying")),
				has("up", knownvalue.Bool(true)), has("synced_at", knownvalue.NotNull()), has("global_id", knownvalue.NotNull()), has("entries_behind", knownvalue.Null()),
				has("peers", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{"name": exactly("dc1"), "primary": knownvalue.Bool(true)})})),
			},
		},
		{
			Config: status(fmt.Sprintf("pool = %q", acctest.MirrorPool)),
			ConfigStateChecks: []statecheck.StateCheck{
				has("enabled", knownvalue.Bool(true)), has("health", knownvalue.NotNull()), has("state", knownvalue.Null()), has("images_by_state", knownvalue.NotNull()),
			},
		},
		{
			Config:            status(`pool = "vms"`),
			ConfigStateChecks: []statecheck.StateCheck{has("enabled", knownvalue.Bool(false)), has("health", knownvalue.Null()), has("pool_mode", exactly("disabled"))},
		},
	}})
}

// reports are of a primary's site and of its peer's, in either order.
var reports = regexp.MustCompile(`(?s)(up\+stopped.*up\+replaying|up\+replaying.*up\+stopped)`)
