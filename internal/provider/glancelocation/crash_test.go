// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const prefix = registrationtest.Prefix

// The next plan puts right what a killed destroy has left, and the resources of
// image and snapshot take no notice.
func TestLocationResumesDeletionByApply(t *testing.T) {
	g := newNamed(t)
	t.Cleanup(g.Clean)
	c := chain(g.Name)
	steps := []resource.TestStep{{Config: c, Check: func(*terraform.State) error {
		g.ID = rbdID(t, g.Spec)
		return nil
	}}}
	for _, k := range registrationtest.Cuts {
		if !k.Acceptance {
			continue
		}
		want := plancheck.ResourceActionUpdate
		if !k.Record {
			want = plancheck.ResourceActionCreate
		}
		broken := resource.TestStep{
			PreConfig: func() { t.Log(k.What); k.Leave(&g.Golden, g.Record(g.Name).ID) },
			Config:    c,
			ConfigPlanChecks: providertest.Expect(
				providertest.Keeps("rbd_image.test"),
				providertest.Keeps("rbd_snapshot.test"),
				plancheck.ExpectResourceAction(address, want),
			),
			Check: func(s *terraform.State) error {
				if left := acctest.Images(t, "images", g.Name); len(left) != 1 {
					return fmt.Errorf("images: %v", left)
				}
				return g.registered(g.Name)(s)
			},
		}
		steps = append(steps, broken)
	}
	providertest.Run(t, resource.TestCase{CheckDestroy: nothing(t, g.Name), Steps: steps})
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
	return strings.Replace(provider(cloud), "openstack = {", fmt.Sprintf("openstack = {\n    endpoint = %q\n    retry_timeout = \"2s\"", address), 1)
}

func TestLocationUndecided(t *testing.T) {
	g := newGolden(t)
	address, broken := faulty(t, func(r *http.Request) bool { return r.Method == http.MethodPatch || r.Method == http.MethodDelete })
	c := through(address, cloud(asAdmin)) + config(g.Spec+"@s", g.Name)
	broken.Store(true)
	var id string
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{Config: c, ExpectError: regexp.MustCompile(`(?is)outcome\s+is\s+not\s+known.*run\s+again`)},
			{ // resumed with the same record
				PreConfig: func() { broken.Store(false); id = g.Record(g.Name).ID },
				Config:    c,
				Check: func(*terraform.State) error {
					return g.RegisteredAs(id)
				},
			},
			{ // the guard holds the data, so the image has its name again
				PreConfig: func() { broken.Store(true) },
				Config:    c, Destroy: true,
				ExpectError: regexp.MustCompile(`(?is)outcome\s+is\s+not\s+known.*run\s+again`),
			},
			{ // what was done before is taken up, or put back by the guard's leave
				PreConfig: func() {
					if rbdID(t, g.Spec) != g.ID {
						t.Error("the image does not have its name again")
					}
					broken.Store(false)
				},
				Config: c,
				Check:  func(*terraform.State) error { return g.RegisteredAs(id) },
			},
		},
	})
}
