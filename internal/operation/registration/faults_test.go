// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// network stands between the provider and the lab's Glance. What fault does not
// deal with is passed on.
type network struct {
	address string
	// silent keeps the answers back, of requests that Glance gets all the same.
	silent atomic.Bool
	fault  atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	endpoint, err := client(t, asMember).Endpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	n := &network{}
	glance := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := n.fault.Load(); fault != nil && (*fault)(w, r) {
			return
		}
		if n.silent.Load() {
			glance.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
			<-r.Context().Done() // whoever asks gives up
			return
		}
		glance.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	n.address = front.URL
	return n
}

// breakAt lets fault deal with the requests of one kind.
func (n *network) breakAt(is func(*http.Request) bool, fault func(http.ResponseWriter, *http.Request) bool) {
	f := func(w http.ResponseWriter, r *http.Request) bool { return is(r) && fault(w, r) }
	n.fault.Store(&f)
}

func (n *network) mend() {
	n.fault.Store(nil)
	n.silent.Store(false)
}

// The requests of a life, in their order.
var requests = []struct {
	what    string
	is      func(*http.Request) bool
	destroy bool // is sent by a destroy, and not by a creation
}{
	{"create the record", func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/images")
	}, false},
	{"add the location", func(r *http.Request) bool { return r.Method == http.MethodPatch }, false},
	{"deactivate", func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/deactivate") }, true},
	{"delete", func(r *http.Request) bool { return r.Method == http.MethodDelete }, true},
}

// A code instead of what was asked for is an error, and the next run goes on from
// there: one record and one guard, or nothing.
func TestFaultsOfGlance(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	for _, code := range []int{http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusInternalServerError, http.StatusServiceUnavailable} {
		for n, request := range requests {
			who := []string{asMember, asAdmin}[n%2]
			t.Run(request.what+" "+strconv.Itoa(code)+who, func(t *testing.T) {
				g.T = t
				n := newNetwork(t)
				d := newLife(cloud(who), g.Spec+"@s", g.Name)
				d.Through(cloud(who), n.address, 10*time.Second)
				answer := func(w http.ResponseWriter, _ *http.Request) bool {
					w.WriteHeader(code)
					return true
				}
				if !request.destroy {
					n.breakAt(request.is, answer)
				}
				failThenGoOn(t, g, n, d, request.destroy, true, func() { n.breakAt(request.is, answer) })
			})
		}
	}
}

// A fault that passes costs time, and nothing else: one run creates, one destroys.
func TestFaultsThatPass(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(w http.ResponseWriter){
		"500": func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"503": func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"cut": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		for _, who := range []string{asMember, asAdmin} {
			t.Run(name+who, func(t *testing.T) {
				t.Parallel()
				g, n := newGolden(t), newNetwork(t)
				var seen sync.Map
				n.breakAt(func(*http.Request) bool { return true }, func(w http.ResponseWriter, r *http.Request) bool {
					_, again := seen.LoadOrStore(r.Method+r.URL.Path, true)
					if !again {
						fault(w)
					}
					return !again
				})
				d := newLife(cloud(who), g.Spec+"@s", g.Name)
				d.Waiting(cloud(who), n.address, 10*time.Second, time.Minute)
				if err := d.Create(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(g.RegisteredAs(d.ID()), d.Delete(t.Context()), g.Untouched()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// An answer that never comes, after what was asked for has happened.
func TestSilenceOfGlance(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	for n, request := range requests {
		for _, who := range []string{asMember, asAdmin}[n%2:] {
			t.Run(request.what+who, func(t *testing.T) {
				g.T = t
				n := newNetwork(t)
				d := newLife(cloud(who), g.Spec+"@s", g.Name)
				d.Waiting(cloud(who), n.address, 4*time.Second, time.Millisecond)
				silence := func(http.ResponseWriter, *http.Request) bool {
					n.silent.Store(true)
					return false
				}
				if !request.destroy {
					n.breakAt(request.is, silence)
				}
				failThenGoOn(t, g, n, d, request.destroy, false, func() { n.breakAt(request.is, silence) })
			})
		}
	}
}

// failThenGoOn creates and destroys through a network that is broken during one
// of the two, and mended afterwards. back says that a deletion that failed can
// be taken back.
func failThenGoOn(t *testing.T, g golden, n *network, d *life, destroying, back bool, breakIt func()) {
	t.Helper()
	ctx := t.Context()
	err := d.Create(ctx)
	if (err == nil) == !destroying {
		t.Errorf("creating gave %v", err)
	}
	n.mend()
	if err != nil {
		if err := g.Intact(); err != nil {
			t.Error(err)
		}
		if err := d.Create(ctx); err != nil {
			t.Fatalf("creating again: %v", err)
		}
	}
	if err := g.RegisteredAs(d.ID()); err != nil {
		t.Error(err)
	}
	if destroying {
		breakIt()
		if err := d.Delete(ctx); err == nil {
			t.Error("destroying gave no error")
		}
		n.mend()
		if back {
			if err := g.RegisteredAs(d.ID()); err != nil {
				t.Errorf("left out of service: %v", err)
			}
		}
	}
	if err := errors.Join(d.Delete(ctx), g.Untouched()); err != nil {
		t.Error(err)
	}
}

// A token that is revoked in the middle is renewed, without a second try of what
// was asked for.
func TestRevokedToken(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	for _, request := range requests {
		t.Run(request.what, func(t *testing.T) {
			g.T = t
			n := newNetwork(t)
			d := newLife(cloud(asMember), g.Spec+"@s", g.Name)
			d.Through(cloud(asMember), n.address, 20*time.Second)
			token := acctest.Token(t, cloud(asMember)) // one that Glance has not seen, as it remembers for a while
			acctest.RevokeToken(t, cloud(asMember), token)
			var times atomic.Int32
			n.breakAt(request.is, func(_ http.ResponseWriter, r *http.Request) bool {
				if times.Add(1) == 1 {
					r.Header.Set("X-Auth-Token", token)
				}
				return false
			})
			if err := d.Create(t.Context()); err != nil {
				t.Error(err)
			}
			if err := g.RegisteredAs(d.ID()); err != nil {
				t.Error(err)
			}
			if err := errors.Join(d.Delete(t.Context()), g.Untouched()); err != nil {
				t.Error(err)
			}
			if times.Load() < 2 {
				t.Errorf("%s was sent %d times: the token was not refused", request.what, times.Load())
			}
		})
	}
}
