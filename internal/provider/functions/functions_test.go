// SPDX-License-Identifier: MPL-2.0

package functions_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const fsid = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19"

// unreachable is a provider that could not connect: functions don't need to.
const unreachable = `
provider "rbd" {
  ceph = {
    conf_file = "/no/such/ceph.conf"
  }
}
`

// expectOutput is a step that calls a function.
func expectOutput(call string, want knownvalue.Check) resource.TestStep {
	return resource.TestStep{
		Config: unreachable + "output \"test\" {\n  value = " + call + "\n}\n",
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownOutputValue("test", want),
		},
	}
}

// expectError is a step whose call is refused. A space in want matches a line
// break too.
func expectError(call, want string) resource.TestStep {
	return resource.TestStep{
		Config:      unreachable + "output \"test\" {\n  value = " + call + "\n}\n",
		ExpectError: regexp.MustCompile(`(?s)` + strings.ReplaceAll(want, " ", `[\s│]+`)),
	}
}

func object(attributes map[string]string) knownvalue.Check {
	checks := map[string]knownvalue.Check{}
	for k, v := range attributes {
		checks[k] = knownvalue.StringExact(v)
	}
	return knownvalue.ObjectExact(checks)
}

// What is not known in the plan is known after the apply, and what is wrong
// then is an error then.
func TestUnknown(t *testing.T) {
	config := func(spec string) string {
		return unreachable + `
resource "terraform_data" "spec" {
  input = "` + spec + `"
}
output "test" {
  value = provider::rbd::parse_spec(terraform_data.spec.output).image
}
`
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config:           config("images/debian-12"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectUnknownOutputValue("test")}},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownOutputValue("test", knownvalue.StringExact("debian-12")),
			},
		},
		{Config: config("debian-12"), ExpectError: regexp.MustCompile(`"debian-12": want\s+pool\[/namespace\]/image`)},
	}})
}
