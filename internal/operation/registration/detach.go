// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// removeRegistration deletes a record, then its guard, then the note about it,
// and keeps the data. What is gone already is no error; zombie says that Glance
// kept a record that is dead.
func removeRegistration(ctx context.Context, d Deps, ref Ref) (zombie bool, err error) {
	if zombie, err = deleteRecord(ctx, d, ref); err != nil {
		return zombie, err
	}
	return zombie, forget(ctx, d, ref)
}

// deleteRecord deletes the record and keeps the data.
func deleteRecord(ctx context.Context, d Deps, ref Ref) (zombie bool, err error) {
	if gone, zombie, err := recordGone(ctx, d, ref.ImageID); err != nil {
		return false, err
	} else if gone {
		return zombie, finishGone(ctx, d, ref, zombie)
	}
	var u undo.Stack
	asked := false // for the deletion
	defer func() {
		if errors.Is(err, ErrDetached) || asked && errors.Is(err, glance.ErrUndecided) && !isHeld(ctx, d, ref) {
			// Glance may still be at work: nothing is put back in its reach.
			u.Done()
		}
		u.Run(ctx, &err)
	}()
	detached, err := recoverFor(ctx, d, ref)
	if err != nil {
		return false, err
	}
	rec, err := disableRecord(ctx, d, ref.ImageID, &u)
	if err != nil {
		return false, err
	}
	if err := noteDeleting(ctx, d, ref, &u); err != nil {
		return false, err
	}
	hasData := rec.Status != glance.StatusQueued || len(rec.LocationURLs()) > 0
	var outcome glance.DeleteOutcome
	asked = true
	switch {
	case ref.HasAlias():
		// A DELETE that Glance refuses may have cost the alias its snapshot.
		u.Add("put the alias "+ref.Alias.String()+" back", func(ctx context.Context) error { return makeAlias(ctx, d, ref) })
		outcome, err = deleteAliased(ctx, d, ref, rec)
	case !detached && (rec.DeleteKeepsData() || !hasData):
		// A late DELETE would not reach the data, unless it is reactivated.
		outcome, err = sendDelete(ctx, d, ref, true)
	default:
		outcome, err = deleteDetached(ctx, d, ref, rec)
	}
	if err == nil {
		u.Done()
	}
	return outcome == glance.HalfDeleted, err
}

// sendDelete asks Glance to delete the record. held is for data that a late DELETE
// can't reach.
func sendDelete(ctx context.Context, d Deps, ref Ref, held bool) (glance.DeleteOutcome, error) {
	d.begin(ctx, StepDelete)
	if held {
		return checkOutcome(d.Glance.DeleteHeldRecord(ctx, ref.ImageID))
	}
	return checkOutcome(d.Glance.DeleteRecord(ctx, ref.ImageID))
}

// recoverFor takes back a deletion that was cut off, so that it is begun anew.
// Where that is not safe, and it was this record's, it is taken up: detached.
func recoverFor(ctx context.Context, d Deps, ref Ref) (detached bool, err error) {
	img, err := d.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if err != nil && !rbd.IsNotFound(err) {
		return false, err
	}
	err = recoverDetached(ctx, d, ref.Snapshot, ref.RBDImageID)
	if errors.Is(err, ErrDetached) && img.DetachedFor() == ref.ImageID {
		return true, nil
	}
	return false, err
}

// finishGone is for a record that Glance doesn't show. What was begun is brought
// to its end, and it is an error where the record may only be hidden.
func finishGone(ctx context.Context, d Deps, ref Ref, zombie bool) error {
	if zombie {
		return recoverDetached(ctx, d, ref.Snapshot, ref.RBDImageID)
	}
	if err := checkVisible(ctx, d, ref.ImageID, ref.Owner); err != nil {
		return err
	}
	img, err := d.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if rbd.IsNotFound(err) {
		return nil // with all that could be protected
	}
	if err != nil {
		return err
	}
	reach, err := reachOf(ctx, d, ref.ImageID, notedGlance(ref, img))
	if err != nil {
		return err
	}
	proven, err := proves(ctx, d, reach, askedToDelete(img, ref.ImageID))
	if err == nil {
		err = recoverDetached(ctx, d, ref.Snapshot, ref.RBDImageID)
	}
	if err == nil && !proven {
		err = notProven(ref)
	}
	return err
}

