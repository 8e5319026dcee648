// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// goldenImage is an image with the protected snapshot "s".
func goldenImage(t *testing.T, c *Cluster) (Spec, Image) {
	t.Helper()
	spec := testSpec(t)
	t.Cleanup(func() {
		for _, n := range []string{"guard.x", "guard.y"} {
			_, _ = acctest.TryRBD(t, "rm", "--no-progress", "vms/"+spec.Image+n)
		}
		img, err := c.Image(t.Context(), spec)
		if err == nil {
			_, _ = acctest.TryRBD(t, "rm", "--no-progress", "vms/"+spec.Image+".detach-"+img.ID)
		}
		_, _ = acctest.TryRBD(t, "snap", "unprotect", spec.String()+"@s")
	})
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@s")
	acctest.RBD(t, "snap", "protect", spec.String()+"@s")
	img, err := c.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return spec, img
}

func TestDetach(t *testing.T) {
	c := NewCluster(Config{})
	ctx := t.Context()
	spec, img := goldenImage(t, c)
	a, err := c.BeginDetach(ctx, spec, img.ID, "one")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is left to do
		if err := errors.Join(a.Detach(ctx), a.SetStep("asked")); err != nil {
			t.Fatal(err)
		}
	}
	var now []string // other tests have images in this pool too
	for _, name := range strings.Fields(acctest.RBD(t, "ls", "vms")) {
		if strings.HasPrefix(name, spec.Image) {
			now = append(now, name)
		}
	}
	if !a.Away() || !slices.Equal(now, []string{spec.Image, spec.Image + ".detach-" + img.ID}) {
		t.Errorf("images: %s", now)
	}
	// By its id it is found as what it will be again, with its snapshot.
	got, err := c.ImageByID(ctx, spec, img.ID)
	if err != nil || got.Spec != spec || len(got.Snapshots) != 1 || got.DetachedFor() != "one" {
		t.Errorf("by id: %+v, %v", got, err)
	}
	if err := c.RemoveImage(ctx, spec, img.ID); !errors.Is(err, ErrDetached) {
		t.Errorf("remove: %v", err)
	}
	if err := c.SetLabelByID(ctx, spec, img.ID, "test", "x"); err != nil {
		t.Error(err)
	}
	if err := a.End(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.BeginDetach(ctx, spec, img.ID, "another"); !errors.Is(err, ErrExists) {
		t.Errorf("for another purpose: %v", err)
	}
	if a, err = c.BeginDetach(ctx, spec, img.ID, "one"); err != nil {
		t.Fatal(err)
	}
	if there, err := a.PlaceholderThere(ctx); err != nil || !there || a.Step() != "asked" {
		t.Errorf("taken up: decoy %v, step %q, %v", there, a.Step(), err)
	}
	if err := errors.Join(a.Reattach(ctx), a.Reattach(ctx), a.End()); err != nil {
		t.Fatal(err)
	}
	got, err = c.Image(ctx, spec)
	if err != nil || got.ID != img.ID || got.DetachedFor() != "" || got.Label("test") != "x" {
		t.Errorf("back: %+v, %v", got, err)
	}
	if now := acctest.RBD(t, "ls", "vms"); strings.Contains(now, spec.Image+".") {
		t.Errorf("left: %s", now)
	}
	// Somebody else's rename is not ours to take back.
	acctest.RBD(t, "rename", spec.String(), spec.String()+"-2")
	if _, err := c.BeginDetach(ctx, spec, img.ID, "one"); !errors.Is(err, ErrImageNotFound) {
		t.Errorf("renamed: %v", err)
	}
	acctest.RBD(t, "rename", spec.String()+"-2", spec.String())
}

