// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// Whatever is written into any argument of any resource, it is refused in our
// own words and where it stands, or planned as Terraform wants it.
func TestOddInputsOfResources(t *testing.T) {
	acctest.UseToken(t, "terraform", "demo")
	c := newClient(t, object{"pool": "vms"})
	g := groundFor(t, c)
	given := g.givenResources()
	for name, schema := range c.schema.ResourceSchemas {
		t.Run(name, func(t *testing.T) {
			c := c.within(t)
			ty := c.resourceType(name)
			missing := argumentNames(schema.Block)
			for _, arguments := range given[name] {
				config := value(t, ty, arguments)
				right := c.try(name, instance{}, config)
				if right.refused != "" || len(right.faults) > 0 {
					t.Errorf("what should be right: %s %q %s", right.refused, right.faults, errorsOf(right.diags))
					continue
				}
				for _, a := range argumentsOf(t, schema.Block, config) {
					// Once is enough, whichever element of a map it is in.
					if a.is.IsNull() || !slices.Contains(missing, a.name) {
						continue
					}
					missing = slices.DeleteFunc(missing, func(n string) bool { return n == a.name })
					for _, o := range oddities(t, a.is.Type(), a.is) {
						c.tryOdd(name, instance{}, config, a, o)
					}
				}
			}
			if len(missing) > 0 {
				t.Errorf("givenResources has no configuration with %q", missing)
			}
		})
	}
}

func (c *client) within(t *testing.T) *client {
	out := *c
	out.t = t
	return &out
}

// tryOdd tries an odd input in one place.
func (c *client) tryOdd(name string, prior instance, config tftypes.Value, a argument, o odd) {
	c.t.Helper()
	got := c.try(name, prior, a.with(c.t, config, o.v))
	for _, f := range got.faults {
		c.t.Errorf("%s = %s: %s", a.name, o.what, f)
	}
	for _, d := range got.diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			c.t.Logf("%s = %s: %s %s | %s", a.name, o.what, got.refused, d.Summary, d.Detail)
		}
	}
	if got.refused == "" && o.v.IsFullyKnown() {
		c.t.Logf("%s = %s: taken", a.name, o.what)
	}
}
