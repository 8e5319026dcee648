// SPDX-License-Identifier: MPL-2.0

package replication_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/replication"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// A first copy, later ones, and what is changed of its snapshots.
func TestDo(t *testing.T) {
	t.Parallel()
	p := newPair(t, acctest.Name(t), 4*mib)
	a := p.snapshot("a")
	first := p.do(a)
	again := a
	again.Protect = false
	p.update(first, again)
	b := p.change(mib, "b")
	b.VerifyContent = true
	second := p.update(first, b)
	if got := p.snapshots(); got != "a b" {
		t.Errorf("snapshots: %s", got)
	}
	// The source's snapshot has another name now, and somebody a clone of the older.
	acctest.RBD(t, "snap", "rename", p.source+"@b", p.source+"@c")
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", p.copied.String()+"@a", "images/"+p.copied.Image+"-clone")
	renamed := p.request("c")
	renamed.Keep = 1
	got, err := replication.Update(t.Context(), p.d, second, renamed)
	if err != nil || len(got.Kept) != 1 || !errors.Is(got.Kept[0], rbd.ErrHasChildren) {
		t.Errorf("kept: %v, %v", got.Kept, err)
	}
	p.holds(renamed)
	acctest.RBD(t, "rm", "--no-progress", "images/"+p.copied.Image+"-clone")
	p.update(second, renamed)
	if got := p.snapshots(); got != "c" {
		t.Errorf("snapshots: %s", got)
	}
}

// A run that was killed before it could write its state has done it.
func TestDoAgain(t *testing.T) {
	t.Parallel()
	p := newPair(t, acctest.Name(t), 2*mib)
	a := p.snapshot("a")
	first := p.do(a)
	p.d = lab(t, "state", "2")
	if again := p.do(a); again != first {
		t.Errorf("%+v was %+v", again, first)
	}
	_, err := replication.Do(t.Context(), lab(t, "other", "1"), a)
	if !errors.Is(err, rbd.ErrOtherState) {
		t.Errorf("by another state: %v", err)
	}
	b := p.change(mib, "b")
	p.update(first, b)
	_, was := p.read()
	p.update(first, b)
	if _, is := p.read(); is.SnapshotID != was.SnapshotID {
		t.Errorf("copied again: %+v was %+v", is, was)
	}
}

// A source that is another snapshot than the plan has seen is not copied.
func TestDoSourceChanged(t *testing.T) {
	t.Parallel()
	p := newPair(t, acctest.Name(t), 2*mib)
	replaced := func(r replication.Request) replication.Request {
		acctest.RBD(t, "snap", "rm", "--no-progress", r.Source.Snapshot)
		_, name, _ := strings.Cut(r.Source.Snapshot, "@")
		return p.change(mib, name)
	}
	a := p.snapshot("a")
	now := replaced(a)
	if _, err := replication.Do(t.Context(), p.d, a); !errors.Is(err, replication.ErrSourceChanged) {
		t.Errorf("not refused: %v", err)
	}
	p.left()
	now.Planned = replication.ID{} // the plan could not know it
	if _, err := replication.Do(t.Context(), p.d, now); err != nil {
		t.Fatal(err)
	}
	first := p.holds(p.request("a"))
	b := p.snapshot("b")
	replaced(b)
	if _, err := replication.Update(t.Context(), p.d, first, b); !errors.Is(err, replication.ErrSourceChanged) {
		t.Errorf("not refused: %v", err)
	}
	p.holds(p.request("a"))
}

// A source in another cluster than the one that is meant is not copied.
func TestDoOtherCluster(t *testing.T) {
	t.Parallel()
	dc2 := acctest.RequireSecond(t)
	p := newPair(t, acctest.Name(t), 2*mib)
	a := p.snapshot("a")
	own, far := a.Source, a.Source
	own.FSID = dc2.FSID
	far.Cluster, far.FSID = &rbd.Config{ConfFile: dc2.Conf, User: "terraform"}, acctest.FSID(t)
	for what, ref := range map[string]replication.Reference{"its own": own, "another": far} {
		wrong := a
		wrong.Source = ref
		if _, err := replication.Do(t.Context(), p.d, wrong); !errors.Is(err, replication.ErrOtherCluster) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.left()
	a.Source.FSID = strings.ToUpper(acctest.FSID(t))
	first := p.do(a)
	b := p.change(mib, "b")
	b.Source = own
	if _, err := replication.Update(t.Context(), p.d, first, b); !errors.Is(err, replication.ErrOtherCluster) {
		t.Errorf("not refused: %v", err)
	}
	p.holds(a)
}

// Only what has the note of a replica is taken over, with the snapshots in it.
func TestAdopt(t *testing.T) {
	t.Parallel()
	p := newPair(t, acctest.Name(t), 2*mib)
	p.do(p.snapshot("a"))
	acctest.RBD(t, "image-meta", "rm", p.copied.String(), "terraform-provider-rbd.snapshot.a")
	acctest.RBD(t, "snap", "create", "--no-progress", p.copied.String()+"@theirs")
	if err := replication.Adopt(t.Context(), p.d, p.copied); err != nil {
		t.Fatal(err)
	}
	if img, _ := p.read(); !img.OwnsSnapshot("a") || img.OwnsSnapshot("theirs") {
		t.Errorf("labels: %v", img.Metadata)
	}
	if err := replication.Adopt(t.Context(), p.d, rbd.Spec{Pool: "images", Image: p.copied.Image + "-source"}); !errors.Is(err, rbd.ErrNotReplica) {
		t.Errorf("not refused: %v", err)
	}
}
