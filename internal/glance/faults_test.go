// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// faulty stands between a client and the lab's Glance, as a network or proxy
// that misbehaves.
type faulty struct {
	*httptest.Server
	mu    sync.Mutex
	count map[string]int
	// fault may deal with a request; true means that it did. forward passes
	// the request to Glance and drops the answer.
	fault func(w http.ResponseWriter, r *http.Request, forward func()) bool
}

// attempt numbers the requests of this kind and address.
func (f *faulty) attempt(r *http.Request) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[r.Method+" "+r.URL.String()]++
	return f.count[r.Method+" "+r.URL.String()]
}

func newFaulty(t *testing.T, timeout time.Duration, fault func(http.ResponseWriter, *http.Request, func()) bool) (*faulty, *Client) {
	t.Helper()
	address, err := labClient(t, asMember).Endpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	glance := httputil.NewSingleHostReverseProxy(target)
	f := &faulty{count: map[string]int{}, fault: fault}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.count[r.Method]++
		f.mu.Unlock()
		if !f.fault(w, r, func() { glance.ServeHTTP(httptest.NewRecorder(), r) }) {
			glance.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f, divert(t, f.URL, timeout)
}

// divert gives the member's client with another endpoint, on the same token.
func divert(t *testing.T, endpoint string, timeout time.Duration) *Client {
	t.Helper()
	base, err := labClient(t, asMember).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	provider := *base.sc.ProviderClient
	provider.HTTPClient.Timeout = timeout
	sc := *base.sc
	sc.ProviderClient = &provider
	sc.Endpoint, sc.ResourceBase = endpoint+"/", endpoint+"/v2/"
	c := New(Config{RequestTimeout: timeout, retryDelay: time.Millisecond})
	c.conn.Store(&connection{cfg: c.cfg, settings: base.settings, sc: &sc, caller: base.caller})
	return c
}

func (f *faulty) requests(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[method]
}

// changeAll makes every change there is, on fresh records, and gives what came
// of it.
func changeAll(t *testing.T, c *Client, g golden, deleteRecord func(*Client, context.Context, string) (DeleteOutcome, error)) map[string]error {
	t.Helper()
	ctx := t.Context()
	out := map[string]error{}
	id := NewID()
	dropRecord(t, labClient(t, asMember), id)
	_, out["create"] = c.Create(ctx, CreateOpts{ID: id, Name: "glance-test", DiskFormat: "raw", ContainerFormat: "bare", Tags: []string{"b", "a"}, Properties: map[string]string{"os_type": "linux"}})
	img := newRecord(t, labClient(t, asMember), nil)
	_, out["add location"] = c.AddLocation(ctx, img.ID, g.url, nil, nil)
	img = newActive(t, labClient(t, asMember), g)
	_, out["update"] = c.Update(ctx, img.ID, Changes{SetProperties: map[string]string{"os_type": "linux"}, Tags: &[]string{"a"}})
	out["deactivate"] = c.Deactivate(ctx, img.ID)
	img = newRecord(t, labClient(t, asMember), func(o *CreateOpts) { o.Visibility = "shared" })
	out["share"] = c.SetMembers(ctx, img.ID, []string{"someone"})
	if err := labClient(t, asMember).SetMembers(ctx, img.ID, []string{"someone"}); err != nil {
		t.Error(err)
	}
	out["unshare"] = c.SetMembers(ctx, img.ID, nil)
	queued := newRecord(t, labClient(t, asMember), nil)
	outcome, err := deleteRecord(c, ctx, queued.ID)
	if (outcome == Gone) != (err == nil) {
		t.Errorf("delete: %v with error %v", outcome, err)
	}
	out["delete"] = err
	return out
}

func TestLostAnswersAreLookedUpInLab(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(w http.ResponseWriter){
		"connection cut": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"bad gateway":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := sharedGolden(t)
			f, c := newFaulty(t, 5*time.Second, func(w http.ResponseWriter, r *http.Request, forward func()) bool {
				if r.Method == http.MethodGet {
					return false
				}
				forward()
				lose(w)
				return true
			})
			for what, err := range changeAll(t, c, g, (*Client).DeleteRecord) {
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			// POST is sent by create, deactivate and share, PATCH by update and the
			// location.
			if p, q, d := f.requests("POST"), f.requests("PATCH"), f.requests("DELETE"); p != 3 || q != 2 || d != 2 {
				t.Errorf("a change was sent twice: %d POST, %d PATCH, %d DELETE", p, q, d)
			}
		})
	}
}

