// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// original is an image whose snapshots are copied.
type original struct {
	t    *testing.T
	c    *Cluster
	spec Spec
}

// newOriginal returns the spec of the copy too, which is to be made.
func newOriginal(t *testing.T, args ...string) (original, Spec) {
	t.Helper()
	spec := testSpec(t)
	spec.Image = strings.NewReplacer("/", "-", ",", "").Replace(spec.Image)
	target := spec.WithImage(spec.Image + "-copy")
	t.Cleanup(func() {
		for _, s := range []Spec{spec, target} {
			acctest.Drop(t, s.String())
		}
	})
	acctest.RBD(t, append([]string{"create", "--size", "60M", spec.String()}, args...)...)
	return original{t, NewCluster(Config{}), spec}, target
}

func (o original) snapshot(name string) ReplicaSource {
	o.t.Helper()
	s, err := o.c.CreateSnapshot(o.t.Context(), o.spec.WithSnapshot(name), "", false)
	if err != nil {
		o.t.Fatal(err)
	}
	img, err := o.c.Image(o.t.Context(), o.spec)
	if err != nil {
		o.t.Fatal(err)
	}
	return ReplicaSource{Cluster: o.c, Spec: o.spec.WithSnapshot(name), ImageID: img.ID, SnapshotID: s.ID}
}

func (o original) first(target Spec, layout Layout) (id string) {
	o.t.Helper()
	if err := o.c.NewReplica(o.t.Context(), target, layout, "t", o.snapshot("s0"), ReplicaOptions{}); err != nil {
		o.t.Fatal(err)
	}
	img, err := o.c.Image(o.t.Context(), target)
	if err != nil {
		o.t.Fatal(err)
	}
	return img.ID
}

// same asks the rbd command: the copy and its snapshot are what the source's is.
func (o original) same(target Spec, snapshot string) {
	o.t.Helper()
	want := exported(o.t, o.spec.WithSnapshot(snapshot))["sha256"]
	for _, s := range []Spec{target, target.WithSnapshot(snapshot)} {
		if got := exported(o.t, s)["sha256"]; got != want {
			o.t.Errorf("%s is not what %s is", s, o.spec.WithSnapshot(snapshot))
		}
	}
}

// Whatever was written, discarded, cut off and grown again between the snapshots,
// and whether the one before is still there or not.
func TestReplicaOfAnyHistory(t *testing.T) {
	for name, tc := range map[string]struct {
		args   []string
		layout Layout
	}{
		"fast-diff":     {nil, Layout{}},
		"other objects": {[]string{"--object-size", "64K"}, Layout{ObjectSizeBytes: 8 << 20}},
		"no object map": {[]string{"--image-feature", "layering"}, Layout{Features: []string{"layering"}}},
		"striped":       {[]string{"--stripe-unit", "64K", "--stripe-count", "3"}, Layout{StripeUnitBytes: 1 << 20, StripeCount: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			o, target := newOriginal(t, tc.args...)
			change := func() {
				edit(t, o.c, o.spec, func(img *librbd.Image) error { return randomChanges(r, img, 8) })
			}
			change()
			id := o.first(target, tc.layout)
			o.same(target, "s0")
			for i := range 5 {
				change()
				next := o.snapshot(fmt.Sprint("s", i+1))
				if i%2 == 1 { // nothing tells what has changed
					acctest.RBD(t, "snap", "rm", "--no-progress", o.spec.WithSnapshot(fmt.Sprint("s", i)).String())
				}
				if err := o.c.AdvanceReplica(t.Context(), target, id, next, ReplicaOptions{Keep: 1 + i%3}); err != nil {
					t.Fatal(err)
				}
				o.same(target, next.Spec.Snapshot)
			}
		})
	}
}

// What somebody writes to the copy while it is brought up to date is no part of
// it: no snapshot is made, and the last one stands.
func TestReplicaWrittenMeanwhile(t *testing.T) {
	o, target := newOriginal(t)
	edit(t, o.c, o.spec, func(img *librbd.Image) error { return write(img, 0, 1<<20) })
	id := o.first(target, Layout{})
	edit(t, o.c, o.spec, func(img *librbd.Image) error { return write(img, 512<<10, 4<<10) })
	next := o.snapshot("s1")
	advance := func(progress func(done, total uint64)) error {
		return o.c.AdvanceReplica(t.Context(), target, id, next, ReplicaOptions{Progress: progress})
	}
	err := advance(func(_, _ uint64) {
		acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "4K", "--io-total", "4K", "--io-pattern", "seq", target.String())
		edit(t, o.c, target, func(img *librbd.Image) error { return write(img, 40<<20, 4<<10) })
	})
	if !errors.Is(err, ErrReplicaWritten) {
		t.Fatalf("not refused: %v", err)
	}
	if _, err := acctest.TryRBD(t, "info", target.WithSnapshot("s1").String()); err == nil {
		t.Error("a snapshot was made nevertheless")
	}
	if got, want := exported(t, target.WithSnapshot("s0"))["sha256"], exported(t, o.spec.WithSnapshot("s0"))["sha256"]; got != want {
		t.Error("the last snapshot has changed")
	}
	// It stays refused until somebody has had a look at it.
	if err := advance(nil); !errors.Is(err, ErrReplicaWritten) {
		t.Errorf("not refused again: %v", err)
	}
	acctest.RBD(t, "snap", "rollback", "--no-progress", target.WithSnapshot("s0").String())
	if err := advance(nil); err != nil {
		t.Fatal(err)
	}
	o.same(target, "s1")
}
