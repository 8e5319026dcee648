// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// examplePool is the example as it stands, but for the names and paths of the lab.
func (s sites) examplePool() string {
	s.t.Helper()
	text, err := os.ReadFile("../../examples/mirrored-pool/main.tf")
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.NewReplacer(
		"/etc/ceph/dc1.conf", s.conf["dc1"], "4b5c8c0a-ff60-454b-a1b4-9747aa737d19", s.fsid["dc1"],
		"/etc/ceph/dc2.conf", s.conf["dc2"], "8d1f6f1e-2c4c-4d33-93a7-6c2f6e1c0a52", s.fsid["dc2"],
		`"mirror"`, `"`+s.pool+`"`, "10GiB", "8MiB",
	).Replace(string(text))
}

func (s sites) mirrors(site string) string {
	s.t.Helper()
	return s.rbd(site, "mirror", "pool", "info", s.pool)
}

// tokens are the token of each site, and the key that is in both.
func (s sites) tokens() (out []string) {
	s.t.Helper()
	for site := range s.conf {
		token := s.rbd(site, "mirror", "pool", "peer", "bootstrap", "create", s.pool)
		var is struct{ Key string }
		raw, err := base64.StdEncoding.DecodeString(token)
		if err != nil || json.Unmarshal(raw, &is) != nil || is.Key == "" {
			s.t.Fatalf("%s has no token: %v", site, err)
		}
		out = append(out, token, is.Key)
	}
	return out
}

// hides fails the test where any of the secrets is in a file of the module, or in a plan.
func (m *module) hides(secrets []string, files ...string) {
	m.t.Helper()
	look := func(name string, b []byte) {
		text := string(b)
		if !strings.HasSuffix(name, ".log") {
			text = inside(text)
		}
		for i, s := range secrets {
			if strings.Contains(text, s) {
				m.t.Errorf("secret %d is in %s", i, name)
			}
		}
	}
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join(m.dir, name))
		if err != nil || len(b) == 0 {
			m.t.Fatalf("%s: %v", name, err)
		}
		look(name, b)
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			continue // a state, a log
		}
		for _, f := range z.File {
			rc, err := f.Open()
			if err != nil {
				m.t.Fatal(err)
			}
			b, err := io.ReadAll(rc)
			if err != nil {
				m.t.Fatal(err)
			}
			look(name+": "+f.Name, b)
		}
	}
}

// One apply enables the mirroring of a pool in two clusters, makes these peers of each
// other, and mirrors an image; one destroy takes all of it back. The token is nowhere.
func TestMirroredPool(t *testing.T) {
	t.Parallel()
	s := newSites(t, "mirrored", "debian-12")
	m := newModule(t, "")
	m.write(filepath.Join(m.dir, "main.tf"), s.examplePool())
	m.env = append(m.env, "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(m.dir, "trace.log"))
	m.do("plan", "-out=first", "-no-color")
	said := m.do("apply", "-no-color", "first")
	for site, other := range map[string]string{"dc1": "dc2", "dc2": "dc1"} {
		if is := s.mirrors(site); !strings.Contains(is, "Mode: image") || !strings.Contains(is, "Site Name: "+site) || !strings.Contains(is, "Name: "+other) || !strings.Contains(is, "rx-tx") {
			t.Errorf("%s: %s", site, is)
		}
	}
	if !s.primary("dc1") || s.primary("dc2") {
		t.Error("dc1 is not the primary")
	}
	m.do("plan", "-out=second", "-detailed-exitcode", "-no-color")
	secrets := s.tokens()
	m.hides(secrets, "first", "second", "terraform.tfstate", "trace.log")

	// what somebody has removed is there again
	peer := s.peer("dc2")
	s.rbd("dc2", "mirror", "pool", "peer", "remove", s.pool, peer)
	if shown := m.do("plan", "-out=third", "-no-color"); !strings.Contains(shown, "rbd_mirror_pool.dc2 will be updated in-place") {
		t.Errorf("no drift: %s", shown)
	}
	said += m.do("apply", "-no-color", "third")
	if s.peer("dc2") == peer {
		t.Error("the peer was not removed")
	}
	m.empty()
	for _, secret := range secrets {
		if strings.Contains(said, secret) {
			t.Error("the token is shown")
		}
	}

	// a peer is not taken from an image that is copied from it
	m.write(filepath.Join(m.dir, "main.tf"), withoutPeer(s.examplePool()))
	if shown := m.fails("plan", "-no-color"); !strings.Contains(shown, "mages of the pool are copied from its peer") {
		t.Errorf("the peer of a secondary: %s", shown)
	}
	m.write(filepath.Join(m.dir, "main.tf"), s.examplePool())

	m.destroy()
	m.hides(secrets, "terraform.tfstate", "trace.log")
	for site := range s.conf {
		if is := s.mirrors(site); !strings.Contains(is, "Mode: disabled") {
			t.Errorf("%s still mirrors: %s", site, is)
		}
		if left, _ := acctest.RBDIn(s.env[site], "ls", s.pool); left != "" {
			t.Errorf("left at %s: %s", site, left)
		}
	}
}

// withoutPeer takes the argument peer out of a configuration.
func withoutPeer(config string) string {
	before, after, _ := strings.Cut(config, "  peer = {")
	_, after, _ = strings.Cut(after, "  }\n")
	return before + after
}
