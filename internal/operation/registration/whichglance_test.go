// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
)

// connected is a client that reads this clouds.yaml.
func connected(t *testing.T, file string, cfg glance.Config) *glance.Client {
	t.Helper()
	was := os.Getenv("OS_CLIENT_CONFIG_FILE")
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	defer t.Setenv("OS_CLIENT_CONFIG_FILE", was)
	c := glance.New(cfg)
	if _, err := c.Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// secondRegion is the lab's cloud with one more region in Keystone's catalogue,
// whose Glance is at this address. It gives a clouds.yaml for it.
func secondRegion(t *testing.T, address string) (file string) {
	t.Helper()
	text, err := os.ReadFile(os.Getenv("OS_CLIENT_CONFIG_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	authURL := regexp.MustCompile(`auth_url: (\S+)`).FindSubmatch(text)[1]
	target, err := url.Parse(string(authURL))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	proxy.ModifyResponse = func(resp *http.Response) error {
		var answer map[string]any
		if resp.StatusCode != http.StatusCreated || json.NewDecoder(resp.Body).Decode(&answer) != nil {
			return nil //nolint:nilerr // no answer with a catalogue
		}
		for _, s := range answer["token"].(map[string]any)["catalog"].([]any) {
			if s := s.(map[string]any); s["type"] == "image" {
				s["endpoints"] = append(s["endpoints"].([]any), map[string]any{
					"id": "two", "interface": "public", "region": "RegionTwo", "region_id": "RegionTwo", "url": address,
				})
			}
		}
		body, err := json.Marshal(answer)
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Set("Content-Length", fmt.Sprint(len(body)))
		return err
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	file = filepath.Join(t.TempDir(), "clouds.yaml")
	text = bytes.ReplaceAll(text, authURL, []byte(server.URL+"/v3"))
	text = bytes.ReplaceAll(text, []byte("RegionOne"), []byte("RegionTwo"))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What a caller is told who asks for a record.
type told string

const (
	there     told = "there"
	gone      told = "gone"
	hidden    told = "not visible to this project"
	unproven  told = "does not prove that it is gone"
	elsewhere told = "is registered in another Glance"
)

func (w told) is(there bool, err error) bool {
	switch {
	case err != nil:
		return strings.Contains(err.Error(), string(w))
	case there:
		return w == "there"
	}
	return w == gone
}

// names makes sure that an error says which Glance has the record, and which was
// asked.
func names(t *testing.T, err error, c *glance.Client) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), string(elsewhere)) {
		return
	}
	for _, c := range []*glance.Client{client(t, asMember), c} {
		i, e := c.Identity(t.Context())
		if e != nil {
			t.Fatal(e)
		}
		if !strings.Contains(err.Error(), i.Endpoint) || !strings.Contains(err.Error(), i.AuthURL) {
			t.Errorf("the error does not name %s: %v", i, err)
		}
	}
}

// Who asks whom for a record, whatever became of it: no refresh takes anything
// away, and no destroy but that of somebody who can tell.
func TestWhoAsksWhom(t *testing.T) {
	ctx := t.Context()
	file := os.Getenv("OS_CLIENT_CONFIG_FILE")
	copied := acctest.StartGlance(t, nil).Address
	network := newNetwork(t)
	otherFile, otherName := acctest.OtherCloud(t)
	at := func(who, endpoint string) *glance.Client {
		return connected(t, file, glance.Config{Cloud: cloud(who), Endpoint: endpoint})
	}
	endpoint, err := client(t, asMember).Endpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	askers := map[string]*glance.Client{
		"member":                   client(t, asMember),
		"other project":            client(t, asOther),
		"admin":                    client(t, asAdmin),
		"admin, spelled otherwise": at(asAdmin, strings.TrimSuffix(endpoint, "/")+"/v2/"),
		"admin, through a tunnel":  at(asAdmin, network.address),
		"member, of a copy":        at(asMember, copied),
		"admin, of a copy":         at(asAdmin, copied),
		"admin, other region":      connected(t, secondRegion(t, copied), glance.Config{Cloud: cloud(asAdmin)}),
		"admin of another cloud":   connected(t, otherFile, glance.Config{Cloud: otherName + "-admin"}),
	}
	other, public := registrationtest.Project(t, asOther), "public"
	change := func(ch glance.Changes) func(string) error {
		return func(id string) error {
			_, err := client(t, asAdmin).Update(ctx, id, ch)
			return err
		}
	}
	for _, row := range []struct {
		what string
		do   func(id string) error
		// What reading says; elsewhere where an asker isn't named.
		read map[string]told
		// What destroying is refused with; elsewhere where an asker isn't named.
		destroy map[string]told
	}{
		{
			what: "as it was", do: func(string) error { return nil },
			read: map[string]told{
				"member": there, "other project": hidden, "admin": there, "admin, spelled otherwise": there, "admin, through a tunnel": there,
			},
			destroy: map[string]told{"other project": hidden},
		},
		{
			what: "given to another project", do: change(glance.Changes{Owner: &other}),
			read: map[string]told{
				"member": gone, "other project": there, "admin": there, "admin, spelled otherwise": there, "admin, through a tunnel": there,
			},
			destroy: map[string]told{"member": unproven},
		},
		{
			what: "public", do: change(glance.Changes{Visibility: &public}),
			read: map[string]told{
				"member": there, "other project": there, "admin": there, "admin, spelled otherwise": there, "admin, through a tunnel": there,
			},
			destroy: map[string]told{"other project": "403 Forbidden"},
		},
		{
			what: "deactivated", do: func(id string) error { return client(t, asMember).Deactivate(ctx, id) },
			read: map[string]told{
				"member": there, "other project": hidden, "admin": there, "admin, spelled otherwise": there, "admin, through a tunnel": there,
			},
			destroy: map[string]told{"other project": hidden},
		},
		{
			what: "deleted", do: func(id string) error {
				if err := client(t, asMember).Deactivate(ctx, id); err != nil {
					return err
				}
				_, err := client(t, asMember).DeleteRecord(ctx, id)
				return err
			},
			read: map[string]told{
				"member": gone, "other project": hidden, "admin": gone, "admin, spelled otherwise": gone,
			},
			destroy: map[string]told{"member": unproven, "other project": hidden},
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			g := newGolden(t)
			made := newLife(cloud(asMember), g.Spec+"@s", g.Name)
			if err := made.Create(ctx); err != nil {
				t.Fatal(err)
			}
			if ok, err := made.Read(ctx); !ok || err != nil { // so that the note is complete
				t.Fatal(ok, err)
			}
			if err := row.do(made.ID()); err != nil {
				t.Fatal(err)
			}
			key := registrationtest.Prefix + "glance." + made.ID()
			note := acctest.RBD(t, "image-meta", "get", g.Spec, key)
			kept := func(t *testing.T) {
				t.Helper()
				if guards := acctest.RBD(t, "children", "--all", g.Spec); guards != "images/guard."+made.ID() {
					t.Errorf("the children are %s", guards)
				}
				if now := acctest.RBD(t, "image-meta", "get", g.Spec, key); now != note {
					t.Errorf("the note is %s, was %s", now, note)
				}
			}
			for name, c := range askers {
				t.Run(name, func(t *testing.T) {
					d := made.AskedBy(c)
					want := row.read[name]
					if want == "" {
						want = elsewhere
					}
					ok, err := d.Read(ctx)
					if !want.is(ok, err) {
						t.Errorf("reading gives %v, %v; want %q", ok, err, want)
					}
					names(t, err, c)
					defer kept(t)
					refused := row.destroy[name]
					if refused == "" && row.read[name] != "" && name != "admin, through a tunnel" {
						return // whoever may destroy it
					}
					if refused == "" {
						refused = elsewhere
					}
					d = made.AskedBy(c)
					if err = d.Delete(ctx); err == nil || !strings.Contains(err.Error(), string(refused)) {
						t.Errorf("destroying gives %v; want %q", err, refused)
					}
					names(t, err, c)
				})
			}
			if row.what == "given to another project" {
				if code := acctest.GlanceDelete(t, "other", "other", strings.TrimSuffix(endpoint, "/"), made.ID()); code != http.StatusConflict {
					t.Errorf("the other project's DELETE is answered with %d", code)
				}
			}
			d := made.AskedBy(client(t, asAdmin))
			if err := d.Delete(ctx); err != nil {
				t.Error(err)
			}
			if err := g.Untouched(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Where the RBD image is gone, and the note with it, the state still says which
// Glance has the record.
func TestGlanceIsInTheState(t *testing.T) {
	g := newGolden(t)
	ctx := t.Context()
	d := newLife(cloud(asMember), g.Spec+"@s", g.Name)
	d.Protect(registration.ProtectionNone)
	if err := d.Create(ctx); err != nil {
		t.Fatal(err)
	}
	acctest.RBD(t, "snap", "unprotect", g.Spec+"@s")
	acctest.RBD(t, "snap", "rm", "--no-progress", g.Spec+"@s")
	acctest.RBD(t, "rm", "--no-progress", g.Spec)
	file, name := acctest.OtherCloud(t)
	elsewhereAdmin := connected(t, file, glance.Config{Cloud: name + "-admin"})
	asked := d.AskedBy(elsewhereAdmin)
	ok, err := asked.Read(ctx)
	if !elsewhere.is(ok, err) {
		t.Errorf("reading gives %v, %v", ok, err)
	}
	asked = d.AskedBy(elsewhereAdmin)
	if err := asked.Delete(ctx); err == nil || !strings.Contains(err.Error(), string(elsewhere)) {
		t.Errorf("destroying gives %v", err)
	}
	if err := d.Delete(ctx); err != nil {
		t.Error(err)
	}
}

// Whoever says so by an import moves the note: the tunnel may destroy then.
func TestGlanceIsMovedByAnImport(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	d := newLife(cloud(asMember), g.Spec+"@s", g.Name)
	if err := d.Create(ctx); err != nil {
		t.Fatal(err)
	}
	n := newNetwork(t)
	d.Through(cloud(asMember), n.address, 10*time.Second)
	if err := d.Update(ctx); err != nil {
		t.Errorf("an update through a tunnel: %v", err)
	}
	if err := d.Delete(ctx); err == nil || !strings.Contains(err.Error(), string(elsewhere)) {
		t.Errorf("destroying through a tunnel: %v", err)
	}
	if ok, err := d.Import(ctx); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := d.Delete(ctx); err != nil {
		t.Error(err)
	}
	if err := g.Untouched(); err != nil {
		t.Error(err)
	}
}
