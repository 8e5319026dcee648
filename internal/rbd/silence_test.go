// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// deafCluster is the lab for a client that can be made not to hear of the OSDs any
// more. The lab itself is not disturbed.
func deafCluster(t *testing.T) *Cluster {
	t.Helper()
	return NewCluster(Config{ConnectTimeout: 2 * time.Second, silence: 2 * time.Second, Options: map[string]string{
		"ms_inject_delay_type": "osd", "ms_inject_delay_probability": "0", "ms_inject_delay_max": "1000000",
		"crash_dir": t.TempDir(), // it is not used, and makes the connections those of this test
	}})
}

// deafen makes the connections that are there, and those to come, hear nothing.
// They never answer whoever wants their locks either: at the end of the test the
// cluster takes them for dead.
func deafen(t *testing.T, c *Cluster) {
	t.Helper()
	connections.Lock()
	defer connections.Unlock()
	for _, patient := range []bool{false, true} {
		if cn := connections.byKey[c.cfg.connectionKey(patient)]; cn != nil {
			if err := cn.conn.SetConfigOption("ms_inject_delay_probability", "1"); err != nil {
				t.Fatal(err)
			}
			addr, err := cn.conn.GetAddrs()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { acctest.Admin(t, "ceph", "osd", "blocklist", "add", addr, "600") })
		}
	}
	c.cfg.Options = maps.Clone(c.cfg.Options)
	c.cfg.Options["ms_inject_delay_probability"] = "1"
}

// within fails where fn takes longer than a plan should.
func within(t *testing.T, limit time.Duration, what string, fn func() error) error {
	t.Helper()
	begin, done := time.Now(), make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		t.Logf("%s: %s: %v", what, time.Since(begin).Round(time.Millisecond), err)
		return err
	case <-time.After(limit):
		t.Fatalf("%s: no answer within %s", what, limit)
		return nil
	}
}

// A read for a plan ends by itself, and says who does not answer.
func TestReadsOfASilentCluster(t *testing.T) {
	t.Parallel()
	c := deafCluster(t)
	deafen(t, c)
	for what, read := range map[string]func(context.Context) error{
		"image": func(ctx context.Context) error {
			_, err := c.Image(ctx, Spec{Pool: "vms", Image: "no-such-image"})
			return err
		},
		"reader": func(ctx context.Context) error {
			_, err := c.OpenReader(ctx, Spec{Pool: "vms", Image: "no-such-image"})
			return err
		},
		"namespace": func(ctx context.Context) error { return c.CheckPool(ctx, "vms", "none") },
		"name": func(ctx context.Context) error {
			_, err := c.CheckFree(ctx, Spec{Pool: "vms", Image: "no-such-image"}, "")
			return err
		},
		"lock": func(ctx context.Context) error {
			_, err := c.ShareImage(ctx, Spec{Pool: "vms", Image: "no-such-image"}, "test")
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			err := within(t, 30*time.Second, what, func() error { return read(t.Context()) })
			if !errors.Is(err, ErrOSDSilent) || errors.Is(err, ErrImageNotFound) {
				t.Error(err)
			}
			// A change has its own time, and obeys it.
			ctx, cancel := context.WithTimeout(Patiently(t.Context()), 4*time.Second)
			defer cancel()
			err = within(t, 30*time.Second, what+", patiently", func() error { return read(ctx) })
			if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrOSDSilent) {
				t.Error(err)
			}
		})
	}
}

// Where no monitor answers, one attempt to connect is for all who ask meanwhile and
// shortly after, and the next attempt is a short one.
func TestConnectToNobody(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // it never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	cfg := Config{ConnectTimeout: 6 * time.Second, Monitors: []string{"v2:" + listener.Addr().String()}}
	attempt := func(c *Cluster) *connection {
		connections.Lock()
		defer connections.Unlock()
		return connections.byKey[c.cfg.connectionKey(false)]
	}
	ask := func(want string) *connection {
		t.Helper()
		c := NewCluster(cfg)
		if _, err := c.FSID(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "answered within "+want) {
			t.Fatalf("%v, want no answer within %s", err, want)
		}
		return attempt(c)
	}
	first := ask("6s")
	for range 100 {
		if ask("6s") != first {
			t.Fatal("there was another attempt")
		}
	}
	connections.Lock()
	first.ended = first.ended.Add(-probeLimit)
	connections.Unlock()
	if ask("4s") == first {
		t.Error("there was no other attempt")
	}
}

// Of several reads only the first waits for its whole limit.
func TestReadsAfterASilentOne(t *testing.T) {
	t.Parallel()
	c := deafCluster(t)
	deafen(t, c)
	for n, want := range []bool{true, false, false} {
		_, err := c.Image(t.Context(), Spec{Pool: "vms", Image: "no-such-image"})
		if !errors.Is(err, ErrOSDSilent) || strings.Contains(err.Error(), "nothing was heard") != want {
			t.Errorf("read %d: %v", n, err)
		}
	}
	probed := func() *probing {
		c.asked.Lock()
		defer c.asked.Unlock()
		return c.asked.pools["vms"]
	}
	last := probed()
	for range 100 {
		if _, err := c.Image(t.Context(), Spec{Pool: "vms", Image: "no-such-image"}); !errors.Is(err, ErrOSDSilent) || probed() != last {
			t.Fatalf("%v; another probe: %t", err, probed() != last)
		}
	}
}

