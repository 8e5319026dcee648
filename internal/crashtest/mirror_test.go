// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// sites is an image that is mirrored between the two clusters of the lab.
type sites struct {
	t    *testing.T
	pool string // of the test's own, whose peers it may part
	spec string
	env  map[string][]string
	conf map[string]string
	fsid map[string]string
}

// newSites makes the pool in both clusters.
func newSites(t *testing.T, pool, image string) sites {
	t.Helper()
	dc2 := acctest.RequireMirror(t)
	pool = fmt.Sprintf("%s-%d", pool, os.Getpid())
	s := sites{
		t: t, pool: pool, spec: pool + "/" + image,
		env:  map[string][]string{"dc1": {"CEPH_ARGS=--id admin"}, "dc2": append(slices.Clone(dc2.Env), "CEPH_ARGS=--id admin")},
		conf: map[string]string{"dc1": os.Getenv("CEPH_CONF"), "dc2": dc2.Conf},
		fsid: map[string]string{"dc1": acctest.FSID(t), "dc2": dc2.FSID},
	}
	s.makePool()
	return s
}

// provider is the configuration of a site; one whose cluster is gone has a monitor
// that nobody is at.
func (s sites) provider(site string, gone bool) string {
	monitors := ""
	if gone {
		monitors = "    monitors        = [\"127.0.0.1:1\"]\n    connect_timeout = \"1s\"\n"
	}
	return fmt.Sprintf("provider \"rbd\" {\n  alias = %q\n  ceph = {\n    pool      = %q\n    conf_file = %q\n    fsid      = %q\n    user      = \"admin\"\n%s  }\n}\n",
		site, s.pool, s.conf[site], s.fsid[site], monitors)
}

func (s sites) mirror(site string, more ...string) string {
	return fmt.Sprintf("resource \"rbd_image_mirror\" %q {\n  provider = rbd.%s\n  image    = %q\n  %s\n}\n", site, site, s.spec, strings.Join(more, "\n  "))
}

// both is the configuration while both clusters are there.
func (s sites) both(one, two string) string {
	return s.provider("dc1", false) + s.provider("dc2", false) + s.mirror("dc1", one) + s.mirror("dc2", two)
}

func (s sites) rbd(site string, args ...string) string {
	s.t.Helper()
	out, err := acctest.RBDIn(s.env[site], args...)
	if err != nil {
		s.t.Fatalf("rbd %s at %s: %v\n%s", strings.Join(args, " "), site, err, out)
	}
	return out
}

func (s sites) ceph(site string, args ...string) {
	s.t.Helper()
	cmd := exec.Command("ceph", args...)
	cmd.Env = append(os.Environ(), s.env[site]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("ceph %s at %s: %v\n%s", strings.Join(args, " "), site, err, out)
	}
}

func (s sites) makePool() {
	s.t.Helper()
	for site := range s.conf {
		s.ceph(site, "osd", "pool", "create", s.pool, "1")
		s.t.Cleanup(func() { s.ceph(site, "osd", "pool", "rm", s.pool, s.pool, "--yes-i-really-really-mean-it") })
		s.rbd(site, "pool", "init", s.pool)
	}
}

