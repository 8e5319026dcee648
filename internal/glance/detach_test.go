// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"errors"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// wantOutcome also checks what is left of record and data.
func wantOutcome(t *testing.T, c *Client, id string, g golden, want DeleteOutcome, record, data bool) {
	t.Helper()
	got, err := c.DeleteRecord(t.Context(), id)
	if err != nil || got != want {
		t.Errorf("outcome %q, want %q: %v", got, want, err)
	}
	there, err := c.Exists(t.Context(), id)
	if err != nil || there != record {
		t.Errorf("record is there: %v, want %v: %v", there, record, err)
	}
	if g.intact(t) != data {
		t.Errorf("data intact: %v, want %v", !data, data)
	}
}

func deactivated(t *testing.T, c *Client, g golden) *Image {
	t.Helper()
	img := newActive(t, c, g)
	if err := c.Deactivate(t.Context(), img.ID); err != nil {
		t.Fatal(err)
	}
	img, err := c.Get(t.Context(), img.ID)
	if err != nil || img.Status != StatusDeactivated {
		t.Fatalf("%+v: %v", img, err)
	}
	return img
}

func TestDeleteRecordAsAdminRemovesTheDataInLab(t *testing.T) {
	t.Parallel()
	c := labClient(t, asAdmin)
	g := newGolden(t)
	img := deactivated(t, c, g)
	if img.DeleteKeepsData() {
		t.Error("an admin's DELETE is said to keep the data")
	}
	wantOutcome(t, c, img.ID, g, Gone, false, false)
	wantOutcome(t, c, img.ID, g, Gone, false, false) // and again
}

func TestDeleteRecordAsMemberKeepsTheDataInLab(t *testing.T) {
	t.Parallel()
	c := labClient(t, asMember)
	g := sharedGolden(t)
	img := deactivated(t, c, g)
	if !img.DeleteKeepsData() {
		t.Errorf("a member's DELETE is not said to keep the data: %+v", img)
	}
	wantOutcome(t, c, img.ID, g, Gone, false, true)
}

func TestDeleteRecordWithGuardInLab(t *testing.T) {
	t.Parallel()
	c := labClient(t, asAdmin)
	g := newGolden(t)
	g.guard(t)
	img := deactivated(t, c, g)
	t.Cleanup(func() { rbd(t, "rm", "--no-progress", "images/"+g.name+".guard") })
	wantOutcome(t, c, img.ID, g, InUse, true, true)
	// What protects against anyone else: the same for an active record.
	if err := c.Reactivate(t.Context(), img.ID); err != nil {
		t.Fatal(err)
	}
	err := c.do(t.Context(), request{op: "delete", method: "DELETE", path: "images/" + img.ID, ok: []int{204}})
	if !errors.Is(err, ErrConflict) || !g.intact(t) {
		t.Errorf("active with guard: %v, intact %v", err, g.intact(t))
	}
}

func TestDeleteRecordRefusesInLab(t *testing.T) {
	t.Parallel()
	c := labClient(t, asMember)
	ctx := t.Context()
	g := sharedGolden(t)
	img := newActive(t, c, g)
	if got, err := c.DeleteRecord(ctx, img.ID); got != Undecided || !errors.Is(err, ErrNotDeactivated) {
		t.Errorf("active: %v, %v", got, err)
	}
	if _, err := c.Update(ctx, img.ID, Changes{Protected: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	if err := c.Deactivate(ctx, img.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := c.DeleteRecord(ctx, img.ID); got != Undecided || !errors.Is(err, ErrForbidden) {
		t.Errorf("protected: %v, %v", got, err)
	}
	if there, err := c.Exists(ctx, img.ID); err != nil || !there || !g.intact(t) {
		t.Errorf("after the refusals: there %v, %v", there, err)
	}
	// A record made, but never given a location, is deleted as it is.
	queued := newRecord(t, c, nil)
	wantOutcome(t, c, queued.ID, g, Gone, false, true)
}

func TestOtherServerOptionsInLab(t *testing.T) {
	t.Parallel()
	member, admin := labClient(t, asMember), labClient(t, asAdmin)
	shared, own := sharedGolden(t), newGolden(t)
	membersImage, adminsImage := deactivated(t, member, shared), deactivated(t, admin, own)
	halfDeleted := deactivated(t, member, shared)
	queued := newRecord(t, admin, nil)

	server := acctest.StartGlance(t, map[string]string{"delayed_delete": "True", "show_multiple_locations": "False", "show_image_direct_url": "False"})
	there := func(who string) *Client {
		cfg := labConfig(t, who)
		cfg.Endpoint = server.Address + "/v2/"
		return New(cfg)
	}
	member, admin = there(asMember), there(asAdmin)

	// No locations are shown, nor can they be added.
	_, err := admin.AddLocation(t.Context(), queued.ID, own.url, nil, nil)
	if !errors.Is(err, ErrLocationsDisabled) || !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "show_multiple_locations is off") {
		t.Errorf("add a location: %v", err)
	}
	got, err := member.Get(t.Context(), membersImage.ID)
	if err != nil || got.LocationsVisible || got.DeleteKeepsData() {
		t.Errorf("unknown is taken for safe: %+v: %v", got, err)
	}
	refs, err := admin.FindByRBDImage(t.Context(), labEnv(t, "RBD_LAB_FSID"), "images", own.name)
	if err != nil || len(refs.Images) != 0 || refs.Unseen < 2 {
		t.Errorf("find: %+v: %v", refs, err)
	}

	// Deletion is delayed.
	wantOutcome(t, admin, adminsImage.ID, own, DelayedDelete, true, true)
	if got, err := admin.Get(t.Context(), adminsImage.ID); err != nil || got.Status != StatusDeactivated {
		t.Errorf("after a delayed delete: %+v: %v", got, err)
	}
	wantOutcome(t, member, membersImage.ID, shared, Gone, false, true)

	// What a Glance leaves whose database fails it at the wrong moment.
	acctest.SQLite(t, server.Database, "update images set status = 'deleted' where id = '"+halfDeleted.ID+"'")
	wantOutcome(t, member, halfDeleted.ID, shared, HalfDeleted, true, true)
	err = member.do(t.Context(), request{op: "delete", method: "DELETE", path: "images/" + halfDeleted.ID, ok: []int{204}})
	if !errors.Is(err, ErrBadRequest) || !shared.intact(t) {
		t.Errorf("deleted once more: %v, intact %v", err, shared.intact(t))
	}
	if err := member.Reactivate(t.Context(), halfDeleted.ID); !errors.Is(err, ErrForbidden) {
		t.Errorf("reactivated: %v", err)
	}
}
