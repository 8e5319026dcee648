// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
)

// A run that was killed leaves what it had done so far.
func TestResumedCreation(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	for _, tc := range []struct {
		what                          string
		guard, record, location, used bool
	}{
		{what: "noted"},
		{what: "guard", guard: true},
		{what: "record", guard: true, record: true},
		{what: "location", guard: true, record: true, location: true},
		{what: "deleted meanwhile", guard: true, record: true, used: true},
	} {
		t.Run(tc.what, func(t *testing.T) {
			g.T = t
			id := registrationtest.LeaveCreation(&g, testState, tc.guard, tc.record, tc.location)
			if tc.used {
				if _, err := client(t, asMember).DeleteRecord(ctx, id); err != nil {
					t.Fatal(err)
				}
			}
			d := newLife(cloud(asMember), g.Spec+"@s", g.Name)
			if err := d.Create(ctx); err != nil {
				t.Fatal(err)
			}
			if same := d.ID() == id; same == tc.used {
				t.Errorf("the ID is %s, that of the killed run was %s", d.ID(), id)
			}
			if tc.used {
				// An ID that is refused may be that of a record which was given to
				// another project: its guard stays until an admin destroys.
				if err := g.Guarded(id, d.ID()); err != nil {
					t.Error(err)
				}
				d.As(cloud(asAdmin))
			} else if err := g.Registered(g.Name); err != nil {
				t.Error(err)
			}
			if err := errors.Join(d.Delete(ctx), g.Untouched()); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a killed destroy has left is finished by the next one, whoever runs it.
func TestResumedDeletion(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	for n, k := range registrationtest.Cuts {
		who := []string{asAdmin, asMember}[n%2]
		t.Run(k.What+who, func(t *testing.T) {
			g.T = t
			d := newLife(cloud(asMember), g.Spec+"@s", g.Name)
			if err := d.Create(ctx); err != nil {
				t.Fatal(err)
			}
			k.Leave(&g, d.ID())
			d.As(cloud(who))
			err := d.Delete(ctx)
			if k.Held {
				acctest.RBD(t, "snap", "protect", g.Spec+"@s")
			}
			if err := errors.Join(err, g.Untouched()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Or it is taken back by the next apply, for who wants to keep the record.
func TestResumedDeletionIsTakenBack(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	ctx := t.Context()
	for n, k := range registrationtest.Cuts {
		if !k.Record || n%2 == 0 && !k.Held {
			continue // some are enough, as destroying begins with the same
		}
		t.Run(k.What, func(t *testing.T) {
			g.T = t
			d := newLife(cloud(asMember), g.Spec+"@s", g.Name)
			if err := d.Create(ctx); err != nil {
				t.Fatal(err)
			}
			k.Leave(&g, d.ID())
			if there, err := d.Read(ctx); err != nil || !there {
				t.Fatalf("there: %v, %v", there, err)
			}
			if k.Held {
				if err := d.Update(ctx); err == nil || !strings.Contains(err.Error(), "may still be at it") {
					t.Fatal(err)
				}
				// As the advice says.
				acctest.RBD(t, "rm", "--no-progress", g.Spec)
				acctest.RBD(t, "snap", "protect", g.Spec+".detach-"+g.ID+"@s")
			}
			if err := errors.Join(d.Update(ctx), g.Registered(g.Name)); err != nil {
				t.Error(err)
			}
			if err := errors.Join(d.Delete(ctx), g.Untouched()); err != nil {
				t.Error(err)
			}
		})
	}
}
