// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
)

// What a run for another state was making is not taken, however far it had come;
// its own next run still finds it.
func TestRegistrationOfAnotherState(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	for n, what := range []string{"noted", "guard", "record", "location"} {
		t.Run(what, func(t *testing.T) {
			g.T = t
			id := registrationtest.LeaveCreation(&g, "another state", n > 0, n > 1, n > 2)
			theirs := acctest.RBD(t, "image-meta", "get", g.Spec, registrationtest.Prefix+"glance."+id)
			t.Cleanup(func() {
				c := client(t, asMember)
				_ = c.Deactivate(context.Background(), id)
				_, _ = c.DeleteRecord(context.Background(), id)
				_, _ = acctest.TryRBD(t, "rm", "--no-progress", "images/guard."+id)
				acctest.RBD(t, "image-meta", "rm", g.Spec, registrationtest.Prefix+"glance."+id)
			})
			d := newLife(cloud(asMember), g.Spec+"@s", g.Name)
			if resumed, err := d.Unfinished(ctx); resumed != "" || err != nil {
				t.Errorf("it goes on with %q, %v", resumed, err)
			}
			given := newLife(cloud(asMember), g.Spec+"@s", g.Name)
			given.Given(id)
			if err := given.Create(ctx); err == nil || !strings.Contains(err.Error(), "is or was in use") {
				t.Errorf("with its ID: %v", err)
			}
			if err := d.Create(ctx); err != nil {
				t.Fatal(err)
			}
			if d.ID() == id {
				t.Error("the record of another state was taken over")
			}
			if err := d.Delete(ctx); err != nil {
				t.Error(err)
			}
			if now := acctest.RBD(t, "image-meta", "get", g.Spec, registrationtest.Prefix+"glance."+id); now != theirs {
				t.Errorf("the note is %s, was %s", now, theirs)
			}
			if guards := g.Guards(); (len(guards) == 1) != (n > 0) {
				t.Errorf("the guards are %v", guards)
			}
			if there, err := client(t, asMember).Exists(ctx, id); err != nil || there != (n > 1) {
				t.Errorf("the record is there: %v, %v", there, err)
			}
		})
	}
}

// What a killed run for the same state has left is gone on with, and a run that
// ends in order leaves nothing unfinished.
func TestUnfinishedRegistration(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	id := registrationtest.LeaveCreation(&g, testState, true, true, false)
	d := newLife(cloud(asMember), g.Spec+"@s", g.Name)
	if resumed, err := d.Unfinished(ctx); resumed != id || err != nil {
		t.Errorf("it goes on with %q, %v", resumed, err)
	}
	if err := d.Create(ctx); err != nil {
		t.Fatal(err)
	}
	if d.ID() != id {
		t.Errorf("the ID is %s, planned was %s", d.ID(), id)
	}
	if err := d.Settle(ctx); err != nil {
		t.Error(err)
	}
	if note := acctest.RBD(t, "image-meta", "get", g.Spec, registrationtest.Prefix+"glance."+id); !strings.Contains(note, `"state":"owned"`) {
		t.Errorf("a run that has ended in order left the note %s", note)
	}
	if err := errors.Join(d.Delete(ctx), g.Untouched()); err != nil {
		t.Error(err)
	}
}

// Equal configurations at the same time: each has a record of its own.
func TestEqualRegistrationsAtOnce(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	all := make([]*life, 3)
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for n := range all {
		all[n] = newLife(cloud(asMember), g.Spec+"@s", g.Name)
		wg.Go(func() { errs[n] = all[n].Create(ctx) })
	}
	wg.Wait()
	ids := map[string]bool{}
	for n, d := range all {
		if errs[n] != nil {
			t.Fatal(errs[n])
		}
		ids[d.ID()] = true
	}
	if len(ids) != len(all) || len(g.Guards()) != len(all) {
		t.Errorf("IDs: %v, guards: %v", ids, g.Guards())
	}
	for n, d := range all {
		wg.Go(func() { errs[n] = d.Delete(ctx) })
	}
	wg.Wait()
	if err := errors.Join(errors.Join(errs...), g.Untouched()); err != nil {
		t.Error(err)
	}
}
