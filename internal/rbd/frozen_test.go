// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// undertaking is a change of several steps that an OSD may fall silent in.
type undertaking struct {
	t    *testing.T
	c    *Cluster // that answers
	spec Spec
	id   string
	from ReplicaSource
}

var undertakings = map[string]struct {
	prepare func(context.Context, *undertaking) error
	do      func(context.Context, *undertaking, *Cluster) error // takes up what was cut off, too
	check   func(*undertaking)
}{
	"create": {
		do: func(ctx context.Context, u *undertaking, c *Cluster) error {
			if found, err := c.Resume(ctx, u.spec, "token"); err != nil || found {
				return err
			}
			return c.CreateImage(ctx, u.spec, Layout{SizeBytes: 8 << 20, Metadata: map[string]string{"a": "b"}}, "token")
		},
		check: func(u *undertaking) {
			if img := u.image(u.spec); img.SizeBytes != 8<<20 || img.Metadata["a"] != "b" {
				u.t.Errorf("%+v", img)
			}
		},
	},
	"snapshot": {
		prepare: func(ctx context.Context, u *undertaking) error { return u.make(ctx, u.spec) },
		do: func(ctx context.Context, u *undertaking, c *Cluster) error {
			_, err := c.CreateSnapshot(ctx, u.spec.WithSnapshot("s"), u.id, true)
			return err
		},
		check: func(u *undertaking) {
			if s, err := u.image(u.spec).Snapshot("s"); err != nil || !s.Protected {
				u.t.Errorf("%+v, %v", s, err)
			}
		},
	},
	"edit": {
		prepare: func(ctx context.Context, u *undertaking) error { return u.make(ctx, u.spec) },
		do: func(ctx context.Context, u *undertaking, c *Cluster) error {
			return u.edit(ctx, c, []byte("new"))
		},
		check: func(u *undertaking) {
			if img := u.image(u.spec); len(img.Snapshots) > 0 || img.EditInterrupted() {
				u.t.Errorf("%+v", img)
			}
			if b := u.content(); !bytes.Equal(b, []byte("newnew")) {
				u.t.Errorf("the content is %q", b)
			}
		},
	},
	"detach": {
		prepare: func(ctx context.Context, u *undertaking) error { return u.make(ctx, u.spec) },
		do: func(ctx context.Context, u *undertaking, c *Cluster) error {
			a, err := c.BeginDetach(ctx, u.spec, u.id, "test")
			if err != nil {
				return err
			}
			if err = a.Detach(ctx); err == nil {
				err = a.Reattach(ctx)
			}
			return errors.Join(err, a.End())
		},
		check: func(u *undertaking) {
			if img := u.image(u.spec); img.ID != u.id || img.DetachedFor() != "" {
				u.t.Errorf("%+v", img)
			}
			if all := acctest.Images(u.t, u.spec.Pool, u.spec.Image); len(all) != 1 {
				u.t.Error(all)
			}
		},
	},
	"delete": {
		prepare: func(ctx context.Context, u *undertaking) error { return u.make(ctx, u.spec) },
		do: func(ctx context.Context, u *undertaking, c *Cluster) error {
			return c.DeleteImage(ctx, u.spec, u.id, nil)
		},
		check: func(u *undertaking) {
			if all := acctest.Images(u.t, u.spec.Pool, u.spec.Image); len(all) != 0 {
				u.t.Error(all)
			}
			if all := acctest.Trash(u.t, u.spec.Pool, u.spec.Image); len(all) != 0 {
				u.t.Error(all)
			}
		},
	},
	"rename": {
		prepare: func(ctx context.Context, u *undertaking) error { return u.make(ctx, u.spec) },
		do: func(ctx context.Context, u *undertaking, c *Cluster) error {
			img, err := c.ImageByID(ctx, u.spec, u.id)
			if err != nil || img.Spec.Image != u.spec.Image {
				return err
			}
			return c.RenameImage(ctx, u.spec, u.id, u.spec.Image+"-2")
		},
		check: func(u *undertaking) {
			if all := acctest.Images(u.t, u.spec.Pool, u.spec.Image); len(all) != 1 || all[0] != u.spec.Image+"-2" {
				u.t.Error(all)
			}
		},
	},
	"guard": {
		prepare: func(ctx context.Context, u *undertaking) error { return u.origin(ctx, u.spec) },
		do: func(ctx context.Context, u *undertaking, c *Cluster) error {
			return c.EnsureGuard(ctx, u.from.Spec, u.id, u.from.SnapshotID, u.spec.Image+"-2", "owner")
		},
		check: func(u *undertaking) {
			g, err := u.c.Guard(u.t.Context(), u.spec.WithImage(u.spec.Image+"-2"))
			if err != nil || !g.Guards(u.id, u.from.SnapshotID) || g.Owner != "owner" {
				u.t.Errorf("%+v, %v", g, err)
			}
		},
	},
	"flatten": {
		prepare: func(ctx context.Context, u *undertaking) error {
			clone := u.spec.WithImage(u.spec.Image + "-2")
			err := u.origin(ctx, u.spec)
			if err == nil {
				err = u.c.CloneImage(ctx, clone, Origin{Spec: u.from.Spec, ImageID: u.id, SnapshotID: u.from.SnapshotID}, Layout{}, "token")
			}
			return err
		},
		do: func(ctx context.Context, u *undertaking, c *Cluster) error {
			return c.flattenHere(ctx, u.spec.WithImage(u.spec.Image+"-2"), "")
		},
		check: func(u *undertaking) {
			u.spec = u.spec.WithImage(u.spec.Image + "-2")
			if img := u.image(u.spec); img.Parent != nil {
				u.t.Errorf("%+v", img)
			}
			if b := u.content(); !bytes.Equal(b, []byte("oldold")) {
				u.t.Errorf("the content is %q", b)
			}
		},
	},
	"replica": {
		prepare: func(ctx context.Context, u *undertaking) error {
			source := u.spec.WithImage(u.spec.Image + "-2")
			if err := u.origin(ctx, source); err != nil {
				return err
			}
			if err := u.c.NewReplica(ctx, u.spec, Layout{}, "token", u.from, ReplicaOptions{}); err != nil {
				return err
			}
			if err := u.write(ctx, source, "new"); err != nil {
				return err
			}
			if err := u.snapshot(ctx, source.WithSnapshot("later")); err != nil {
				return err
			}
			img, err := u.c.Image(ctx, u.spec)
			u.id = img.ID
			return err
		},
		do: func(ctx context.Context, u *undertaking, c *Cluster) error {
			from := u.from
			from.Cluster = c
			return c.AdvanceReplica(ctx, u.spec, u.id, from, ReplicaOptions{Protect: true, Keep: 1})
		},
		check: func(u *undertaking) {
			img := u.image(u.spec)
			r, _ := img.Replica()
			if s, err := img.Snapshot("later"); err != nil || !s.Protected || r.Writing != 0 || r.SnapshotID != s.ID || img.EditInterrupted() {
				u.t.Errorf("%+v, %v", img, err)
			}
			if b := u.content(); !bytes.Equal(b, []byte("newnew")) {
				u.t.Errorf("the content is %q", b)
			}
		},
	},
}

