// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// Whoever edits is alone, however many come at once from whatever machine, and
// each gets its turn.
func TestEditsExcludeEachOther(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	var clusters []*Cluster // each with a connection of its own
	for _, option := range []string{"1", "2", "3", "4"} {
		clusters = append(clusters, NewCluster(Config{Options: map[string]string{"client_mount_timeout": "30" + option}}))
	}
	img, err := clusters[0].Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	var at, done atomic.Int32
	var all sync.WaitGroup
	for _, c := range append(clusters, clusters[0]) {
		all.Go(func() {
			e, err := c.BeginEdit(t.Context(), spec, img.ID)
			if err != nil {
				t.Error(err)
				return
			}
			if n := at.Add(1); n > 1 {
				t.Errorf("%d edit it at once", n)
			}
			err = e.Protect(t.Context())
			if err == nil {
				err = e.BeginCommit(t.Context())
			}
			if err == nil {
				err = e.Accept(t.Context())
			}
			done.Add(1)
			at.Add(-1)
			if err := errors.Join(err, e.End()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done.Load() != 5 {
		t.Errorf("%d of 5 had their turn", done.Load())
	}
	clean(t, clusters[0], spec)
}

// An edit that is at work in another process is not taken for one that was cut
// off, and nothing of it is taken back.
func TestEditUnderWayElsewhere(t *testing.T) {
	t.Parallel()
	spec := testSpec(t)
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	here, elsewhere := NewCluster(Config{}), NewCluster(Config{Options: map[string]string{"client_mount_timeout": "301"}})
	ctx := t.Context()
	img, err := here.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	e, err := elsewhere.BeginEdit(ctx, spec, img.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Protect(t.Context()); err != nil {
		t.Fatal(err)
	}
	edit(t, elsewhere, spec, func(img *librbd.Image) error { return write(img, 0, 1<<20) })
	before := hashed(t, elsewhere, spec.WithSnapshot(UndoSnapshot)).Sums["sha512"]

	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var busy *BusyError
	if _, err := here.BeginEdit(short, spec, img.ID); !errors.As(err, &busy) || busy.Holders[0].What != "edit" {
		t.Errorf("a second edit: %v", err)
	}
	if got := acctest.RBD(t, "snap", "ls", spec.String()); !strings.Contains(got, UndoSnapshot) {
		t.Errorf("snapshots: %s", got)
	}
	if err := errors.Join(e.Accept(t.Context()), e.End()); err != nil {
		t.Fatal(err)
	}
	if hashed(t, here, spec).Sums["sha512"] == before {
		t.Error("what the first edit wrote was taken back")
	}
	if e, err = here.BeginEdit(ctx, spec, img.ID); err != nil {
		t.Fatal(err)
	}
	if err := e.End(); err != nil {
		t.Error(err)
	}
}
