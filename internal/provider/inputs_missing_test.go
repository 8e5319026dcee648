// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Every argument that names an image or a snapshot is refused in the plan where
// it names nothing, and nothing that this run makes.
func TestMissingImagesAreRefused(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	g := groundFor(t, c)
	for name, all := range g.givenResources() {
		var tried []string
		for _, arguments := range all {
			config := value(t, c.resourceType(name), arguments)
			for _, a := range argumentsOf(t, c.schema.ResourceSchemas[name].Block, config) {
				spec, ok := plain(t, a.is).(string)
				if !ok || !slices.Contains([]string{g.image, g.snapshot, g.golden, g.planned}, spec) || slices.Contains(tried, a.name) {
					continue
				}
				tried = append(tried, a.name)
				for _, missing := range missingSpecs(spec) {
					got := c.within(t).try(name, instance{}, a.with(t, config, tftypes.NewValue(tftypes.String, missing)))
					if got.refused != "plan" || len(got.faults) > 0 || !slices.ContainsFunc(got.diags, func(d *tfprotov6.Diagnostic) bool { return d.Attribute.Equal(a.at) }) {
						t.Errorf("%s with %s = %q: refused by %q, %q, %q", name, a.name, missing, got.refused, errorsOf(got.diags), got.faults)
					}
				}
			}
		}
		if strings.HasPrefix(name, "rbd_guest_") && len(tried) == 0 {
			t.Errorf("%s refers to no image", name)
		}
	}
}

// missingSpecs are like one that is there.
func missingSpecs(spec string) []string {
	image, snapshot, ok := strings.Cut(spec, "@")
	if !ok {
		return []string{image + "-typo", "no-such-pool/x"}
	}
	return []string{image + "@typo", image + "-typo@" + snapshot, "no-such-pool/x@s"}
}