// second is where the other half of the content is.
const second = 4 << 20

// make makes an image whose content is old.
func (u *undertaking) make(ctx context.Context, spec Spec) error {
	if err := u.c.CreateImage(ctx, spec, Layout{SizeBytes: 8 << 20}, "token"); err != nil {
		return err
	}
	img, err := u.c.Image(ctx, spec)
	if err != nil {
		return err
	}
	if err := u.c.SettleImage(ctx, img); err != nil {
		return err
	}
	u.id = img.ID
	return u.write(ctx, spec, "old")
}

// write writes both halves.
func (u *undertaking) write(ctx context.Context, spec Spec, content string) error {
	return u.c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error {
		for _, at := range []int64{0, second} {
			if _, err := img.WriteAt([]byte(content), at); err != nil {
				return err
			}
		}
		return nil
	})
}

// origin makes one with a snapshot.
func (u *undertaking) origin(ctx context.Context, spec Spec) error {
	if err := u.make(ctx, spec); err != nil {
		return err
	}
	return u.snapshot(ctx, spec.WithSnapshot("s"))
}

func (u *undertaking) snapshot(ctx context.Context, spec Spec) error {
	img, err := u.c.Image(ctx, spec.ImageSpec())
	if err != nil {
		return err
	}
	s, err := u.c.CreateSnapshot(ctx, spec, img.ID, true)
	u.from = ReplicaSource{Cluster: u.c, Spec: spec, ImageID: img.ID, SnapshotID: s.ID}
	return err
}

func (u *undertaking) edit(ctx context.Context, c *Cluster, content []byte) (err error) {
	e, err := c.BeginEdit(ctx, u.spec, u.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.End()) }()
	if err := e.Protect(ctx); err != nil {
		return err
	}
	if err := e.BeginCommit(ctx); err != nil {
		return err
	}
	now := e.Content(ctx)
	for _, at := range []int64{0, second} {
		if _, err := now.WriteAt(content, at); err != nil {
			return err
		}
	}
	if err := now.Flush(); err != nil {
		return err
	}
	return e.Accept(ctx)
}

