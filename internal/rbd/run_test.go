// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// client is a run of a state with a connection of its own.
func client(t *testing.T, state, run string) *Cluster {
	t.Helper()
	clients++
	running := func(id string) bool { return strings.HasPrefix(id, "running") }
	return NewCluster(Config{Run: Run{State: state, ID: run}, Running: running, ConnectTimeout: time.Minute + time.Duration(clients)*time.Second})
}

var clients int

func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// state is all that is seen of an image from outside.
func state(t *testing.T, spec Spec) string {
	t.Helper()
	out, err := acctest.TryRBD(t, "info", "--format", "json", spec.String())
	if err != nil {
		return "none"
	}
	return out + acctest.RBD(t, "image-meta", "ls", spec.String()) + acctest.RBD(t, "snap", "ls", "--all", spec.String())
}

func TestImageOfAnotherState(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	a, next, b := client(t, "a", "1"), client(t, "a", "2"), client(t, "b", "1")
	layout := Layout{SizeBytes: 4 << 20}
	if err := a.CreateImage(ctx, spec, layout, "t"); err != nil {
		t.Fatal(err)
	}
	made := state(t, spec)
	for what, try := range map[string]func() error{
		"resumed": func() error { _, err := b.Resume(ctx, spec, "t"); return err },
		"created": func() error { return b.CreateImage(ctx, spec, layout, "t") },
		"replica": func() error {
			return b.NewReplica(ctx, spec, layout, "t", ReplicaSource{Cluster: a, Spec: spec}, ReplicaOptions{})
		},
		"looked at": func() error { _, err := b.CheckFree(ctx, spec, "t"); return err },
	} {
		if what == "replica" {
			wants(t, what, try(), ErrSnapshotNotFound)
			continue
		}
		wants(t, what, try(), ErrOtherState)
		wants(t, what, try(), ErrExists)
	}
	_, err := a.CheckFree(ctx, spec, "t")
	wants(t, "a second resource of the run", err, ErrThisRun)
	_, err = next.CheckFree(ctx, spec, "u")
	wants(t, "other arguments", err, ErrOtherArguments)
	if found, err := next.Resume(ctx, spec, "t"); err != nil || !found {
		t.Errorf("the next run does not find it: %v", err)
	}
	if now := state(t, spec); now != made {
		t.Errorf("it was changed: %s, it was %s", now, made)
	}
	img, err := a.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "settled by another run", b.SettleImage(ctx, img), nil)
	if now := state(t, spec); now != made {
		t.Errorf("another run has settled it: %s", now)
	}
	wants(t, "settled", a.SettleImage(ctx, img), nil)
	_, err = next.Resume(ctx, spec, "t")
	if !errors.Is(err, ErrExists) || Unfinished(err) {
		t.Errorf("what a state has is unfinished: %v", err)
	}
}

// What a killed run has left under the temporary name is removed by a run of the
// same state only, and not while anybody is at work on it.
func TestLeftoverOfAnotherState(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	a, next, b := client(t, "a", "1"), client(t, "a", "2"), client(t, "b", "1")
	layout := Layout{SizeBytes: 4 << 20}
	p, err := a.NewPending(ctx, spec, layout, "t")
	if err != nil {
		t.Fatal(err)
	}
	made := state(t, p.Spec)
	short, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err = next.NewPending(short, spec, layout, "t")
	wants(t, "while it is at work", err, ErrInUse)
	_, err = b.NewPending(ctx, spec, layout, "t")
	wants(t, "another state, meanwhile", err, ErrOtherState)
	if err := p.release(ctx); err != nil { // as when the process is killed
		t.Fatal(err)
	}
	_, err = b.NewPending(ctx, spec, layout, "t")
	wants(t, "another state, afterwards", err, ErrOtherState)
	_, err = b.CheckTemporary(ctx, spec)
	wants(t, "another state's plan", err, ErrOtherState)
	if now := state(t, p.Spec); now != made {
		t.Errorf("it was changed: %s, it was %s", now, made)
	}
	if left, err := next.CheckTemporary(ctx, spec); err != nil || !left {
		t.Errorf("the next run's plan: %v, %v", left, err)
	}
	wants(t, "the next run", next.CreateImage(ctx, spec, layout, "t"), nil)
}

