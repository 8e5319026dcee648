package glance

import (
	"context"
	"errors"
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
	c := New(Config{RequestTimeout: timeout})
	c.conn.Store(&connection{settings: base.settings, sc: &sc, caller: base.caller})
	return c
}

func (f *faulty) requests(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[method]
}

// changeAll makes every change there is, on fresh records, and gives what came
// of it.
func changeAll(t *testing.T, c *Client, g golden) map[string]error {
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
	queued := newRecord(t, labClient(t, asMember), nil)
	outcome, err := c.DeleteRecord(ctx, queued.ID)
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
			for what, err := range changeAll(t, c, g) {
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			// POST is sent by create and deactivate, PATCH by update and the
			// location.
			if p, q, d := f.requests("POST"), f.requests("PATCH"), f.requests("DELETE"); p != 2 || q != 2 || d != 1 {
				t.Errorf("a change was sent twice: %d POST, %d PATCH, %d DELETE", p, q, d)
			}
		})
	}
}

func TestLostRequestsAreUndecidedInLab(t *testing.T) {
	t.Parallel()
	code := http.StatusGatewayTimeout
	_, c := newFaulty(t, 5*time.Second, func(w http.ResponseWriter, r *http.Request, _ func()) bool {
		if r.Method != http.MethodGet {
			w.WriteHeader(code)
		}
		return r.Method != http.MethodGet
	})
	g := sharedGolden(t)
	for what, err := range changeAll(t, c, g) {
		if !errors.Is(err, ErrUndecided) || !errors.Is(err, ErrServer) {
			t.Errorf("504: %s: %v", what, err)
		}
	}
	code = http.StatusInternalServerError
	for what, err := range changeAll(t, c, g) {
		if errors.Is(err, ErrUndecided) || !errors.Is(err, ErrServer) {
			t.Errorf("500: %s: %v", what, err)
		}
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