func (u *undertaking) image(spec Spec) Image {
	img, err := u.c.Image(u.t.Context(), spec)
	if err != nil {
		u.t.Error(err)
	}
	return img
}

// content reads both halves.
func (u *undertaking) content() []byte {
	b := make([]byte, 6)
	r, err := u.c.OpenReader(u.t.Context(), u.spec)
	if err != nil {
		u.t.Error(err)
		return nil
	}
	_, err1 := r.ReadAt(b[:3], 0)
	_, err2 := r.ReadAt(b[3:], second)
	if err := errors.Join(err1, err2, r.Close()); err != nil {
		u.t.Error(err)
	}
	return b
}

// The OSD falls silent in the middle of everything, whenever that is. Who is told
// to stop by then stops, and the next run finishes it; who is not goes on when
// it is back.
func TestFrozenOSD(t *testing.T) {
	for name, tc := range map[string]struct {
		moment  time.Duration // from the beginning on
		limited bool          // by time, and not stopped
		stays   bool          // neither
	}{
		"soon":        {moment: 50 * time.Millisecond},
		"later":       {moment: 400 * time.Millisecond, limited: true},
		"for a while": {moment: 100 * time.Millisecond, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			state, all := acctest.FSID(t), prepared(t)
			c := NewCluster(Config{
				ConnectTimeout: time.Second, silence: 500 * time.Millisecond,
				Run:     Run{State: state, ID: "first"},
				Options: map[string]string{"crash_dir": t.TempDir()}, // it makes the connections those of this test
			})
			ctx, cancel := context.WithCancel(Patiently(t.Context()))
			defer cancel()
			if err := errors.Join(c.probe("vms"), c.CheckPool(ctx, "vms", "")); err != nil { // which connect
				t.Fatal(err)
			}
			if tc.limited {
				ctx, cancel = context.WithTimeout(ctx, tc.moment+50*time.Millisecond)
				defer cancel()
			}
			results := make(chan error, len(all))
			for what, u := range all {
				go func() { results <- named(what, undertakings[what].do(ctx, u, c)) }()
			}
			<-time.After(tc.moment) // nothing tells how far each has come, and any moment will do
			thaw := acctest.FreezeOSD(t)
			switch {
			case tc.stays:
				if err := c.probe("vms"); !errors.Is(err, ErrOSDSilent) {
					t.Errorf("the OSD is frozen: %v", err)
				}
				thaw()
			case !tc.limited:
				cancel()
			}
			for limit := time.After(30 * time.Second); len(results) < len(all); {
				select {
				case <-limit:
					t.Fatal("not all have ended")
				case <-time.After(10 * time.Millisecond):
				}
			}
			thaw()
			for range all {
				err := <-results
				t.Log(err)
				stopped := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrOSDSilent)
				if err != nil && (tc.stays || !stopped) {
					t.Error(err)
				}
			}
			acctest.Await(t, "nothing is under way any more", c.unused)
			finished(t, all, NewCluster(Config{Run: Run{State: state, ID: "second"}}))
		})
	}
}

func named(what string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return err
}

// finished runs everything again, as another run of the same state.
func finished(t *testing.T, all map[string]*undertaking, again *Cluster) {
	t.Helper()
	var work errgroup.Group
	for what, u := range all {
		work.Go(func() error { return named(what, undertakings[what].do(Patiently(t.Context()), u, again)) })
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	for what, u := range all {
		t.Run(what, func(t *testing.T) {
			u.t = t
			undertakings[what].check(u)
		})
	}
}

// prepared has made what is to be changed.
func prepared(t *testing.T) map[string]*undertaking {
	t.Helper()
	name := testSpec(t)
	t.Cleanup(func() { acctest.Purge(t, name.Image) })
	all := map[string]*undertaking{}
	var work errgroup.Group
	for what, u := range undertakings {
		made := &undertaking{t: t, c: NewCluster(Config{}), spec: name.WithImage(name.Image + "-" + what)}
		all[what] = made
		if u.prepare != nil {
			work.Go(func() error { return u.prepare(t.Context(), made) })
		}
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

// unused tells whether nothing goes on by itself any more.
func (c *Cluster) unused() bool {
	connections.Lock()
	defer connections.Unlock()
	for _, patient := range []bool{false, true} {
		if cn := connections.byKey[c.cfg.connectionKey(patient)]; cn != nil && cn.users > 0 {
			return false
		}
	}
	return true
}