// While a run waits for a leftover to be unused, another image takes its name:
// there is nothing to remove then, and nothing that may be.
func TestLeftoverReplacedMeanwhile(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	a := client(t, "a", "1")
	layout := Layout{SizeBytes: 4 << 20}
	p, err := a.NewPending(ctx, spec, layout, "t")
	if err != nil {
		t.Fatal(err)
	}
	use := mustLock(ctx, t, a.ShareImage, p.Spec, "test")
	next, other := client(t, "a", "2"), ""
	next.cfg.Logf = func(context.Context, string, ...any) { // it waits, and looks again after this
		if other != "" {
			return
		}
		acctest.RBD(t, "rename", p.Spec.String(), spec.String()+"-away")
		acctest.RBD(t, "create", "--size", "8M", p.Spec.String())
		other = state(t, p.Spec)
		use.Release()
		if err := p.release(ctx); err != nil {
			t.Error(err)
		}
	}
	_, err = next.NewPending(ctx, spec, layout, "t")
	wants(t, "in the place of the leftover", err, ErrExists)
	if now := state(t, p.Spec); now != other {
		t.Errorf("what took its place was changed: %s, it was %s", now, other)
	}
	acctest.RBD(t, "rm", "--no-progress", spec.String()+"-away")
}

// A run that was killed while it gave the image its name.
func TestRenameOfAnotherState(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	a, next, b := client(t, "a", "1"), client(t, "a", "2"), client(t, "b", "1")
	if err := a.CreateImage(ctx, spec, Layout{SizeBytes: 4 << 20}, "t"); err != nil {
		t.Fatal(err)
	}
	temporary := spec.WithImage(PendingName(spec.Image))
	copyName(t, spec.Image, temporary.Image)
	_, err := b.Resume(ctx, spec, "t")
	wants(t, "another state", err, ErrOtherState)
	if state(t, temporary) == "none" || state(t, spec) == "none" {
		t.Error("another state has finished the rename")
	}
	h, err := a.openHandle(ctx, spec, readWrite) // as who renames it has it
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err = next.Resume(short, spec, "t")
	wants(t, "while it is renamed", err, ErrInUse)
	if state(t, temporary) == "none" {
		t.Error("a name was removed under a run that is at work")
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if found, err := next.Resume(ctx, spec, "t"); err != nil || !found {
		t.Errorf("the next run: %v, %v", found, err)
	}
	if state(t, temporary) != "none" {
		t.Error("the temporary name is left")
	}
}

func TestSnapshotOfAnotherState(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	a, next, b := client(t, "a", "1"), client(t, "a", "2"), client(t, "b", "1")
	acctest.RBD(t, "create", "--size", "4M", spec.String())
	at := spec.WithSnapshot("s")
	s, err := a.CreateSnapshot(ctx, at, "", false)
	if err != nil {
		t.Fatal(err)
	}
	made := state(t, spec)
	_, err = b.CreateSnapshot(ctx, at, "", false)
	wants(t, "another state", err, ErrOtherState)
	_, err = a.CreateSnapshot(ctx, at, "", false)
	wants(t, "a second resource of the run", err, ErrThisRun)
	img, err := a.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.CheckFreeSnapshot(img, "s")
	wants(t, "another state's plan", err, ErrOtherState)
	wants(t, "settled by another run", b.SettleSnapshot(ctx, img, s), nil)
	if now := state(t, spec); now != made {
		t.Errorf("it was changed: %s, it was %s", now, made)
	}
	if left, err := next.CheckFreeSnapshot(img, "s"); err != nil || !left {
		t.Errorf("the next run's plan: %v, %v", left, err)
	}
	again, err := next.CreateSnapshot(ctx, at, "", true)
	if err != nil || again.ID == s.ID {
		t.Fatalf("the next run: %+v, %v", again, err)
	}
	if img, err = next.Image(ctx, spec); err != nil {
		t.Fatal(err)
	}
	wants(t, "settled", next.SettleSnapshot(ctx, img, again), nil)
	_, err = client(t, "a", "3").CreateSnapshot(ctx, at, "", false)
	if !errors.Is(err, ErrExists) || Unfinished(err) {
		t.Errorf("what a state has is unfinished: %v", err)
	}

	// Of a run that was cut off in between there is only the label.
	acctest.RBD(t, "image-meta", "set", spec.String(), ownership.SnapshotKey("t"), ownership.Label(Run{State: "a", ID: "1"}.Sign(ownership.Pending), img.ID))
	_, err = b.CreateSnapshot(ctx, spec.WithSnapshot("t"), "", false)
	wants(t, "a mark without a snapshot", err, nil)
	acctest.RBD(t, "snap", "unprotect", at.String())
	acctest.RBD(t, "snap", "purge", "--no-progress", spec.String())
}

// Of all that make the same at the same time, exactly one does, and the others
// leave it alone.
func TestManyAtOnce(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	var all []*Cluster
	for _, state := range []string{"a", "a", "b", "c"} {
		all = append(all, client(t, state, fmt.Sprintf("running%d", len(all))))
	}
	at := spec.WithSnapshot("s")
	race := func(what string, make1 func(*Cluster) error) {
		t.Helper()
		errs := make([]error, len(all))
		var done sync.WaitGroup
		for i, c := range all {
			done.Go(func() { errs[i] = make1(c) })
		}
		done.Wait()
		won := -1
		for i, err := range errs {
			switch {
			case err == nil && won >= 0:
				t.Errorf("%s: %d and %d have made it", what, won, i)
			case err == nil:
				won = i
			case !errors.Is(err, ErrExists) && !errors.Is(err, ErrInUse):
				t.Errorf("%s: %d: %v", what, i, err)
			}
		}
		if won < 0 {
			t.Fatalf("%s: nobody has made it: %v", what, errors.Join(errs...))
		}
		img, err := all[0].Image(ctx, spec)
		if err != nil {
			t.Fatal(err)
		}
		by := img.PendingRun()
		if what == "snapshot" {
			by, _ = img.SnapshotRun("s")
		}
		if by != all[won].cfg.Run {
			t.Errorf("%s: made by %+v, marked as by %+v", what, all[won].cfg.Run, by)
		}
	}
	for range 3 {
		race("image", func(c *Cluster) error {
			if found, err := c.Resume(ctx, spec, "t"); err != nil || found {
				return err
			}
			return c.CreateImage(ctx, spec, Layout{SizeBytes: 4 << 20}, "t")
		})
		if got := listed(t, spec.Image); got != spec.Image {
			t.Errorf("listed: %s", got)
		}
		race("snapshot", func(c *Cluster) error { _, err := c.CreateSnapshot(ctx, at, "", false); return err })
		acctest.RBD(t, "snap", "purge", "--no-progress", spec.String())
		acctest.RBD(t, "rm", "--no-progress", spec.String())
	}
}

// A clone that a killed run has left keeps its parent: only its own state removes
// it, and not while the run goes on.
func TestLeftoverCloneOfAnotherState(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	a, next, b := client(t, "a", "1"), client(t, "a", "2"), client(t, "b", "1")
	acctest.RBD(t, "create", "--size", "4M", spec.String())
	at := spec.WithSnapshot("s")
	acctest.RBD(t, "snap", "create", "--no-progress", at.String())
	img, err := a.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	target := spec.WithImage(spec.Image + "-clone")
	p, err := a.NewPendingClone(ctx, target, Origin{Spec: at, ImageID: img.ID, SnapshotID: img.Snapshots[0].ID, CloneFormat: 2}, Layout{}, "t")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.release(ctx); err != nil { // as when the process is killed
		t.Fatal(err)
	}
	children, err := a.Children(ctx, at)
	if err != nil || len(children) != 1 || !strings.Contains(children[0].String(), "was cut off") {
		t.Fatalf("%v, %v", children, err)
	}
	foreign := ChildrenOf(errors.Join(&ChildrenError{Spec: at, Children: children}, &SnapshotsError{Spec: spec, Children: children}))
	for what, c := range map[string]*Cluster{"another state": b, "the run itself": a} {
		if n, err := c.RemoveLeftovers(ctx, foreign); n != 0 || err != nil || state(t, p.Spec) == "none" {
			t.Errorf("%s has removed %d, %v", what, n, err)
		}
	}
	if n, err := next.RemoveLeftovers(ctx, foreign); n != 1 || err != nil || state(t, p.Spec) != "none" {
		t.Errorf("the next run has removed %d, %v", n, err)
	}
	wants(t, "the snapshot", next.RemoveSnapshot(ctx, at, img.Snapshots[0].ID, false), nil)
}
