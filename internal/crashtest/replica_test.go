// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func replica(name, snapshot string) string {
	return fmt.Sprintf("resource \"rbd_image_replica\" \"test\" {\n  name = %q\n  source = {\n    snapshot = %q\n  }\n}\n", name, snapshot)
}

func checksum(t *testing.T, spec string) string {
	t.Helper()
	out, err := exec.Command("rbd", "export", "--no-progress", spec, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d bytes, %x", len(out), sha256.Sum256(out))
}

func same(t *testing.T, specs ...string) {
	t.Helper()
	want := checksum(t, specs[0])
	for _, spec := range specs[1:] {
		if got := checksum(t, spec); got != want {
			t.Errorf("%s has %s, %s has %s", spec, got, specs[0], want)
		}
	}
}

// grow writes to the parent's image and takes another snapshot.
func grow(t *testing.T, image, snapshot string) {
	t.Helper()
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "1M", "--io-total", "64M", "--io-pattern", "rand", image)
	acctest.RBD(t, "snap", "create", "--no-progress", image+"@"+snapshot)
}

func TestKilledReplica(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	fast := providertest.Provider() // the same cluster, near
	first := parent(t, name+"-source", 128)
	source, copied := "vms/"+name+"-source", rbd.Spec{Pool: "vms", Image: name}
	c := rbd.NewCluster(rbd.Config{})
	begun := func() bool { // and has written
		d, err := c.Details(t.Context(), copied.WithImage(rbd.PendingName(name)), rbd.ReadUsed)
		return err == nil && d.UsedBytes > 0
	}
	writing := func() bool {
		img, err := c.Image(t.Context(), copied)
		r, _ := img.Replica()
		return err == nil && r.Writing != 0
	}

	// in the first copy: Ctrl-C leaves nothing, SIGKILL no more than the
	// temporary image
	m := newModule(t, slow+replica(name, first))
	r := m.start("apply", "-auto-approve", "-no-color")
	m.when(r, "it was copying", begun)
	m.interrupt(r)
	if got := acctest.Images(t, "vms", rbd.PendingName(name)); len(got) > 0 {
		t.Errorf("left after Ctrl-C: %v", got)
	}
	r = m.start("apply", "-auto-approve", "-no-color")
	m.when(r, "it was copying", begun)
	m.kill(r)
	m.configure(fast + replica(name, first))
	m.apply()
	same(t, first, "vms/"+name+"@s", "vms/"+name)
	m.empty()
	if got := acctest.Images(t, "vms", rbd.PendingName(name)); len(got) > 0 {
		t.Errorf("left after the next apply: %v", got)
	}

	// in a later one: done again
	grow(t, source, "t")
	m.configure(slow + replica(name, source+"@t"))
	r = m.start("apply", "-auto-approve", "-no-color")
	m.when(r, "it was copying what has changed", writing)
	m.kill(r)
	same(t, first, "vms/"+name+"@s")
	m.configure(fast + replica(name, source+"@t"))
	m.apply()
	same(t, source+"@t", "vms/"+name+"@t", "vms/"+name)
	m.empty()

	// in a later one, by Ctrl-C: not wanted any more, and then wanted again
	grow(t, source, "u")
	m.configure(slow + replica(name, source+"@u"))
	r = m.start("apply", "-auto-approve", "-no-color")
	m.when(r, "it was copying what has changed", writing)
	m.interrupt(r)
	if !writing() {
		t.Error("the copy was finished in spite of the Ctrl-C")
	}
	same(t, source+"@t", "vms/"+name+"@t")
	m.configure(fast + replica(name, source+"@t"))
	m.apply()
	same(t, source+"@t", "vms/"+name+"@t", "vms/"+name)
	m.empty()
	m.configure(fast + replica(name, source+"@u"))
	m.apply()
	same(t, source+"@u", "vms/"+name+"@u", "vms/"+name)
	m.empty()
	m.destroy()
	if got := acctest.Images(t, "vms", name); len(got) != 1 {
		t.Errorf("destroy has left %v besides the source", got)
	}
}

// A source that can't be reached is an error only where something is to be copied.
func TestReplicaOfAnUnreachableSource(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	first := parent(t, name+"-source", 8)
	conf, err := os.ReadFile(os.Getenv("CEPH_CONF"))
	if err != nil {
		t.Fatal(err)
	}
	m := newModule(t, "")
	own := filepath.Join(m.dir, "source.conf")
	m.write(own, string(conf))
	config := func(snapshot string) string {
		return providertest.Provider() + strings.Replace(replica(name, snapshot), "snapshot =", fmt.Sprintf("conf_file = %q\n    snapshot =", own), 1)
	}
	m.configure(config(first))
	m.apply()
	m.write(own, "[global]\nmon_host = v2:127.0.0.1:1\nauth_client_required = none\n")
	m.empty()
	m.configure(config(strings.Replace(first, "@s", "@t", 1)))
	r := m.start("plan", "-no-color")
	if err := <-r.end; err == nil || !strings.Contains(r.out.String(), "could not be reached") {
		t.Errorf("%v: %s", err, r.out.String())
	}
	m.write(own, string(conf))
	m.configure(config(first))
	m.destroy()
}

// Into another cluster, through an alias of the provider, of what is copied in the
// same run: a chain over data centers.
func TestReplicaChain(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	dc2 := acctest.RequireSecond(t)
	first := parent(t, name+"-source", 8)
	config := func(snapshot string) string {
		return providertest.Provider() + fmt.Sprintf(`
provider "rbd" {
  alias = "dc2"
  ceph = {
    pool      = "vms"
    conf_file = %q
    fsid      = %q
  }
}
`, dc2.Conf, dc2.FSID) + strings.Replace(replica(name, snapshot), "source =", "keep_snapshots = 2\n  source =", 1) + fmt.Sprintf(`
resource "rbd_image_replica" "far" {
  provider = rbd.dc2
  name     = %q
  source = {
    snapshot  = rbd_image_replica.test.snapshot
    conf_file = %q
    fsid      = %q
  }
}
`, name, os.Getenv("CEPH_CONF"), acctest.FSID(t))
	}
	far := func(want string) {
		t.Helper()
		cmd := exec.Command("rbd", "export", "--no-progress", "vms/"+name, "-")
		cmd.Env = append(os.Environ(), dc2.Env...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d bytes, %x", len(out), sha256.Sum256(out)); got != want {
			t.Errorf("the other cluster has %s, the source has %s", got, want)
		}
	}
	m := newModule(t, config(first))
	m.apply()
	same(t, first, "vms/"+name)
	far(checksum(t, first))
	m.empty()
	source := "vms/" + name + "-source"
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "4K", "--io-total", "64K", "--io-pattern", "rand", source)
	acctest.RBD(t, "snap", "create", "--no-progress", source+"@t")
	m.configure(config(source + "@t"))
	if out := m.do("apply", "-auto-approve", "-no-color"); !strings.Contains(out, "0 added, 2 changed, 0 destroyed") {
		t.Error(out)
	}
	same(t, source+"@t", "vms/"+name+"@t", "vms/"+name)
	far(checksum(t, source+"@t"))
	m.empty()
	m.destroy()
}