// join makes the clusters peers of each other.
func (s sites) join() {
	s.t.Helper()
	for site := range s.conf {
		s.rbd(site, "mirror", "pool", "enable", s.pool, "image")
	}
	token := filepath.Join(s.t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(s.rbd("dc1", "mirror", "pool", "peer", "bootstrap", "create", s.pool)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.rbd("dc2", "mirror", "pool", "peer", "bootstrap", "import", "--direction", "rx-tx", s.pool, token)
	for site := range s.conf {
		peer := s.peer(site)
		// A pool that is removed leaves the peer's key with the monitors.
		s.t.Cleanup(func() { s.rbd(site, "mirror", "pool", "peer", "remove", s.pool, peer) })
	}
}

// part keeps the rbd-mirror of dc1 from reporting to dc2, until rejoin is called.
func (s sites) part() (rejoin func()) {
	s.t.Helper()
	peer := s.peer("dc1")
	s.rbd("dc1", "mirror", "pool", "peer", "set", s.pool, peer, "direction", "tx-only")
	acctest.Await(s.t, "dc2 hears no more of dc1", func() bool {
		return !strings.Contains(s.rbd("dc2", "mirror", "image", "status", s.spec), "state: up+stopped")
	})
	return func() { s.rbd("dc1", "mirror", "pool", "peer", "set", s.pool, peer, "direction", "rx-tx") }
}

// peer is the id of the peer of a site.
func (s sites) peer(site string) string {
	s.t.Helper()
	peer := regexp.MustCompile(`"uuid":"([^"]+)"`).FindStringSubmatch(s.rbd(site, "mirror", "pool", "info", s.pool, "--format", "json"))
	if peer == nil {
		s.t.Fatalf("%s has no peer", site)
	}
	return peer[1]
}

func (s sites) write(site string) {
	s.t.Helper()
	s.rbd(site, "bench", "--io-type", "write", "--io-size", "256K", "--io-total", "2M", "--io-pattern", "rand", s.spec)
}

func (s sites) checksum(site string) string {
	s.t.Helper()
	cmd := exec.Command("rbd", "export", "--no-progress", s.spec, "-")
	cmd.Env = append(os.Environ(), s.env[site]...)
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("%d bytes, %x", len(out), sha256.Sum256(out))
}

func (s sites) primary(site string) bool {
	s.t.Helper()
	return strings.Contains(s.rbd(site, "info", s.spec), "mirroring primary: true")
}

func (s sites) expect(what, site, want string) {
	s.t.Helper()
	if got := s.checksum(site); got != want {
		s.t.Errorf("%s: %s has %s, want %s", what, site, got, want)
	}
}

// An image is mirrored to the second cluster; moves there and back by one apply each;
// is promoted there by force when the first cluster is gone, and, when that is back,
// demoted and copied anew in it. Nothing is lost that had arrived.
func TestMirrorFailover(t *testing.T) {
	t.Parallel()
	s := newSites(t, "mirror", "golden")
	s.join()
	s.rbd("dc1", "create", "--size", "16M", s.spec)
	const yes, no = "primary = true", "primary = false"
	s.write("dc1")
	first := s.checksum("dc1")
	m := newModule(t, s.both(yes, no))
	m.apply() // the secondary is not there before
	m.empty()
	s.expect("after the first copy", "dc2", first)
	acctest.Await(t, "each site has reported to the other", func() bool {
		return strings.Contains(s.rbd("dc1", "mirror", "image", "status", s.spec), "up+replaying") &&
			strings.Contains(s.rbd("dc2", "mirror", "image", "status", s.spec), "local image is primary")
	})

	// a second primary is refused while the first is up, and nothing is changed
	m.configure(s.both(yes, yes+"\n  force = true"))
	if said := m.fails("plan", "-no-color"); !strings.Contains(said, "primary at a site that is up") {
		t.Errorf("two primaries: %s", said)
	}
	s.write("dc1")
	second := s.checksum("dc1")
	m.configure(s.both(no, yes))
	m.apply()
	m.empty()
	s.expect("after the failover", "dc2", second)
	if s.primary("dc1") || !s.primary("dc2") {
		t.Error("dc2 has not become the primary")
	}
	m.configure(s.both(yes, no))
	m.apply()
	s.expect("after the failback", "dc1", second)

	// dc1 is gone: nobody hears of it any more
	rejoin := s.part()
	m.configure(s.provider("dc1", true) + s.provider("dc2", false) + s.mirror("dc1", yes) + s.mirror("dc2", yes, "force = true"))
	if said := m.fails("plan", "-no-color", "-target=rbd_image_mirror.dc1"); !strings.Contains(said, "could not be reached") {
		t.Errorf("dc1 answers: %s", said)
	}
	m.do("apply", "-auto-approve", "-no-color", "-target=rbd_image_mirror.dc2")
	s.expect("after the loss of dc1", "dc2", second)
	s.write("dc2")
	third := s.checksum("dc2")
	s.write("dc1") // by somebody who has not heard

	// dc1 is back: one apply demotes it, and copies it anew
	rejoin()
	m.configure(s.both(no+"\n  resync = \"after the loss of dc1\"", yes))
	m.apply()
	m.empty()
	if s.primary("dc1") || !s.primary("dc2") {
		t.Error("dc2 is not the primary")
	}
	s.rbd("dc2", "mirror", "image", "snapshot", s.spec)
	acctest.Await(t, "dc1 has what dc2 has", func() bool { return s.checksum("dc1") == third })
	s.expect("at the end", "dc2", third)
	m.destroy()
	if out := s.rbd("dc2", "info", s.spec); strings.Contains(out, "mirroring state: enabled") {
		t.Errorf("still mirrored: %s", out)
	}
}
