// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// asService is a member of project demo with the role service.
const asService = "-service"

// hiding is an API server that shows no locations and lets nobody add them by
// PATCH.
func hiding(t *testing.T) (address string) {
	t.Helper()
	return acctest.StartGlance(t, map[string]string{"show_multiple_locations": "False", "show_image_direct_url": "False"}).Address
}

func clientAt(t *testing.T, who, address string) *Client {
	t.Helper()
	cfg := labConfig(t, who)
	cfg.Endpoint = address
	return New(cfg)
}

func TestRegisterPrefersPatchInLab(t *testing.T) {
	t.Parallel()
	for _, who := range []string{asMember, asService, asAdmin} {
		c := labClient(t, who)
		g := newGolden(t)
		img := newRecord(t, c, nil)
		img, err := c.Register(t.Context(), img.ID, g.url, nil, nil, false)
		if err != nil || img.Status != StatusActive || !img.hasLocation(g.url) {
			t.Errorf("%q: %+v: %v", who, img, err)
		}
		if tasks, err := c.tasks(t.Context(), img.ID, "location_import"); err != nil || len(tasks) != 0 {
			t.Errorf("%q: tasks %v: %v", who, tasks, err)
		}
	}
}

func TestRegisterWhereLocationsAreHiddenInLab(t *testing.T) {
	t.Parallel()
	address := hiding(t)
	ctx := t.Context()
	member, service, admin := clientAt(t, asMember, address), clientAt(t, asService, address), clientAt(t, asAdmin, address)
	g := newGolden(t)
	newer := acctest.GlanceVersion(t) != "25"

	// Who can't is told what is missing.
	for _, c := range []*Client{member, admin} {
		img := newRecord(t, c, nil)
		_, err := c.Register(ctx, img.ID, g.url, nil, nil, true)
		want := []string{"show_multiple_locations", "older than 2024.2"}
		if newer {
			want = []string{"show_multiple_locations", `role "service"`, `"member"`}
			if c == admin {
				want[2] = `"admin"`
			}
		}
		for _, part := range want {
			if err == nil || !errors.Is(err, ErrLocationsDisabled) || !strings.Contains(err.Error(), part) {
				t.Errorf("no %q in: %v", part, err)
			}
		}
	}
	if why := member.WhyHidden(ctx); !strings.Contains(why, "show_image_direct_url") || strings.Contains(why, `role "service"`) != newer {
		t.Errorf("why hidden: %s", why)
	}
	img := newRecord(t, service, nil)
	if !newer {
		if _, err := service.Register(ctx, img.ID, g.url, nil, nil, true); !errors.Is(err, ErrLocationsOff) {
			t.Errorf("the role service: %v", err)
		}
		return
	}

	// The role service can, with a guard.
	if _, err := service.Register(ctx, img.ID, g.url, nil, nil, false); !errors.Is(err, ErrNotGuarded) {
		t.Errorf("without a guard: %v", err)
	}
	bare := newRecord(t, service, func(o *CreateOpts) { o.DiskFormat = "" })
	if _, err := service.Register(ctx, bare.ID, g.url, nil, nil, true); !errors.Is(err, ErrBadRequest) {
		t.Errorf("without a format: %v", err)
	}
	g.guard(t)
	_, err := service.Register(ctx, img.ID, g.url+"-missing", nil, nil, true)
	if !errors.Is(err, ErrImport) {
		t.Errorf("missing snapshot: %v", err)
	}
	if got, err := service.Get(ctx, img.ID); err != nil || got.Status != StatusQueued || !g.intact(t) {
		t.Fatalf("after the refusals: %+v: %v, intact %v", got, err, g.intact(t))
	}
	sum := sha512.Sum512(make([]byte, 8<<20))
	got, err := service.Register(ctx, img.ID, g.url, nil, &ValidationData{HashAlgo: "sha512", HashValue: strings.Repeat("ab", 64)}, true)
	if err != nil || got.Status != StatusActive || got.SizeBytes != 8<<20 || got.HashValue != hex.EncodeToString(sum[:]) ||
		got.LocationsVisible || !got.hasLocation(g.url) {
		t.Errorf("registered: %+v: %v", got, err)
	}
	if _, err := service.Register(ctx, img.ID, g.url, nil, nil, true); err != nil {
		t.Errorf("once more: %v", err)
	}
	refs, err := service.FindByRBDImage(ctx, labEnv(t, "RBD_LAB_FSID"), "images", g.name)
	if err != nil || len(refs.Images) != 1 {
		t.Errorf("find: %+v: %v", refs, err)
	}
	if got, err := member.Get(ctx, img.ID); err != nil || len(got.Locations) != 0 || got.hasLocation(g.url) {
		t.Errorf("the member sees %+v: %v", got, err)
	}
	if !g.intact(t) {
		t.Error("the data is not as it was")
	}
}

func TestRegisterWithLostAnswerInLab(t *testing.T) {
	t.Parallel()
	if acctest.GlanceVersion(t) == "25" {
		return // it has no POST
	}
	address := hiding(t)
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	posts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/locations") && r.Method == http.MethodPost {
			posts++
			if posts > 1 { // the first is lost on its way, the second's answer on its way back
				proxy.ServeHTTP(httptest.NewRecorder(), r)
			}
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c := clientAt(t, asService, server.URL)
	g := newGolden(t)
	g.guard(t)
	img := newRecord(t, c, nil)
	got, err := c.Register(t.Context(), img.ID, g.url, nil, nil, true)
	if err != nil || got.Status != StatusActive || !got.hasLocation(g.url) || !g.intact(t) {
		t.Errorf("after a lost request and lost answers: %+v: %v", got, err)
	}
	if posts < 2 {
		t.Errorf("it was sent %d times, though the first request was lost", posts)
	}
	// It is there already: Glance refuses it, and that is no error.
	if got, err := c.Register(t.Context(), img.ID, g.url, nil, nil, true); err != nil || got.Status != StatusActive || !g.intact(t) {
		t.Errorf("once more: %+v: %v", got, err)
	}
}

// Two API servers behind one address, of which one has the option off.
func TestRegisterBetweenTwoServersInLab(t *testing.T) {
	t.Parallel()
	off, err := url.Parse(acctest.StartGlanceNode(t, map[string]string{"show_multiple_locations": "False", "show_image_direct_url": "False"}).Address)
	if err != nil {
		t.Fatal(err)
	}
	on, err := labClient(t, asMember).Endpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	onURL, err := url.Parse(on)
	if err != nil {
		t.Fatal(err)
	}
	nodes := []*httputil.ReverseProxy{httputil.NewSingleHostReverseProxy(off), httputil.NewSingleHostReverseProxy(onURL)}
	for first := range 2 {
		n := first
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n++
			nodes[n%2].ServeHTTP(w, r)
		}))
		c := clientAt(t, asMember, server.URL)
		g := newGolden(t)
		img := newRecord(t, labClient(t, asMember), nil)
		if got, err := c.Register(t.Context(), img.ID, g.url, nil, nil, false); err != nil || got.Status != StatusActive {
			t.Errorf("beginning with %d: %+v: %v", first, got, err)
		}
		if got, err := labClient(t, asMember).Get(t.Context(), img.ID); err != nil || len(got.Locations) != 1 {
			t.Errorf("beginning with %d: there is %+v: %v", first, got, err)
		}
		server.Close()
	}
}
