// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// cheap are configurations of resources that are made within moments.
func (g ground) cheap() map[string]object {
	image := g.imageArguments(object{"name": g.name + "-cheap", "size": "8MiB", "on_destroy": "delete"})
	for _, name := range []string{"trash_delay", "trashed"} {
		delete(image, name)
	}
	return map[string]object{
		"rbd_image":     image,
		"rbd_snapshot":  {"image": g.image, "name": "cheap", "protected": false, "on_name_change": "rename", "timeouts": someTimeouts},
		"rbd_namespace": {"name": g.name + "-cheap", "pool": "vms", "timeouts": object{"create": "5m", "read": "5m", "delete": "5m"}},
		"rbd_glance_image_location": {
			"snapshot": g.golden, "name": g.name, "visibility": "private", "tags": []any{"a", "b"}, "properties": object{"os_type": "linux"},
			"min_disk": int64(1), "min_ram": int64(1), "protected": false, "hidden": false, "hash": "off", "timeouts": someTimeouts,
		},
	}
}

// again plans a configuration with something that is known by now, as an apply
// does where it was unknown, and says what is not as it was planned.
func (c *client) again(name string, prior instance, config tftypes.Value, a argument) []string {
	c.t.Helper()
	first := c.try(name, prior, a.with(c.t, config, tftypes.NewValue(a.is.Type(), tftypes.UnknownValue)))
	if first.refused != "" {
		return nil // of these the walk with a single plan knows
	}
	if len(first.replaced) > 0 {
		// It is made anew, from nothing.
		prior = instance{}
		if first = c.try(name, prior, a.with(c.t, config, tftypes.NewValue(a.is.Type(), tftypes.UnknownValue))); first.refused != "" {
			return nil
		}
	}
	var out []string
	for what, v := range map[string]tftypes.Value{"what it was": a.is, "null": tftypes.NewValue(a.is.Type(), nil)} {
		second := c.try(name, prior, a.with(c.t, config, v))
		out = append(out, second.faults...)
		if second.refused != "" {
			continue
		}
		for _, d := range unlike(c.t, "", first.planned, second.planned) {
			out = append(out, fmt.Sprintf("unknown, then %s: %s", what, d))
		}
		if len(first.replaced) == 0 && len(second.replaced) > 0 {
			out = append(out, fmt.Sprintf("unknown, then %s: it is replaced for %s after all", what, second.replaced))
		}
	}
	return out
}

// unlike says where the second plan changes what was known in the first.
func unlike(t *testing.T, at string, first, second tftypes.Value) []string {
	t.Helper()
	if !first.IsKnown() || first.Equal(second) {
		return nil
	}
	if _, ok := first.Type().(tftypes.Object); ok && known(first) && known(second) {
		var was, is map[string]tftypes.Value
		must(t, first.As(&was))
		must(t, second.As(&is))
		var out []string
		for name := range was {
			out = append(out, unlike(t, at+"."+name, was[name], is[name])...)
		}
		return out
	}
	if !first.IsFullyKnown() {
		return nil // a collection, of which not all is known
	}
	return []string{fmt.Sprintf("%s was planned as %s and is %s", at, first, second)}
}

// What is unknown when it is planned may become null, or anything else, by the
// time of the apply.
func TestUnknownThatBecomesKnown(t *testing.T) {
	acctest.UseToken(t, "terraform", "demo")
	c := newClient(t, object{"pool": "vms"})
	g := groundFor(t, c)
	given := g.givenResources()
	for name, schema := range c.schema.ResourceSchemas {
		t.Run(name, func(t *testing.T) {
			c := c.within(t)
			var tried []string
			for _, arguments := range given[name] {
				config := value(t, c.resourceType(name), arguments)
				for _, a := range argumentsOf(t, schema.Block, config) {
					if a.is.IsNull() || slices.Contains(tried, a.name) || strings.HasPrefix(a.name, "timeouts") {
						continue
					}
					tried = append(tried, a.name)
					for _, f := range c.again(name, instance{}, config, a) {
						t.Errorf("%s: %s", a.name, f)
					}
				}
			}
		})
	}
}

