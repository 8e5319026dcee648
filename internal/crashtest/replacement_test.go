// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// chain is a snapshot and its registration, either of which may be replaced
// before the old one is destroyed.
func chain(name, snapshot, snapshotFirst, registrationFirst string) string {
	first := func(yes string) string {
		return "lifecycle {\n    create_before_destroy = " + yes + "\n  }"
	}
	return fmt.Sprintf(`
resource "rbd_snapshot" "test" {
  image     = "images/%[1]s"
  name      = %[2]q
  protected = true
  %[3]s
}
resource "rbd_glance_image_location" "test" {
  snapshot = rbd_snapshot.test.spec
  name     = %[1]q
  %[4]s
}
`, name, snapshot, first(snapshotFirst), first(registrationFirst))
}

// Whichever of the old and the new one comes first, a replacement works, or
// changes nothing of what stays and says what to do.
func TestReplacementInEitherOrder(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	acctest.RBD(t, "create", "--size", "8M", "images/"+name)
	m := newModule(t, chain(name, "a", "false", "false"))
	m.apply()
	for n, order := range [][2]string{{"true", "false"}, {"true", "true"}, {"false", "false"}} {
		m.configure(chain(name, fmt.Sprint("b", n), order[0], order[1]))
		m.apply()
		m.empty()
	}
	// The name stays: the old one must go first, and else another name is the way.
	m.do("apply", "-auto-approve", "-no-color", "-replace=rbd_snapshot.test")
	m.empty()
	m.configure(chain(name, "b2", "true", "true"))
	m.apply()
	before := snapshots(t, name)
	r := m.start("apply", "-auto-approve", "-no-color", "-replace=rbd_snapshot.test")
	err := <-r.end
	if said := strings.Join(strings.Fields(r.out.String()), " "); err == nil || !strings.Contains(said, "let the name change with the content") {
		t.Errorf("the apply does not say what to do: %v\n%s", err, r.out.String())
	}
	if after := snapshots(t, name); after != before {
		t.Errorf("there was\n%s\nand now\n%s", before, after)
	}
	m.configure(chain(name, "b3", "true", "true"))
	m.apply()
	m.empty()
	m.destroy()
}

func snapshots(t *testing.T, name string) string {
	t.Helper()
	return acctest.RBD(t, "snap", "ls", "images/"+name)
}
