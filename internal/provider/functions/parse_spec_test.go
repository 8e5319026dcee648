// SPDX-License-Identifier: MPL-2.0

package functions_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func TestParseSpec(t *testing.T) {
	var steps []resource.TestStep
	for spec, want := range map[string][4]string{
		"images/debian-12":             {"images", "", "debian-12", ""},
		"images/debian-12@golden":      {"images", "", "debian-12", "golden"},
		"images/tenant/debian-12@gold": {"images", "tenant", "debian-12", "gold"},
		"images/Bücher 100%@größe":     {"images", "", "Bücher 100%", "größe"},
	} {
		steps = append(steps, expectOutput(`provider::rbd::parse_spec("`+spec+`")`, object(map[string]string{
			"pool": want[0], "namespace": want[1], "image": want[2], "snapshot": want[3],
		})))
	}
	for spec, want := range map[string]string{
		"debian-12":      `"spec" parameter.*"debian-12": want pool\[/namespace\]/image\[@snapshot\]`,
		"":               `"": want pool`,
		"/debian-12":     `the pool is empty`,
		"images//debian": `the namespace is empty`,
		"images/":        `the image name is empty`,
		"images/a@":      `the snapshot name is empty`,
		`images/a\u0001`: `contains a control character`,
	} {
		steps = append(steps, expectError(`provider::rbd::parse_spec("`+spec+`")`, want))
	}
	steps = append(steps, expectError(`provider::rbd::parse_spec(null)`, `argument must not be null`))
	providertest.Run(t, resource.TestCase{Steps: steps})
}
