package glancelocation

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

var (
	errTaken   = errors.New("the image ID is or was in use")
	errNotMade = errors.New("Glance did not register the snapshot as asked")
	errURL     = errors.New("Glance can't register the snapshot")
)

// maxURL is the length of a location's URL in Glance.
const maxURL = 255

// checkRegistrable tells beforehand what Glance, or the guard, would refuse.
func checkRegistrable(url string, s rbd.Spec, snap rbd.Snapshot, guard bool) error {
	switch {
	case guard && !snap.Protected:
		return fmt.Errorf("%s: %w", s, rbd.ErrNotProtected)
	case snap.SizeBytes == 0:
		return fmt.Errorf("%w: %s is empty", errURL, s)
	case len(url) > maxURL:
		return fmt.Errorf("%w: its location has %d characters, %d are possible: %s", errURL, len(url), maxURL, url)
	}
	return nil
}

// current reads the image of a snapshot, after putting right what an
// interrupted deletion of some record has left.
func (r *locationResource) current(ctx context.Context, spec rbd.Spec) (rbd.Image, rbd.Snapshot, error) {
	img, err := r.data.Ceph.Image(ctx, spec)
	if err == nil && img.AsideFor() != "" {
		if err = r.heal(ctx, spec, img.ID); err == nil {
			img, err = r.data.Ceph.Image(ctx, spec)
		}
	}
	if err != nil {
		return img, rbd.Snapshot{}, err
	}
	s, err := img.Snapshot(spec.Snapshot)
	return img, s, err
}

// create registers the snapshot. Whatever happens, a second run with the same
// plan ends with one record and one guard: their ID is noted before they are
// made.
func (r *locationResource) create(ctx context.Context, plan *model, diags *diag.Diagnostics) error {
	spec, err := rbd.ParseSpec(plan.Snapshot.ValueString())
	if err != nil {
		return err
	}
	var data hashed
	if plan.wantsHash() {
		if data, err = r.hashNew(ctx, spec, plan.HashAlgo.ValueString()); err != nil {
			return err
		}
	}
	err = r.createOnce(ctx, plan, spec, data, diags)
	if (errors.Is(err, errTaken) || errors.Is(err, errNoHash)) && plan.ImageID.IsUnknown() {
		// The record of an interrupted run was deleted by somebody, which is not
		// seen before its ID is refused, or it was made without hashes. The next
		// attempt has a new one.
		err = r.createOnce(ctx, plan, spec, data, diags)
	}
	return err
}

func (r *locationResource) createOnce(ctx context.Context, plan *model, spec rbd.Spec, data hashed, diags *diag.Diagnostics) (err error) {
	who, err := r.data.Glance.Caller(ctx)
	if err != nil {
		return err
	}
	unlock, err := r.data.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	img, snap, err := r.current(ctx, spec)
	if err != nil {
		return err
	}
	want := registration{size: int64(snap.SizeBytes)} //nolint:gosec // signed in librbd
	if err := checkRegistrable(plan.plannedURL(img.FSID, spec), spec, snap, !plan.unprotected()); err != nil {
		return err
	}
	p := place{snapshot: spec, rbdImageID: img.ID, snapshotID: snap.ID, owner: who.ProjectID}
	if owner := plan.Owner.ValueString(); owner != "" {
		p.owner = owner
	}
	if plan.wantsHash() {
		if err := data.of(p); err != nil {
			return err
		}
		want.hashes = &data.hashes
	}
	e := entry{
		State: statePending, ProjectID: who.ProjectID, Name: plan.Name.ValueString(), GivenID: !plan.ImageID.IsUnknown(),
		Hashes: want.hashes,
	}
	if pool := plan.aliasPool(spec); pool != "" {
		e.Alias = rbd.Spec{Pool: pool, Image: aliasName("")}.String()
	}
	resumed, err := r.choose(ctx, img, &p, e, plan.ImageID.ValueString(), diags)
	if err != nil {
		return err
	}
	p = p.withAlias(plan.aliasPool(spec))
	want.url = rbd.LocationURL(img.FSID, p.location())
	made := resumed
	var u undo.Stack
	defer u.Run(ctx, &err)
	u.Add("remove what was made of image "+p.record+" in Glance", func(ctx context.Context) error {
		if !made {
			return r.forget(ctx, p)
		}
		_, err := r.remove(ctx, p)
		return err
	})
	rec, err := r.register(ctx, p, e, plan, want, &made)
	if err != nil {
		if errors.Is(err, glance.ErrUndecided) {
			u.Done() // the next run finds out, by the note
		}
		return err
	}
	if err := r.readMembers(ctx, plan, rec, false, false); err != nil {
		return err
	}
	u.Done()
	finished.Store(p.record, true)
	plan.setPlace(p)
	plan.setRecord(rec, false)
	plan.LocationURL = types.StringValue(want.url)
	if plan.HashMatches.IsUnknown() {
		plan.HashMatches = types.BoolNull()
	}
	plan.setProtection(p)
	return nil
}

// register makes what is missing of note, guard, record and location.
func (r *locationResource) register(ctx context.Context, p place, e entry, plan *model, want registration, made *bool) (*glance.Image, error) {
	if err := r.setEntry(ctx, p, e); err != nil {
		return nil, err
	}
	if err := r.protect(ctx, p, plan.wantsGuard()); err != nil {
		return nil, err
	}
	rec, err := r.data.Glance.Get(ctx, p.record)
	if errors.Is(err, glance.ErrNotFound) {
		*made = false
		rec, err = r.data.Glance.Create(ctx, plan.createOpts(p.record, want.size))
		if errors.Is(err, glance.ErrConflict) {
			return nil, fmt.Errorf("%w: %w", errTaken, err)
		}
		*made = err == nil
	}
	if err != nil {
		return nil, err
	}
	return r.complete(ctx, rec, *plan, *plan, want)
}