// simple tells what is tried with what is there already: what is missing in some
// way. All else is refused whatever is there.
func (o odd) simple() bool {
	for _, s := range []string{"null", "unknown", `""`, "none", "-1", "0", "true", "false", "[null]", "[…", `{ "`} {
		if o.what == s || strings.HasPrefix(o.what, s) && len(s) == 3 && strings.Contains(o.what, "null") {
			return true
		}
	}
	return false
}

// With a prior state the same holds as without one: refused in our own words, or
// planned as Terraform wants it; and what is taken is applied with nothing left to
// do.
func TestOddInputsOfUpdates(t *testing.T) {
	acctest.UseToken(t, "terraform", "demo")
	c := newClient(t, object{"pool": "vms"})
	g := groundFor(t, c)
	for name, arguments := range g.cheap() {
		t.Run(name, func(t *testing.T) {
			c := c.within(t)
			config := value(t, c.resourceType(name), arguments)
			made := c.refreshed(name, c.apply(name, instance{}, arguments))
			current := &made
			c.destroyLast(name, current)
			c.settled(name, made, config, "what is right")
			applied := 0
			for _, a := range argumentsOf(t, c.schema.ResourceSchemas[name].Block, config) {
				if a.is.IsNull() || strings.HasPrefix(a.name, "timeouts") {
					continue
				}
				for _, f := range c.again(name, *current, config, a) {
					t.Errorf("%s: %s", a.name, f)
				}
				for _, o := range oddities(t, a.is.Type(), a.is) {
					if !o.simple() {
						continue
					}
					odd := a.with(t, config, o.v)
					got := c.try(name, *current, odd)
					for _, f := range got.faults {
						t.Errorf("%s = %s: %s", a.name, o.what, f)
					}
					if got.refused != "" || len(got.replaced) > 0 || !odd.IsFullyKnown() {
						continue
					}
					*current = c.update(name, *current, odd, got)
					applied++
					c.settled(name, *current, odd, a.name+" = "+o.what)
					back := c.try(name, *current, config)
					if back.refused != "" || len(back.replaced) > 0 {
						t.Fatalf("no way back from %s = %s: %s", a.name, o.what, errorsOf(back.diags))
					}
					*current = c.update(name, *current, config, back)
				}
			}
			t.Logf("%d odd updates were applied", applied)
		})
	}
}

// update applies a plan.
func (c *client) update(name string, prior instance, config tftypes.Value, plan tried) instance {
	c.t.Helper()
	ty := c.resourceType(name)
	resp, err := c.server.ApplyResourceChange(c.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: name, Config: c.dynamic(ty, config), PlannedState: c.dynamic(ty, plan.planned), PlannedPrivate: plan.private,
		PriorState: c.dynamic(ty, prior.state), PlannedIdentity: c.identityData(name, prior.identity),
	})
	must(c.t, err)
	c.fine(resp.Diagnostics)
	got := instance{state: c.read(ty, resp.NewState), identity: c.readIdentity(name, resp.NewIdentity), private: resp.Private}
	for _, d := range unlike(c.t, "", plan.planned, got.state) {
		c.t.Errorf("inconsistent result after apply: %s", d)
	}
	return got
}

// settled fails the test where the next refresh or plan finds anything to do.
func (c *client) settled(name string, is instance, config tftypes.Value, what string) {
	c.t.Helper()
	got := c.refreshed(name, is)
	if d := differences(c.t, is.state, got.state); len(d) > 0 {
		c.t.Errorf("%s: a refresh changes %s", what, d)
	}
	next := c.try(name, got, config)
	if next.refused != "" || len(next.replaced) > 0 {
		c.t.Errorf("%s: planned again: %q %s %s", what, next.refused, errorsOf(next.diags), next.replaced)
		return
	}
	if d := differences(c.t, next.planned, got.state); len(d) > 0 {
		c.t.Errorf("%s: planned again, it changes %s", what, d)
	}
}

// destroyLast destroys at the end of the test what there is then.
func (c *client) destroyLast(name string, last *instance) {
	c.t.Helper()
	c.t.Cleanup(func() { c.destroyNow(name, *last) })
}
