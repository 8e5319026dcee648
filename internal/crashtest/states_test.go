// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// refused runs a command that must fail since another state has the names, or
// had them when it was cut off, and change nothing.
func (m *module) refused(args ...string) {
	m.t.Helper()
	r := m.start(append(args, "-no-color")...)
	if err := <-r.end; err == nil || !strings.Contains(r.out.String(), "name is already taken") {
		m.t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, r.out.String())
	}
}

// ids are the RBD image ids of the test's images, and what snapshots they have.
func ids(t *testing.T, name string) string {
	t.Helper()
	c := rbd.NewCluster(rbd.Config{})
	var out []string
	for _, n := range acctest.Images(t, "vms", name) {
		img, err := c.Image(t.Context(), rbd.Spec{Pool: "vms", Image: n})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(n, img.ID, img.Snapshots))
	}
	all, err := c.Namespaces(t.Context(), "vms")
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, fmt.Sprint("namespace ", slices.Contains(all, name)))
	return strings.Join(out, "\n")
}

// Two folders with the same configuration are two states. What one has, and what
// its run had made when it was killed, the other neither takes nor removes.
func TestTwoStates(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	config := slow + conversion(name, source(t, 128)) +
		strings.ReplaceAll(image(name+"-empty", `size = "8MiB"`), `"test"`, `"empty"`) +
		"resource \"rbd_namespace\" \"test\" {\n  name = \"" + name + "\"\n}\n" +
		"resource \"rbd_snapshot\" \"empty\" {\n  image = rbd_image.empty.spec\n  name = \"golden\"\n}\n"
	t.Cleanup(func() { _, _ = acctest.TryRBD(t, "namespace", "rm", "vms/"+name) })
	ours, theirs := newModule(t, config), newModule(t, config)
	untouched := func(by *module, when string) {
		t.Helper()
		before := ids(t, name)
		by.refused("plan")
		by.refused("apply", "-auto-approve")
		by.destroy() // of a state that has nothing
		if after := ids(t, name); after != before {
			t.Errorf("%s there was\n%s\nand the other state left\n%s", when, before, after)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	r := ours.start("apply", "-auto-approve", "-no-color")
	ours.when(r, "an image was made", exists(t, name+"-empty"))
	ours.when(r, "a namespace was made", func() bool { return strings.Contains(ids(t, name), "namespace true") })
	ours.kill(r)
	noProcess(ctx, t, "qemu-img", "convert", rbd.PendingName(name))
	untouched(theirs, "after a kill")

	plan := ours.do("plan", "-no-color")
	if !strings.Contains(plan, "nfinished") {
		t.Errorf("the plan does not say that it goes on with an unfinished run:\n%s", plan)
	}
	ours.apply()
	ours.empty()
	untouched(theirs, "after an apply")
	ours.empty()
	ours.destroy()

	theirs.apply()
	theirs.empty()
	untouched(ours, "after the other's apply")
	theirs.empty()
	theirs.destroy()
	if left := ids(t, name); left != "namespace false" {
		t.Errorf("left: %v", left)
	}
}