// registration is what a record needs to be told of the data.
type registration struct {
	url    string
	size   int64   // in bytes
	hashes *hashes // nil where Glance gets none
}

// complete gives a record its attributes and its location, and makes it active.
func (r *locationResource) complete(ctx context.Context, rec *glance.Image, before, plan model, want registration) (*glance.Image, error) {
	id := rec.ID
	if rec.Status == glance.StatusDeactivated {
		if err := r.data.Glance.Reactivate(ctx, id); err != nil {
			return nil, err
		}
		// Only an active record shows its locations to everybody.
		var err error
		if rec, err = r.data.Glance.Get(ctx, id); err != nil {
			return nil, err
		}
	}
	if err := r.unshare(ctx, rec, before, plan); err != nil {
		return nil, err
	}
	if _, err := r.data.Glance.Update(ctx, id, plan.changes(before, rec, want.size)); err != nil {
		return nil, err
	}
	if err := r.share(ctx, id, plan); err != nil {
		return nil, err
	}
	var shown model
	if shown.setLocation(rec, want.url); shown.LocationURL.ValueString() != want.url {
		guarded := plan.Protection.ValueString() != protectionNone
		if _, err := r.data.Glance.Register(ctx, id, want.url, plan.locationMetadata(), want.hashes.validation(), guarded); err != nil {
			return nil, err
		}
	}
	rec, err := r.data.Glance.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	shown.setLocation(rec, want.url)
	switch {
	case rec.Status != glance.StatusActive:
		return nil, fmt.Errorf("%w: the status of image %q is %q", errNotMade, id, rec.Status)
	case shown.LocationURL.ValueString() != want.url:
		return nil, fmt.Errorf("%w: image %q does not have the location %s", errNotMade, id, want.url)
	case !plan.Store.IsNull() && !plan.Store.IsUnknown() && !storeOf(rec).IsNull() && !storeOf(rec).Equal(plan.Store):
		return nil, fmt.Errorf("%w: the location is in store %s, not in %s, by the pool in its URL", errNotMade, storeOf(rec), plan.Store)
	case rec.SizeBytes != want.size:
		return nil, fmt.Errorf("%w: Glance says that image %q has %d bytes, the snapshot has %d", errNotMade, id, rec.SizeBytes, want.size)
	case want.hashes != nil && hashesOf(rec).Value == "":
		return nil, fmt.Errorf("%w: image %q", errNoHash, id)
	case want.hashes != nil && !want.hashes.match(hashesOf(rec)):
		return nil, fmt.Errorf("%w: %s; image %q in Glance has %s", errHash, want.hashes, id, hashesOf(rec))
	}
	return rec, nil
}

// choose decides about the ID of the record: one that an interrupted run of the
// same has noted, the given one, or a new one. It also removes what is left of
// records that somebody deleted.
func (r *locationResource) choose(ctx context.Context, img rbd.Image, p *place, want entry, given string, diags *diag.Diagnostics) (resumed bool, err error) {
	for id, e := range entries(img) {
		if e.ProjectID != want.ProjectID {
			continue // what this caller doesn't find may be there
		}
		gone, zombie, err := r.gone(ctx, id)
		if err != nil {
			return false, err
		}
		old := e.place(p.snapshot, id)
		_, done := finished.Load(id)
		same := e.SnapshotID == p.snapshotID && e.GivenID == want.GivenID && e.aliasPool() == want.aliasPool() && (given == id || given == "" && e.Name == want.Name)
		switch {
		case e.State != statePending && gone, zombie:
			if err := r.forget(ctx, old); errors.Is(err, rbd.ErrHasChildren) {
				diags.AddWarning("An alias is left", fmt.Sprintf("Image %q (ID %s) is gone, but clones hang on what was registered: %v. It is removed when they are gone.", e.Name, id, err))
			} else if err != nil {
				return false, err
			}
		case e.State != statePending || done:
		case same:
			p.record, resumed = id, !gone
		default:
			diags.AddWarning("Unfinished registration",
				fmt.Sprintf("A run that did not come to its end has noted image %q (ID %s) for %s. Unless another run is at work on it now, "+
					"delete it with `openstack image set --deactivate %s` and `openstack image delete %s` as a user who is no admin, and remove %s with `rbd rm`.",
					e.Name, id, img.Spec, id, id, old.keeper()))
		}
	}
	switch {
	case p.record != "":
		return resumed, nil
	case given == "":
		p.record = glance.NewID()
		return false, nil
	}
	p.record = given
	if _, err := r.data.Glance.Get(ctx, given); err == nil {
		return false, fmt.Errorf("%w: image %q exists", errTaken, given)
	} else if !errors.Is(err, glance.ErrNotFound) {
		return false, err
	}
	return false, nil
}

// tell warns about a record that Glance can't get rid of.
func tell(diags *diag.Diagnostics, zombie bool, record string) {
	if zombie {
		diags.AddWarning("Glance kept a dead image", fmt.Sprintf("Glance has image %q (status deleted), which can be neither used nor deleted. "+
			"It does not reach the data; the operator of Glance can take it out of its database.", record))
	}
}