func TestLostRequestsAreUndecidedInLab(t *testing.T) {
	t.Parallel()
	code := http.StatusGatewayTimeout
	f, c := newFaulty(t, 5*time.Second, func(w http.ResponseWriter, r *http.Request, _ func()) bool {
		if r.Method != http.MethodGet {
			w.WriteHeader(code)
		}
		return r.Method != http.MethodGet
	})
	c.cfg.RetryTimeout = 50 * time.Millisecond
	g := sharedGolden(t)
	results := changeAll(t, c, g, (*Client).DeleteRecord)
	// The two are of unshare and delete. Nobody knows what a second DELETE of a
	// record would find.
	if d := f.requests("DELETE"); d < 2 || strings.Count(results["delete"].Error(), "504") != 1 {
		t.Errorf("%d DELETEs, %v", d, results["delete"])
	}
	for what, err := range results {
		if !errors.Is(err, ErrUndecided) || !errors.Is(err, ErrServer) {
			t.Errorf("504: %s: %v", what, err)
		}
	}
	code = http.StatusInternalServerError
	for what, err := range changeAll(t, c, g, (*Client).DeleteRecord) {
		if errors.Is(err, ErrUndecided) || !errors.Is(err, ErrServer) {
			t.Errorf("500: %s: %v", what, err)
		}
	}
}

