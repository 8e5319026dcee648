// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

var (
	orderSeed  = flag.Uint64("order.seed", 0, "TestTwoStatesInAnyOrder: the seed of the order; 0 takes another one each time")
	orderSteps = flag.Int("order.steps", 6, "TestTwoStatesInAnyOrder: how many commands")
	orderEach  = flag.Int("order.each", 2, "TestTwoStatesInAnyOrder: how many resources of each type")
)

// everyType is a configuration with so many resources of each type that makes
// something under a name. The golden image and its snapshot are of neither state.
func everyType(t *testing.T, name, exports string, each int) string {
	t.Helper()
	acctest.RBD(t, "create", "--size", "8M", "images/"+name+"-golden")
	acctest.RBD(t, "snap", "create", "--no-progress", "images/"+name+"-golden@s")
	acctest.RBD(t, "snap", "protect", "images/"+name+"-golden@s")
	return providertest.Provider() + strings.NewReplacer("NAME", name, "EACH", fmt.Sprint(each), "DIR", exports, "QCOW2", source(t, 4)).Replace(`
resource "rbd_namespace" "test" {
  count = EACH
  name  = "NAME-${count.index}"
}

resource "rbd_image" "test" {
  count = EACH
  pool  = "images"
  name  = "NAME-image-${count.index}"
  size  = "8MiB"
}

resource "rbd_snapshot" "test" {
  count = EACH
  image = rbd_image.test[count.index].spec
  name  = "golden"
}

resource "rbd_image" "clone" {
  count  = EACH
  name   = "NAME-clone-${count.index}"
  parent = rbd_snapshot.test[count.index].spec
}

resource "rbd_glance_image_location" "test" {
  count    = EACH
  snapshot = rbd_snapshot.test[count.index].spec
  name     = "NAME-${count.index}"
}

resource "rbd_snapshot" "shared" {
  count = EACH
  image = "images/NAME-golden"
  name  = "shared-${count.index}"
}

resource "rbd_glance_image_location" "shared" {
  count    = EACH
  snapshot = "images/NAME-golden@s"
  name     = "NAME-shared-${count.index}"
}

resource "rbd_image_conversion" "test" {
  count = EACH
  name  = "NAME-conversion-${count.index}"

  source = {
    file   = "QCOW2"
    format = "qcow2"
  }
}

resource "rbd_image_replica" "test" {
  count = EACH
  name  = "NAME-replica-${count.index}"

  source = {
    snapshot = "images/NAME-golden@s"
  }
}

resource "rbd_image_export" "test" {
  count    = EACH
  snapshot = "images/NAME-golden@s"
  file     = "DIR/disk-${count.index}"
  format   = "raw"
}
`)
}

// inOrder is what two states do with the same names, one command after the other.
type inOrder struct {
	t      *testing.T
	name   string
	states []*module
	// exports is the folder that both export to.
	exports string
	// owner says which state's command has made a thing; those that were there
	// before have none.
	owner  map[string]*module
	things world
	log    []string
}

// by runs a command of one state, and expects all that is not its own to be as
// it was.
func (o *inOrder) by(m *module, what string, command func() string) {
	o.t.Helper()
	out := command()
	noProcess(o.t.Context(), o.t, o.name, "qemu-img")
	what = fmt.Sprintf("%s of state %d", what, slices.Index(o.states, m))
	o.log = append(o.log, what)
	for _, never := range []string{"panic:", "inconsistent result", "Value Conversion Error", "invalid plan", "a bug in the provider"} {
		if strings.Contains(out, never) {
			o.t.Errorf("%s:\n%s", what, out)
		}
	}
	now := see(o.t, o.name, o.exports)
	for key, was := range o.things {
		switch is, there := now[key]; {
		case !there && o.owner[key] == m:
			delete(o.owner, key)
		case is != was && o.owner[key] != m && !nobodys(was):
			o.t.Errorf("%s made of another's %s\n%s\nthis:\n%s\nIt said:\n%s", what, key, was, is, out)
		}
	}
	for key := range now {
		if _, there := o.things[key]; !there {
			o.owner[key] = m
		}
	}
	o.things = now
}

// nobodys says that an image was cut off before it had anything, a label too: whoever
// wants its place removes it.
func nobodys(image string) bool { return strings.HasSuffix(image, ".tfpending 0 <nil> <nil>") }

