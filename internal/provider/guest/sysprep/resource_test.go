// SPDX-License-Identifier: MPL-2.0

package sysprep_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "rbd_guest_sysprep.test"

func sysprep(spec string, more ...string) string {
	return fmt.Sprintf("resource \"rbd_guest_sysprep\" \"test\" {\n  image = %q\n  %s\n}\n", spec, strings.Join(more, "\n  "))
}

func performed(names ...string) statecheck.StateCheck {
	list := make([]knownvalue.Check, len(names))
	for i, n := range names {
		list[i] = knownvalue.StringExact(n)
	}
	return statecheck.ExpectKnownValue(address, tfjsonpath.New("performed"), knownvalue.ListExact(list))
}

func absent(t *testing.T, spec, path string, want bool) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		if out := guesttest.Debugfs(t, spec, "stat "+path); strings.Contains(out, "File not found") != want {
			return fmt.Errorf("%s: absent %v wanted: %s", path, want, out)
		}
		return nil
	}
}

func TestSysprepLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	guesttest.Import(t, spec, nil)
	updated := providertest.Expect(
		providertest.Updates(address),
		plancheck.ExpectUnknownValue(address, tfjsonpath.New("performed")),
	)
	providertest.Run(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config:      sysprep(spec, `operations = ["bash-history", "bash-histroy"]`),
				ExpectError: regexp.MustCompile(`(?s)no\s+such\s+operation:\s+"bash-histroy".*bash-history`),
			},
			{Config: sysprep(spec, `operations = ["-bash-history"]`), ExpectError: regexp.MustCompile(`must\s+be\s+an\s+operation's\s+name`)},
			{
				PreConfig:   func() { acctest.RBD(t, "lock", "add", spec, "backup") },
				Config:      sysprep(spec),
				ExpectError: regexp.MustCompile(`(?s)exit\s+status\s+1\s+Error:\s+Unable\s+to\s+plan.*is\s+in\s+use.*backup`),
			},
			{
				PreConfig: func() {
					lines := strings.Split(acctest.RBD(t, "lock", "ls", spec), "\n")
					acctest.RBD(t, "lock", "rm", spec, "backup", strings.Fields(lines[len(lines)-1])[0])
				},
				Config:            sysprep(spec, `operations = ["udev-persistent-net", "machine-id", "bash-history"]`, `disabled_operations = ["bash-history"]`),
				ConfigStateChecks: []statecheck.StateCheck{performed("machine-id", "udev-persistent-net")},
				Check: resource.ComposeAggregateTestCheckFunc(
					absent(t, spec, "/etc/udev/rules.d/70-persistent-net.rules", true), absent(t, spec, "/root/.bash_history", false),
					guesttest.Clean(t, spec), guesttest.Boots(t, spec, "TINY-READY"),
				),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: spec,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
				ImportStateVerifyIgnore: []string{"operations", "disabled_operations", "performed", "revision"},
			},
			{ // what does not matter to the guest does not start anything
				Config:           sysprep(spec, `operations = ["udev-persistent-net", "machine-id", "bash-history"]`, `disabled_operations = ["bash-history"]`, "timeouts = {\n create = \"50m\"\n }"),
				ConfigPlanChecks: providertest.Expect(providertest.Plans(address, "performed", knownvalue.ListSizeExact(2))),
			},
			{
				Config:            sysprep(spec, `operations = ["bash-history"]`, `triggers = { edit = "1" }`),
				ConfigPlanChecks:  updated,
				ConfigStateChecks: []statecheck.StateCheck{performed("bash-history")},
				Check:             resource.ComposeAggregateTestCheckFunc(absent(t, spec, "/root/.bash_history", true), guesttest.Clean(t, spec)),
			},
			{ // another image of that name
				PreConfig: func() {
					acctest.RBD(t, "rm", "--no-progress", spec)
					guesttest.Import(t, spec, nil)
				},
				Config: sysprep(spec, `operations = ["bash-history"]`, `triggers = { edit = "1" }`), PlanOnly: true, ExpectNonEmptyPlan: true,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{providertest.Creates(address)}},
			},
		},
	})
}