// Every request, those that look at the record too, fails twice before it gets
// through; the changes are made all the same.
func TestFaultsThatPassInLab(t *testing.T) {
	t.Parallel()
	answer := func(code int) func(http.ResponseWriter, *http.Request, func()) {
		return func(w http.ResponseWriter, _ *http.Request, _ func()) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(code)
		}
	}
	for name, fail := range map[string]func(w http.ResponseWriter, r *http.Request, forward func()){
		"429": answer(429), "500": answer(500), "502": answer(502), "503": answer(503), "504": answer(504),
		"cut before it was read": func(http.ResponseWriter, *http.Request, func()) { panic(http.ErrAbortHandler) },
		"504 after the deed": func(w http.ResponseWriter, _ *http.Request, forward func()) {
			forward()
			w.WriteHeader(http.StatusGatewayTimeout)
		},
		"cut within the answer": func(w http.ResponseWriter, _ *http.Request, forward func()) {
			forward()
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write([]byte(`{"id": "`))
			panic(http.ErrAbortHandler)
		},
		"no answer": func(_ http.ResponseWriter, r *http.Request, _ func()) {
			_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the end of the connection
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, timeout := sharedGolden(t), 5*time.Second
			if name == "no answer" {
				timeout = 500 * time.Millisecond
			}
			var f *faulty
			f, c := newFaulty(t, timeout, func(w http.ResponseWriter, r *http.Request, forward func()) bool {
				if f.attempt(r) > 2 {
					return false
				}
				fail(w, r, forward)
				return true
			})
			for what, err := range changeAll(t, c, g, (*Client).DeleteHeldRecord) {
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// A caller who waits no more gets an answer soon.
func TestFaultsEndWithTheCallerInLab(t *testing.T) {
	t.Parallel()
	img := newRecord(t, labClient(t, asMember), nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, c := newFaulty(t, 5*time.Second, func(w http.ResponseWriter, r *http.Request, _ func()) bool {
		if r.Method == http.MethodPatch {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
			time.AfterFunc(50*time.Millisecond, cancel)
		}
		return r.Method == http.MethodPatch
	})
	begin, name := time.Now(), "another"
	if _, err := c.Update(ctx, img.ID, Changes{Name: &name}); !errors.Is(err, ErrUnavailable) || time.Since(begin) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
}

func TestDeleteOutlivesTheCallerInLab(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(context.CancelFunc){
		"time-out":  func(context.CancelFunc) { time.Sleep(1200 * time.Millisecond) },
		"cancelled": func(cancel context.CancelFunc) { cancel(); time.Sleep(100 * time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, c := newFaulty(t, time.Second, func(_ http.ResponseWriter, r *http.Request, forward func()) bool {
				if r.Method != http.MethodDelete {
					return false
				}
				forward()
				after(cancel)
				return true
			})
			img := newRecord(t, labClient(t, asMember), nil)
			if got, err := c.DeleteRecord(ctx, img.ID); err != nil || got != Gone {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestReadsAreRetriedInLab(t *testing.T) {
	t.Parallel()
	img := newRecord(t, labClient(t, asMember), nil)
	for name, fail := range map[string]func(w http.ResponseWriter){
		"cut": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"unavailable": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"too many":     func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) },
		"server error": func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := 2
			f, c := newFaulty(t, 5*time.Second, func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
				if left == 0 {
					return false
				}
				left--
				fail(w)
				return true
			})
			if _, err := c.Get(t.Context(), img.ID); err != nil {
				t.Error(err)
			}
			if n := f.requests("GET"); n != 3 {
				t.Errorf("%d requests, want 3", n)
			}
		})
	}
}

func TestNotFoundIsProvenInLab(t *testing.T) {
	t.Parallel()
	wrong := true
	_, c := newFaulty(t, 5*time.Second, func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
		if wrong {
			http.Error(w, "<html><h1>404</h1>nginx</html>", http.StatusNotFound)
		}
		return wrong
	})
	_, err := c.Get(t.Context(), NewID())
	if !errors.Is(err, ErrNotGlance) || errors.Is(err, ErrNotFound) {
		t.Errorf("404 of a server that is not Glance: %v", err)
	}
	if there, err := c.Exists(t.Context(), NewID()); err == nil || there {
		t.Errorf("exists: %v, %v", there, err)
	}
	wrong = false
	if _, err := c.Get(t.Context(), NewID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("404 of Glance: %v", err)
	}
}

func TestTokenIsRenewedInLab(t *testing.T) {
	t.Parallel()
	c := New(labConfig(t, asMember))
	if _, err := c.Caller(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.conn.Load().sc.SetToken("expired")
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if _, err := c.Get(t.Context(), NewID()); !errors.Is(err, ErrNotFound) {
				t.Errorf("with an expired token: %v", err)
			}
		})
	}
	calls.Wait()
	if token := c.conn.Load().sc.Token(); token == "expired" || token == "" {
		t.Error("no new token")
	}
}

func TestRedirectionsKeepTheToken(t *testing.T) {
	t.Parallel()
	var seen http.Header
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header }))
	defer thief.Close()
	_, c := newFaulty(t, 5*time.Second, func(w http.ResponseWriter, r *http.Request, _ func()) bool {
		http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
		return true
	})
	_, err := c.Get(t.Context(), NewID())
	if err == nil || !strings.Contains(err.Error(), "redirection") || seen != nil {
		t.Errorf("followed to another server: %v, %v", err, seen)
	}
}

func TestPagesInLab(t *testing.T) {
	t.Parallel()
	member := labClient(t, asMember)
	mark := map[string]string{"glance_test": NewID()}
	made := func() *Image { return newRecord(t, member, func(o *CreateOpts) { o.Properties = mark }) }
	want := []string{made().ID, made().ID, made().ID}
	victim := made().ID // the newest is listed first

	pages, deleted := 0, false
	_, c := newFaulty(t, 5*time.Second, func(_ http.ResponseWriter, r *http.Request, _ func()) bool {
		pages++
		if r.URL.Query().Get("marker") == victim && !deleted {
			deleted = true
			if got, err := member.DeleteRecord(t.Context(), victim); got != Gone {
				t.Errorf("%v: %v", got, err)
			}
		}
		return false
	})
	images, err := c.List(t.Context(), Filter{Properties: mark, limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range images {
		got = append(got, i.ID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || !deleted || pages < 5 {
		t.Errorf("%v, want %v; %d pages, one deleted meanwhile: %v", got, want, pages, deleted)
	}
}