// run runs a command to its end, as it may.
func (m *module) run(args ...string) (out string, ok bool) {
	r := m.start(append(args, "-no-color")...)
	err := <-r.end
	return r.out.String(), err == nil
}

// cut kills a command after a while, unless it has ended.
func (m *module) cut(after time.Duration, args ...string) string {
	r := m.start(append(args, "-no-color")...)
	select {
	case <-r.end:
	case <-time.After(after):
		m.kill(r)
	}
	return r.out.String()
}

// step runs any command of any state.
func (o *inOrder) step(random *rand.Rand) {
	m := o.states[random.IntN(len(o.states))]
	after := time.Duration(random.IntN(3000)) * time.Millisecond
	switch random.IntN(6) {
	case 0, 1:
		o.by(m, "apply", func() string { out, _ := m.run("apply", "-auto-approve"); return out })
	case 2, 3:
		o.by(m, fmt.Sprintf("apply, killed after %s,", after), func() string { return m.cut(after, "apply", "-auto-approve") })
	case 4:
		o.by(m, "refresh", func() string { out, _ := m.run("apply", "-refresh-only", "-auto-approve"); return out })
	case 5:
		o.by(m, fmt.Sprintf("destroy, killed after %s,", after), func() string { return m.cut(after, "destroy", "-auto-approve") })
	}
}

var (
	inError = regexp.MustCompile(`Error: [^\n]+(?:\n[^\n]+)*\n\n  with ([a-z_]+)\.([a-z]+)\[(\d+)\],`)
	// dependents are the resources that hang on one of the same index.
	dependents = map[string][]string{
		"rbd_image.test":    {"rbd_snapshot.test", "rbd_image.clone", "rbd_glance_image_location.test"},
		"rbd_snapshot.test": {"rbd_image.clone", "rbd_glance_image_location.test"},
	}
	every = []string{
		"rbd_namespace.test", "rbd_image.test", "rbd_snapshot.test", "rbd_image.clone", "rbd_glance_image_location.test", "rbd_snapshot.shared",
		"rbd_glance_image_location.shared", "rbd_image_conversion.test", "rbd_image_replica.test", "rbd_image_export.test",
	}
)

// finish applies what is not refused, so that nothing of a killed run is left
// but what the state has.
func (o *inOrder) finish(m *module, each int) {
	o.t.Helper()
	refused := map[string]bool{}
	for {
		args := []string{"apply", "-auto-approve"}
		for _, address := range every {
			for i := range each {
				if one := fmt.Sprintf("%s[%d]", address, i); !refused[one] {
					args = append(args, "-target="+one)
				}
			}
		}
		var out string
		var ok bool
		o.by(m, "the rest", func() string { out, ok = m.run(args...); return out })
		if ok || len(args) == 2 {
			return
		}
		more := false
		for _, with := range inError.FindAllStringSubmatch(out, -1) {
			address := with[1] + "." + with[2]
			for _, a := range append(dependents[address], address) {
				one := a + "[" + with[3] + "]"
				more = more || !refused[one]
				refused[one] = true
			}
		}
		if !more {
			o.t.Fatalf("it can't be finished:\n%v\n%s", args, out)
		}
	}
}

// Two states with the same configuration, in any order of commands, some of them
// killed: nothing that one has made is touched by the other, and each gets all of
// it once the other is gone.
func TestTwoStatesInAnyOrder(t *testing.T) {
	t.Parallel()
	seed := *orderSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	random := rand.New(rand.NewPCG(seed, 0))
	name := providertest.Name(t)
	exports := t.TempDir()
	config := everyType(t, name, exports, *orderEach)
	o := &inOrder{t: t, name: name, exports: exports, states: []*module{newModule(t, config), newModule(t, config)}, owner: map[string]*module{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("-order.seed=%d: %s", seed, strings.Join(o.log, "; "))
		}
		removeAll(context.WithoutCancel(t.Context()), t, name)
	})
	o.things = see(t, name, o.exports)
	before := len(o.things)
	for range *orderSteps {
		o.step(random)
	}
	first, second := o.states[0], o.states[1]
	o.finish(first, *orderEach)
	o.by(first, "destroy", func() string { first.destroy(); return "" })
	o.by(second, "apply", func() string { second.apply(); return "" })
	second.empty()
	o.by(second, "destroy", func() string { second.destroy(); return "" })
	if len(o.things) != before {
		t.Errorf("left: %v", o.things)
	}
}
