package glancelocation_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/glancelocation"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const prefix = "terraform-provider-rbd."

// leaveCreation makes what a killed creation left, as far as it had come.
func leaveCreation(t *testing.T, g golden, guard, record, location bool) (id string) {
	t.Helper()
	c := client(t, asMember)
	ctx := t.Context()
	who, err := c.Caller(ctx)
	if err != nil {
		t.Fatal(err)
	}
	id = glance.NewID()
	acctest.RBD(t, "image-meta", "set", g.spec, prefix+"glance."+id, fmt.Sprintf(
		`{"rbd_image_id":%q,"snapshot_id":%s,"state":"pending","project_id":%q,"name":%q}`, g.id, snapshotID(t, g.spec, "s"), who.ProjectID, g.name))
	if guard {
		acctest.RBD(t, "--rbd-default-clone-format", "1", "clone", g.spec+"@s", "images/guard."+id)
	}
	if record {
		_, err = c.Create(ctx, glance.CreateOpts{ID: id, Name: g.name, DiskFormat: "raw", ContainerFormat: "bare"})
	}
	if err == nil && location {
		_, err = c.AddLocation(ctx, id, fmt.Sprintf("rbd://%s/%s/s", acctest.FSID(t), g.spec), nil, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A run that was killed leaves what it had done so far.
func TestResumedCreation(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	for _, tc := range []struct {
		what                          string
		guard, record, location, used bool
	}{
		{what: "noted"},
		{what: "guard", guard: true},
		{what: "record", guard: true, record: true},
		{what: "location", guard: true, record: true, location: true},
		{what: "deleted meanwhile", guard: true, record: true, used: true},
	} {
		t.Run(tc.what, func(t *testing.T) {
			g.t = t
			id := leaveCreation(t, g, tc.guard, tc.record, tc.location)
			if tc.used {
				if _, err := client(t, asMember).DeleteRecord(ctx, id); err != nil {
					t.Fatal(err)
				}
			}
			d := glancelocation.NewDirect(cloud(asMember), g.spec+"@s", g.name)
			if err := d.Create(ctx); err != nil {
				t.Fatal(err)
			}
			if same := d.ID() == id; same == tc.used {
				t.Errorf("the ID is %s, that of the killed run was %s", d.ID(), id)
			}
			if err := g.registered(g.name)(nil); err != nil {
				t.Error(err)
			}
			if err := errors.Join(d.Delete(ctx), g.untouched(nil)); err != nil {
				t.Error(err)
			}
		})
	}
}

// cut is how far a deletion with the data put aside had come.
type cut struct {
	what              string
	away, decoy, half bool
	step              string
	record            bool // is still there
	noGuard, held     bool
	acceptance        bool // is tried with Terraform too
}

// leave makes what the cut off deletion left.
func (k cut) leave(t *testing.T, g golden, id string) {
	t.Helper()
	if err := client(t, asAdmin).Deactivate(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	acctest.RBD(t, "image-meta", "set", g.spec, prefix+"aside",
		fmt.Sprintf(`{"rbd_image_id":%q,"name":%q,"for":%q,"step":%q}`, g.id, g.name, id, k.step))
	aside := g.spec + ".detach-" + g.id
	if k.away {
		acctest.RBD(t, "rename", g.spec, aside)
	}
	for name, made := range map[string]bool{g.spec: k.decoy, g.spec + ".tfpending": k.half} {
		if made {
			acctest.RBD(t, "create", "--size", "1M", name)
			// A mark has the id of the image that it is on.
			own := regexp.MustCompile(`(?m)^\s*id: (\w+)`).FindStringSubmatch(acctest.RBD(t, "info", name))[1]
			acctest.RBD(t, "image-meta", "set", name, prefix+"image", "decoy:"+g.id+":"+own)
		}
	}
	if k.noGuard || k.held {
		acctest.RBD(t, "rm", "--no-progress", "images/guard."+id)
	}
	if k.held { // no guard is possible either
		acctest.RBD(t, "snap", "unprotect", aside+"@s")
	}
	if !k.record {
		if _, err := client(t, asMember).DeleteRecord(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

var cuts = []cut{
	{what: "noted", record: true},
	{what: "renamed", away: true, record: true},
	{what: "half a decoy", away: true, half: true, record: true},
	{what: "decoy", acceptance: true, away: true, decoy: true, record: true},
	{what: "asked for", away: true, decoy: true, step: "delete-shown", record: true},
	{what: "decoy deleted", away: true, step: "delete-shown", record: true},
	{what: "deleted", away: true, step: "delete-shown"},
	{what: "deleted without the decoy", away: true, decoy: true, step: "delete"},
	{what: "named back", step: "delete-shown"},
	{what: "asked for without a guard", acceptance: true, away: true, decoy: true, step: "delete-shown", record: true, noGuard: true},
	{what: "asked for without a snapshot to guard", away: true, decoy: true, step: "delete-shown", record: true, held: true},
}

// The next plan puts right what a killed destroy has left, and the resources of
// image and snapshot take no notice.
func TestLocationResumesDeletionByApply(t *testing.T) {
	g := golden{t: t, name: providertest.Name(t)}
	g.spec = "images/" + g.name
	t.Cleanup(g.clean)
	c := chain(g.name)
	steps := []resource.TestStep{{Config: c, Check: func(*terraform.State) error {
		g.id = rbdID(t, g.spec)
		return nil
	}}}
	for _, k := range cuts {
		if !k.acceptance {
			continue
		}
		want := plancheck.ResourceActionUpdate
		if !k.record {
			want = plancheck.ResourceActionCreate
		}
		broken := resource.TestStep{
			PreConfig: func() { t.Log(k.what); k.leave(t, g, g.record(g.name).ID) },
			Config:    c,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("rbd_image.test", plancheck.ResourceActionNoop),
				plancheck.ExpectResourceAction("rbd_snapshot.test", plancheck.ResourceActionNoop),
				plancheck.ExpectResourceAction(address, want),
			}},
			Check: func(s *terraform.State) error {
				if left := acctest.Images(t, "images", g.name); len(left) != 1 {
					return fmt.Errorf("images: %v", left)
				}
				return g.registered(g.name)(s)
			},
		}
		steps = append(steps, broken)
	}
	providertest.Run(t, resource.TestCase{CheckDestroy: nothing(t, g.name), Steps: steps})
}

// And so does the next destroy, whoever runs it.
func TestResumedDeletion(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	for n, k := range cuts {
		who := []string{asAdmin, asMember}[n%2]
		t.Run(k.what+who, func(t *testing.T) {
			g.t = t
			d := glancelocation.NewDirect(cloud(asMember), g.spec+"@s", g.name)
			if err := d.Create(ctx); err != nil {
				t.Fatal(err)
			}
			k.leave(t, g, d.ID())
			d.As(cloud(who))
			err := d.Delete(ctx)
			if k.held {
				acctest.RBD(t, "snap", "protect", g.spec+"@s")
			}
			if err := errors.Join(err, g.untouched(nil)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Or the next plan and apply, for who wants to keep it.
func TestResumedDeletionIsTakenBack(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	for n, k := range cuts {
		if !k.record || n%2 == 0 && !k.held {
			continue // some are enough, as destroying begins with the same
		}
		t.Run(k.what, func(t *testing.T) {
			g.t = t
			d := glancelocation.NewDirect(cloud(asMember), g.spec+"@s", g.name)
			if err := d.Create(ctx); err != nil {
				t.Fatal(err)
			}
			k.leave(t, g, d.ID())
			if there, err := d.Read(ctx); err != nil || !there {
				t.Fatalf("there: %v, %v", there, err)
			}
			if k.held {
				if err := d.Update(ctx); err == nil || !strings.Contains(err.Error(), "may still be at it") {
					t.Fatal(err)
				}
				// As the advice says.
				acctest.RBD(t, "rm", "--no-progress", g.spec)
				acctest.RBD(t, "snap", "protect", g.spec+".detach-"+g.id+"@s")
			}
			if err := errors.Join(d.Update(ctx), g.registered(g.name)(nil)); err != nil {
				t.Error(err)
			}
			if err := errors.Join(d.Delete(ctx), g.untouched(nil)); err != nil {
				t.Error(err)
			}
		})
	}
}

// faulty is a Glance that closes the connection instead of passing a request
// on, as long as it is told to.
func faulty(t *testing.T, lost func(*http.Request) bool) (address string, broken *atomic.Bool) {
	t.Helper()
	endpoint, err := client(t, asMember).Endpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	broken = &atomic.Bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() && lost(r) {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, broken
}

func through(address, cloud string) string {
	return strings.Replace(provider(cloud), "openstack {", fmt.Sprintf("openstack {\n    endpoint = %q", address), 1)
}

func TestLocationUndecided(t *testing.T) {
	g := newGolden(t)
	address, broken := faulty(t, func(r *http.Request) bool { return r.Method == http.MethodPatch || r.Method == http.MethodDelete })
	c := through(address, cloud(asAdmin)) + config(g.spec+"@s", g.name)
	broken.Store(true)
	var id string
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: c, ExpectError: regexp.MustCompile(`(?is)outcome\s+is\s+not\s+known.*run\s+again`)},
			{ // resumed with the same record
				PreConfig: func() { broken.Store(false); id = g.record(g.name).ID },
				Config:    c,
				Check: func(*terraform.State) error {
					return g.registeredAs(id)
				},
			},
			{ // nothing is put back while Glance may be at work
				PreConfig: func() { broken.Store(true) },
				Config:    c, Destroy: true,
				ExpectError: regexp.MustCompile(`(?is)outcome\s+is\s+not\s+known.*is\s+called\s+` + regexp.QuoteMeta(g.spec)),
			},
			{ // what was done before is taken up, or put back by the guard's leave
				PreConfig: func() {
					if rbdID(t, g.spec) == g.id {
						t.Error("the image was put back")
					}
					broken.Store(false)
				},
				Config: c,
				Check:  func(*terraform.State) error { return g.registeredAs(id) },
			},
		},
	})
}
