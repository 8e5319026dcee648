// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func image(name string, more ...string) string {
	return fmt.Sprintf("resource \"rbd_image\" \"test\" {\n  name = %q\n  %s\n}\n", name, strings.Join(more, "\n  "))
}

// A name that another state's image has is refused when the plan is made, but not
// when what the state has is destroyed, nor is that of a tainted one.
func TestNameOfAnotherState(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	ours := newModule(t, providertest.Provider()+image(name, `size = "8MiB"`))
	ours.apply()
	ours.empty()
	other := strings.ReplaceAll(image(name+"-2", `size = "8MiB"`), `"test"`, `"other"`)
	theirs := newModule(t, providertest.Provider()+other)
	theirs.apply()

	theirs.configure(providertest.Provider() + other + image(name, `size = "8MiB"`))
	r := theirs.start("plan", "-no-color")
	if err := <-r.end; err == nil || !strings.Contains(r.out.String(), "name is already taken") {
		t.Errorf("%v: %s", err, r.out.String())
	}
	// Nor does it keep the state from what it has.
	theirs.destroy()
	ours.empty()
	ours.do("taint", "rbd_image.test")
	ours.apply()
	ours.destroy()
	theirs.apply() // now it is free
	theirs.destroy()
}

// parent makes an image of this many MiB of data, with a protected snapshot.
func parent(t *testing.T, name string, mib int) string {
	t.Helper()
	acctest.RBD(t, "create", "--size", fmt.Sprintf("%dM", mib), "vms/"+name)
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "4M", "--io-total", fmt.Sprintf("%dM", mib), "vms/"+name)
	acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"@s")
	acctest.RBD(t, "snap", "protect", "vms/"+name+"@s")
	return "vms/" + name + "@s"
}

func exists(t *testing.T, name string) func() bool {
	return func() bool {
		for _, n := range acctest.Images(t, "vms", name) {
			if n == name {
				return true
			}
		}
		return false
	}
}

// A clone that is cut off is finished by the next apply, wherever it was.
func TestKilledClone(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	snapshot := parent(t, name+"-parent", 8)
	for stage, at := range map[string]string{
		"temporary name": rbd.PendingName(name),
		"own name":       name, // and maybe not yet in the state
	} {
		t.Run(stage, func(t *testing.T) {
			m := newModule(t, slow+image(name, fmt.Sprintf("parent = %q", snapshot), `size = "16MiB"`, `metadata = { team = "web" }`))
			r := m.start("apply", "-auto-approve", "-no-color")
			m.when(r, stage, exists(t, at))
			m.kill(r)
			m.apply()
			m.empty()
			if left := acctest.Images(t, "vms", rbd.PendingName(name)); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if out := acctest.RBD(t, "info", "vms/"+name); !strings.Contains(out, "parent: "+snapshot) || !strings.Contains(out, "size 16 MiB") {
				t.Error(out)
			}
			m.destroy()
		})
	}
}

// Ctrl-C ends the manager's task too; what it has copied is not lost.
func TestInterruptedFlatten(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	snapshot := parent(t, name+"-parent", 1024)
	clone := func(flatten string) string {
		return providertest.Provider() + image(name, fmt.Sprintf("parent = %q", snapshot), "flatten = "+flatten)
	}
	tasks := func() bool {
		return acctest.TakesTasks(t) && strings.Contains(acctest.Admin(t, "ceph", "rbd", "task", "list"), name)
	}
	begun := tasks
	if !acctest.TakesTasks(t) { // the provider does it, and has the image open
		begun = func() bool { return strings.Contains(acctest.RBD(t, "status", "vms/"+name), "watcher=") }
	}
	m := newModule(t, clone("false"))
	m.apply()
	m.configure(clone("true"))
	r := m.start("apply", "-auto-approve", "-no-color")
	m.when(r, "the flatten began", begun)
	out := m.interrupt(r)
	if tasks() || strings.Contains(out, "cancel task") {
		t.Errorf("the task goes on: %s", out)
	}
	if info := acctest.RBD(t, "info", "vms/"+name); !strings.Contains(info, "parent") {
		t.Errorf("it was not interrupted: %s", out)
	}
	m.apply()
	m.empty()
	if info := acctest.RBD(t, "info", "vms/"+name); strings.Contains(info, "parent") {
		t.Error(info)
	}
	m.destroy()
}
