// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
)

func TestMembersInLab(t *testing.T) {
	t.Parallel()
	c, ctx := labClient(t, asMember), t.Context()
	img := newRecord(t, c, func(o *CreateOpts) { o.Visibility = "shared" })
	var projects []string
	for _, who := range []string{asAdmin, asOther} {
		caller, err := labClient(t, who).Caller(ctx)
		if err != nil {
			t.Fatal(err)
		}
		projects = append(projects, caller.ProjectID)
	}
	// The second time with every answer to a change lost.
	_, lossy := newFaulty(t, 5*time.Second, func(w http.ResponseWriter, r *http.Request, forward func()) bool {
		if r.Method == http.MethodGet {
			return false
		}
		forward()
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	for _, c := range []*Client{c, lossy} {
		for _, want := range [][]string{projects, projects[1:], projects[:1], nil} {
			if err := c.SetMembers(ctx, img.ID, want); err != nil {
				t.Fatal(err)
			}
			now, err := c.Members(ctx, img.ID)
			if err != nil || !slices.Equal(slices.Sorted(maps.Keys(now)), slices.Sorted(slices.Values(want))) {
				t.Errorf("members are %v, want %v (%v)", now, want, err)
			}
		}
	}
	// Glance takes anything for a project, and can't find this one again.
	const odd = "no/such project"
	if err := c.SetMembers(ctx, img.ID, []string{odd}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetMembers(ctx, img.ID, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("a member that can't be removed: %v", err)
	}
	private := "private"
	if _, err := c.Update(ctx, img.ID, Changes{Visibility: &private}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Members(ctx, img.ID); !errors.Is(err, ErrForbidden) {
		t.Errorf("members of a private image: %v", err)
	}
}

func TestStoresInLab(t *testing.T) {
	t.Parallel()
	if stores, err := labClient(t, asMember).Stores(t.Context()); err != nil || !slices.Equal(stores, []string{"rbd"}) {
		t.Errorf("stores are %v (%v)", stores, err)
	}
}