// disableRecord takes the record out of service, which is taken back where the
// deletion fails.
func disableRecord(ctx context.Context, d Deps, id string, u *undo.Stack) (*glance.Image, error) {
	d.begin(ctx, StepDisable)
	rec, err := d.Glance.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if rec.Protected {
		err := d.Glance.Unprotect(ctx, id)
		if mayBe(err) {
			u.Add("protect the image in Glance again", func(ctx context.Context) error {
				yes := true
				_, err := d.Glance.Update(ctx, id, glance.Changes{Protected: &yes})
				return err
			})
		}
		if err != nil {
			return nil, err
		}
	}
	if rec.Status == glance.StatusActive {
		err := d.Glance.Deactivate(ctx, id)
		if mayBe(err) {
			u.Add("reactivate the image in Glance", func(ctx context.Context) error {
				return d.Glance.Reactivate(ctx, id)
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return d.Glance.Get(ctx, id)
}

// noteDeleting notes that the record is to be deleted: whoever doesn't find it
// afterwards knows why. It is taken back where the deletion fails.
func noteDeleting(ctx context.Context, d Deps, ref Ref, u *undo.Stack) error {
	d.begin(ctx, StepDeleting)
	img, err := d.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if err != nil {
		return tolerateLost(err)
	}
	e, ok := entries(img)[ref.ImageID]
	if !ok || e.State == stateDeleting {
		return nil
	}
	was := e.State
	e.State = stateDeleting
	u.Add("note that the image in Glance stays", func(ctx context.Context) error {
		e.State = was
		return tolerateLost(setEntry(ctx, d, ref, e))
	})
	return setEntry(ctx, d, ref, e)
}

// deleteAliased deletes a record, and lets Glance remove the alias with it where
// it is shown one to the caller: the rest of it is removed afterwards.
func deleteAliased(ctx context.Context, d Deps, ref Ref, rec *glance.Image) (glance.DeleteOutcome, error) {
	if err := onlyOurData(ctx, d, ref, rec); err != nil {
		return glance.Undecided, err
	}
	return sendDelete(ctx, d, ref, true)
}

// deleteDetached is for a caller whose DELETE would remove the data: the RBD image
// has another name meanwhile, and an empty one, the placeholder, has its name.
func deleteDetached(ctx context.Context, d Deps, ref Ref, rec *glance.Image) (outcome glance.DeleteOutcome, err error) {
	if err := onlyOurData(ctx, d, ref, rec); err != nil {
		return glance.Undecided, err
	}
	a, err := d.Ceph.BeginDetach(ctx, ref.Snapshot, ref.RBDImageID, ref.ImageID)
	if rbd.IsNotFound(err) {
		return deleteUnnamed(ctx, d, ref)
	}
	if err != nil {
		return glance.Undecided, err
	}
	defer func() { err = errors.Join(err, a.End()) }()
	var u, guard undo.Stack
	defer guard.Run(ctx, &err)
	defer u.Run(ctx, &err)
	if err := guardMeanwhile(ctx, d, ref, &guard); err != nil {
		return glance.Undecided, err
	}
	held := isHeld(ctx, d, ref)
	u.Add("give the RBD image its name back", a.Reattach)
	outcome, err = deleteWith(ctx, d, ref, rec, a, held)
	undecided := errors.Is(err, glance.ErrUndecided)
	if err == nil || undecided || errors.Is(err, ErrDetached) {
		guard.Done()
	}
	if err == nil || undecided && !held || errors.Is(err, ErrDetached) {
		u.Done()
	}
	return outcome, err
}

// deleteUnnamed deletes a record whose image does not have its name. Where
// nothing has it, nothing can be removed. One that took the name is not ours to
// detach.
func deleteUnnamed(ctx context.Context, d Deps, ref Ref) (glance.DeleteOutcome, error) {
	other, err := d.Ceph.Image(ctx, ref.Snapshot)
	switch {
	case rbd.IsNotFound(err):
		return sendDelete(ctx, d, ref, false)
	case err == nil:
		err = fmt.Errorf("%w: %s has id %s, expected %s", rbd.ErrOtherImage, ref.Snapshot.ImageSpec(), other.ID, ref.RBDImageID)
	}
	return glance.Undecided, err
}

// deleteWith detaches the image, deletes the record, and gives the image its name
// back.
func deleteWith(ctx context.Context, d Deps, ref Ref, rec *glance.Image, a *rbd.Detached, held bool) (glance.DeleteOutcome, error) {
	d.begin(ctx, StepDetach)
	if err := a.Detach(ctx); err != nil {
		return glance.Undecided, err
	}
	step := deletionSent
	if len(rec.LocationURLs()) > 0 || a.Step() == deletionSentShown {
		step = deletionSentShown
	}
	if err := a.SetStep(step); err != nil {
		return glance.Undecided, err
	}
	outcome, err := sendDelete(ctx, d, ref, held)
	if err != nil {
		if errors.Is(err, glance.ErrUndecided) && !held {
			err = fmt.Errorf("%w; RBD image %s is called %s meanwhile", err, ref.Snapshot.ImageSpec(), a.Spec())
		}
		return outcome, err
	}
	// The record is gone: from here on there is only forwards, even where
	// nobody waits any more.
	ctx, cancel := undo.Context(ctx, undo.Limit)
	defer cancel()
	return outcome, reattach(ctx, d, a)
}
