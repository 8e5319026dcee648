// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// The configuration that is generated for an imported image of Glance is valid,
// and plans nothing.
func TestProtocolGeneratedLocation(t *testing.T) {
	c := newClient(t, nil)
	const kind = "rbd_glance_image_location"
	name := providertest.Name(t)
	spec := "images/" + name
	acctest.RBD(t, "create", "--size", "8M", spec)
	acctest.RBD(t, "snap", "create", "--no-progress", spec+"@s")
	acctest.RBD(t, "snap", "protect", spec+"@s")
	for what, more := range map[string]object{
		"guard": {},
		"alias": {"protection": "alias"},
		"hash":  {"hash": "once"},
		"off":   {"hash": "once", "properties": object{"os_type": "linux"}, "tags": []any{"a"}},
	} {
		t.Run(what, func(t *testing.T) {
			c := *c
			c.t = t
			arguments := object{"snapshot": spec + "@s", "name": name}
			for k, v := range more {
				arguments[k] = v
			}
			made := c.apply(kind, instance{}, arguments)
			id := made.get(t, "image_id").(string)
			c.destroy(kind, made)
			if what == "off" { // the note about the hash, and all else, is lost
				acctest.RBD(t, "image-meta", "rm", spec, "terraform-provider-rbd.glance."+id)
			}
			got := c.imported(kind, id)
			planned := c.plan(kind, got, c.generated(kind, got.state))
			if d := differences(t, c.read(c.resourceType(kind), planned.PlannedState), got.state); len(d)+len(planned.RequiresReplace) > 0 {
				t.Errorf("it changes %s, replaces for %v", d, planned.RequiresReplace)
			}
		})
	}
}

// So is that of a boot check: the plan is to boot the snapshot, and no more.
func TestProtocolGeneratedBootCheck(t *testing.T) {
	c := newClient(t, nil)
	const kind = "rbd_guest_boot_check"
	spec := "images/" + providertest.Name(t)
	imagestest.Make(t, spec, "create", "--size", "8M")
	imagestest.Snapshot(t, spec+"@s", false)
	got := c.imported(kind, spec+"@s")
	if planned := c.plan(kind, got, c.generated(kind, got.state)); len(planned.RequiresReplace) > 0 {
		t.Errorf("it replaces for %v", planned.RequiresReplace)
	}
}