// A placeholder that somebody takes away while it is waited for is as good as removed:
// the image gets its name back.
func TestPlaceholderVanishes(t *testing.T) {
	c := NewCluster(Config{})
	ctx := t.Context()
	spec, img := goldenImage(t, c)
	a, err := c.BeginDetach(ctx, spec, img.ID, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Detach(ctx); err != nil {
		t.Fatal(err)
	}
	acctest.Watch(t, spec.String())
	back := make(chan error)
	go func() { back <- a.Reattach(ctx) }()
	acctest.RBD(t, "rename", spec.String(), spec.String()+"-2")
	if err := errors.Join(<-back, a.End()); err != nil {
		t.Fatal(err)
	}
	if now := read(t, c, spec); now.ID != img.ID || now.DetachedFor() != "" {
		t.Errorf("%s is %+v", spec, now)
	}
}

// A guard is found by what it is a clone of and for whom, also where somebody
// renamed it or moved it to the trash, and what keeps it is told before.
func TestGuardUnderAnotherName(t *testing.T) {
	c := NewCluster(Config{})
	ctx := t.Context()
	spec, img := goldenImage(t, c)
	guard, other := spec.WithImage(spec.Image+"guard.x"), spec.WithImage(spec.Image+"guard.y")
	for _, owner := range []string{"x", "y"} {
		if err := c.EnsureGuard(ctx, spec.WithSnapshot("s"), img.ID, img.Snapshots[0].ID, spec.Image+"guard."+owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	acctest.RBD(t, "rename", guard.String(), spec.String()+"-2")
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"-2@theirs")
	for _, err := range []error{c.CheckGuard(ctx, guard, img.ID, "x"), c.RemoveGuard(ctx, guard, img.ID, "x")} {
		if !errors.Is(err, ErrHasSnapshots) || !strings.Contains(err.Error(), spec.String()+"-2") {
			t.Errorf("with somebody's snapshot: %v", err)
		}
	}
	acctest.RBD(t, "snap", "rm", "--no-progress", spec.String()+"-2@theirs")
	acctest.RBD(t, "trash", "mv", spec.String()+"-2")
	if err := c.CheckGuard(ctx, guard, img.ID, "x"); err != nil {
		t.Error(err)
	}
	if err := c.RemoveGuard(ctx, guard, img.ID, "x"); err != nil {
		t.Error(err)
	}
	if left := acctest.RBD(t, "children", "--all", spec.String()+"@s"); left != other.String() {
		t.Errorf("children: %s", left)
	}
	if err := c.RemoveGuard(ctx, other, img.ID, "y"); err != nil {
		t.Error(err)
	}
}

func TestGuard(t *testing.T) {
	c := NewCluster(Config{})
	ctx := t.Context()
	spec, img := goldenImage(t, c)
	s, err := img.Snapshot("s")
	if err != nil {
		t.Fatal(err)
	}
	// Cloning copies metadata, our labels too.
	if err := c.SetLabel(ctx, spec, "image", ownership.Label(ownership.Owned, img.ID)); err != nil {
		t.Fatal(err)
	}
	snap, guard := spec.WithSnapshot("s"), spec.WithImage(spec.Image+"guard.x")
	check := func(want bool) {
		t.Helper()
		g, err := c.Guard(ctx, guard)
		if err != nil || g.Guards(img.ID, s.ID) != want || g.Owner != "x" || g.Image.Owned() {
			t.Errorf("guard: %+v, %v", g, err)
		}
	}
	ensure := func() error { return c.EnsureGuard(ctx, snap, img.ID, s.ID, guard.Image, "x") }
	for range 2 {
		if err := ensure(); err != nil {
			t.Fatal(err)
		}
		check(true)
	}
	if info := acctest.RBD(t, "info", guard.String()); strings.Contains(info, "clone-child") {
		t.Errorf("not a v1 clone: %s", info)
	}
	if out, err := acctest.TryRBD(t, "snap", "unprotect", snap.String()); err == nil {
		t.Errorf("unprotected in spite of the guard: %s", out)
	}
	acctest.RBD(t, "flatten", "--no-progress", guard.String())
	check(false)
	if err := ensure(); err != nil {
		t.Fatal(err)
	}
	check(true)
	if err := c.RemoveGuard(ctx, guard, img.ID, "another"); !errors.Is(err, ErrExists) {
		t.Errorf("somebody else's: %v", err)
	}
	for range 2 { // the second time it is gone
		if err := c.RemoveGuard(ctx, guard, img.ID, "x"); err != nil {
			t.Error(err)
		}
	}
	acctest.RBD(t, "snap", "unprotect", snap.String())
	if err := ensure(); !errors.Is(err, ErrNotProtected) {
		t.Errorf("unprotected: %v", err)
	}
	acctest.RBD(t, "create", "--size", "1M", guard.String())
	if err := ensure(); !errors.Is(err, ErrExists) {
		t.Errorf("the name is taken: %v", err)
	}
}