// Nobody waits for long for what is under way when the OSDs fall silent. What was
// given up is never used again.
func TestChangesOfASilentCluster(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(context.Context, *Cluster, Spec, string) (func() error, error){
		"edit": func(ctx context.Context, c *Cluster, spec Spec, id string) (func() error, error) {
			e, err := c.BeginEdit(ctx, spec, id)
			return func() error {
				err := e.Protect(ctx)
				if again := e.step(Patiently(t.Context()), e.rollback); !errors.Is(again, errLost) {
					return errors.Join(errors.New("it was used again"), again)
				}
				return errors.Join(err, e.End())
			}, err
		},
		"end of an edit": func(ctx context.Context, c *Cluster, spec Spec, id string) (func() error, error) {
			e, err := c.BeginEdit(ctx, spec, id)
			return func() error { return e.End() }, err
		},
		"detach": func(ctx context.Context, c *Cluster, spec Spec, id string) (func() error, error) {
			a, err := c.BeginDetach(ctx, spec, id, "test")
			return func() error { return errors.Join(a.Detach(ctx), a.Reattach(ctx), a.End()) }, err
		},
		"content": func(ctx context.Context, c *Cluster, spec Spec, _ string) (func() error, error) {
			p, err := c.NewPending(ctx, spec.WithImage(spec.Image+"-new"), Layout{SizeBytes: 1 << 20}, "token")
			return func() error {
				_, err := p.WriteStream(ctx, strings.NewReader(strings.Repeat("x", 1<<20)), nil)
				return errors.Join(err, p.Discard(ctx))
			}, err
		},
		"snapshot": func(ctx context.Context, c *Cluster, spec Spec, id string) (func() error, error) {
			_, err := c.Image(Patiently(ctx), spec)
			return func() error { return c.SetLabel(Patiently(ctx), spec, "test", id) }, err
		},
		"removal": func(ctx context.Context, c *Cluster, spec Spec, id string) (func() error, error) {
			_, err := c.Image(Patiently(ctx), spec)
			return func() error { return c.RemoveImage(Patiently(ctx), spec, id) }, err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			spec := testSpec(t)
			acctest.RBD(t, "create", "--size", "1M", spec.String())
			img, err := NewCluster(Config{}).Image(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				for _, name := range acctest.Images(t, "vms", spec.Image) {
					_, _ = acctest.TryRBD(t, "snap", "purge", "vms/"+name)
					_, _ = acctest.TryRBD(t, "rm", "--no-progress", "vms/"+name)
				}
			})
			c := deafCluster(t)
			ctx, cancel := context.WithCancel(Patiently(t.Context()))
			defer cancel()
			do, err := change(ctx, c, spec, img.ID)
			if err != nil {
				t.Fatal(err)
			}
			deafen(t, c)
			time.AfterFunc(time.Second, cancel)
			err = within(t, 40*time.Second, what, do)
			if !errors.Is(err, ErrOSDSilent) && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// An option that Ceph does not know, or a value that it does not take, is named.
func TestUnknownOptions(t *testing.T) {
	for name, value := range map[string]string{"rbd_no_such_option": "1", "rbd_concurrent_management_ops": "many"} {
		c := NewCluster(Config{Options: map[string]string{name: value}})
		_, err := c.FSID(t.Context())
		if !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), `"`+name+`"`) || strings.Contains(err.Error(), "many") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A call that hangs, though the cluster answers others, is left alone with its
// connection: the next one gets another.
func TestHangingCall(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	c := NewCluster(Config{Options: map[string]string{"crash_dir": t.TempDir()}}) // connections of this test
	end := make(chan struct{})
	used := func(ctx context.Context, wait <-chan struct{}) (at *connection, err error) {
		got := make(chan *connection, 1)
		err = c.run(Patiently(ctx), 0, "vms", func(cn *connection) error {
			got <- cn
			<-wait
			return nil
		})
		return <-got, err
	}
	closed := make(chan struct{})
	close(closed)
	before, err := used(t.Context(), closed)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	hangs, err := used(ctx, end)
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrOSDSilent) || hangs != before {
		t.Errorf("while it hangs: %v, on another connection: %t", err, hangs != before)
	}
	after, err := used(t.Context(), closed)
	if err != nil || after == hangs {
		t.Errorf("afterwards: %v, on the same connection: %t", err, after == hangs)
	}
	interrupted, stop := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, stop)
	if _, err := used(interrupted, end); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(end)
	if again, err := used(t.Context(), closed); err != nil || again != after {
		t.Errorf("after an interrupt: %v, on another connection: %t", err, again != after)
	}
}
