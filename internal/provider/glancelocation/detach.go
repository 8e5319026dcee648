package glancelocation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// How far deleting a record with its data put aside has come.
const (
	// stepDelete: the deletion was asked for.
	stepDelete = "delete"
	// stepDeleteShown: it was asked for by a caller whom Glance shows the
	// location, so that it removes what it finds there.
	stepDeleteShown = "delete-shown"
)

var (
	errNotVisible    = errors.New("the image is not visible to this project")
	errOtherRecords  = errors.New("other images in Glance have the same snapshot")
	errOtherData     = errors.New("the image has other locations too")
	errDelayedDelete = errors.New("Glance deletes data later (delayed_delete)")
	errRefused       = errors.New("Glance refused to delete the image (409)")
	errAside         = errors.New("the RBD image is put aside")
)

// remove deletes a record, then its guard, then the note about it, and keeps
// the data. What is gone already is no error; zombie says that Glance kept a
// record that is dead.
func (r *locationResource) remove(ctx context.Context, p place) (zombie bool, err error) {
	if zombie, err = r.detach(ctx, p); err != nil {
		return zombie, err
	}
	return zombie, r.forget(ctx, p)
}

// forget removes what is on the RBD side for a record that is gone.
func (r *locationResource) forget(ctx context.Context, p place) error {
	if err := r.data.Ceph.RemoveGuard(ctx, p.guard(), p.rbdImageID, p.record); err != nil {
		return err
	}
	if p.hasAlias() {
		if err := r.data.Ceph.RemoveAlias(ctx, p.alias, p.rbdImageID, p.record); err != nil {
			return err
		}
	}
	return r.dropEntry(ctx, p)
}

// detach deletes the record and keeps the data.
func (r *locationResource) detach(ctx context.Context, p place) (zombie bool, err error) {
	if gone, zombie, err := r.gone(ctx, p.record); err != nil {
		return false, err
	} else if gone {
		if err := r.checkVisible(ctx, p.record, p.owner); err != nil {
			return false, err
		}
		return zombie, r.heal(ctx, p.snapshot, p.rbdImageID)
	}
	var u undo.Stack
	defer func() {
		if errors.Is(err, glance.ErrUndecided) || errors.Is(err, errAside) {
			// Glance may still be at work: nothing is put back in its reach.
			u.Done()
		}
		u.Run(ctx, &err)
	}()
	// A deletion that was cut off is taken back and begun anew. Where that is
	// not safe, it is taken up.
	img, err := r.data.Ceph.ImageByID(ctx, p.snapshot, p.rbdImageID)
	if err != nil && !rbd.IsNotFound(err) {
		return false, err
	}
	err = r.heal(ctx, p.snapshot, p.rbdImageID)
	takeUp := errors.Is(err, errAside) && img.AsideFor() == p.record
	if err != nil && !takeUp {
		return false, err
	}
	rec, err := r.disable(ctx, p.record, &u)
	if err != nil {
		return false, err
	}
	hasData := rec.Status != glance.StatusQueued || len(locationURLs(rec)) > 0
	var outcome glance.DeleteOutcome
	switch {
	case p.hasAlias():
		// A DELETE that Glance refuses may have cost the alias its snapshot.
		u.Add("put the alias "+p.alias.String()+" back", func(ctx context.Context) error { return r.protect(ctx, p, false) })
		outcome, err = r.deleteAliased(ctx, p, rec)
	case !takeUp && (rec.DeleteKeepsData() || !hasData):
		outcome, err = decide(r.data.Glance.DeleteRecord(ctx, p.record))
	default:
		outcome, err = r.deleteAside(ctx, p, rec)
	}
	if err == nil {
		u.Done()
	}
	return outcome == glance.HalfDeleted, err
}

// disable takes the record out of service, which is taken back where the
// deletion fails.
func (r *locationResource) disable(ctx context.Context, id string, u *undo.Stack) (*glance.Image, error) {
	rec, err := r.data.Glance.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if rec.Protected {
		if err := r.data.Glance.Unprotect(ctx, id); err != nil {
			return nil, err
		}
		u.Add("protect the image in Glance again", func(ctx context.Context) error {
			yes := true
			_, err := r.data.Glance.Update(ctx, id, glance.Changes{Protected: &yes})
			return err
		})
	}
	if rec.Status == glance.StatusActive {
		if err := r.data.Glance.Deactivate(ctx, id); err != nil {
			return nil, err
		}
		u.Add("reactivate the image in Glance", func(ctx context.Context) error {
			return r.data.Glance.Reactivate(ctx, id)
		})
	}
	return r.data.Glance.Get(ctx, id)
}

// decide leaves Gone and HalfDeleted without an error.
func decide(o glance.DeleteOutcome, err error) (glance.DeleteOutcome, error) {
	switch {
	case err != nil:
		return o, err
	case o == glance.DelayedDelete:
		return o, errDelayedDelete
	case o == glance.InUse:
		return o, errRefused
	}
	return o, nil
}

// deleteAside is for a caller whose DELETE would remove the data.
func (r *locationResource) deleteAside(ctx context.Context, p place, rec *glance.Image) (outcome glance.DeleteOutcome, err error) {
	if err := r.onlyOurData(ctx, p, rec); err != nil {
		return glance.Undecided, err
	}
	a, err := r.data.Ceph.BeginAside(ctx, p.snapshot, p.rbdImageID, p.record)
	if rbd.IsNotFound(err) {
		// Where nothing has the image's name, nothing can be removed. One that
		// took the name is not ours to put aside.
		other, err := r.data.Ceph.Image(ctx, p.snapshot)
		switch {
		case rbd.IsNotFound(err):
			return decide(r.data.Glance.DeleteRecord(ctx, p.record))
		case err == nil:
			err = fmt.Errorf("%w: %s has id %s, expected %s", rbd.ErrOtherImage, p.snapshot.ImageSpec(), other.ID, p.rbdImageID)
		}
		return glance.Undecided, err
	}
	if err != nil {
		return glance.Undecided, err
	}
	defer func() { err = errors.Join(err, a.End()) }()
	var u undo.Stack
	defer u.Run(ctx, &err)
	if err := r.guardMeanwhile(ctx, p, &u); err != nil {
		return glance.Undecided, err
	}
	u.Add("give the RBD image its name back", a.Back)
	outcome, err = r.deleteWith(ctx, p, rec, a)
	if err == nil || errors.Is(err, glance.ErrUndecided) || errors.Is(err, errAside) {
		u.Done()
	}
	return outcome, err
}

// guardMeanwhile sees to it that there is a guard, if one is possible, as long
// as the record is being deleted. With it, whoever finds the deletion cut off
// can put the image back, even if Glance should still be at work.
func (r *locationResource) guardMeanwhile(ctx context.Context, p place, u *undo.Stack) error {
	_, err := r.data.Ceph.Guard(ctx, p.guard())
	if !errors.Is(err, rbd.ErrImageNotFound) {
		return err
	}
	_, snap, err := r.registered(ctx, p)
	switch {
	case rbd.IsNotFound(err), errors.Is(err, rbd.ErrOtherImage), errors.Is(err, rbd.ErrOtherSnapshot):
		return nil // put aside already, or nothing is left to guard
	case err != nil:
		return err
	case !snap.Protected:
		return nil
	}
	u.Add("remove the guard", func(ctx context.Context) error {
		return r.data.Ceph.RemoveGuard(ctx, p.guard(), p.rbdImageID, p.record)
	})
	return r.data.Ceph.EnsureGuard(ctx, p.snapshot, p.rbdImageID, p.snapshotID, guardName(p.record), p.record)
}

func (r *locationResource) withAside(ctx context.Context, p place, fn func(*rbd.Aside) error) error {
	a, err := r.data.Ceph.BeginAside(ctx, p.snapshot, p.rbdImageID, p.record)
	if err != nil {
		return err
	}
	return errors.Join(fn(a), a.End())
}

func (r *locationResource) deleteWith(ctx context.Context, p place, rec *glance.Image, a *rbd.Aside) (glance.DeleteOutcome, error) {
	if err := a.Put(ctx); err != nil {
		return glance.Undecided, err
	}
	step := stepDelete
	if len(locationURLs(rec)) > 0 || a.Step() == stepDeleteShown {
		step = stepDeleteShown
	}
	if err := a.SetStep(step); err != nil {
		return glance.Undecided, err
	}
	outcome, err := decide(r.data.Glance.DeleteRecord(ctx, p.record))
	if err != nil {
		if errors.Is(err, glance.ErrUndecided) {
			err = fmt.Errorf("%w; RBD image %s is called %s meanwhile", err, p.snapshot.ImageSpec(), a.Spec())
		}
		return outcome, err
	}
	// The record is gone: from here on there is only forwards, even where
	// nobody waits any more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undo.Limit)
	defer cancel()
	return outcome, finish(ctx, a)
}

// finish gives the image its name back after the record is gone.
func finish(ctx context.Context, a *rbd.Aside) error {
	there, err := a.DecoyThere(ctx)
	if err != nil {
		return fmt.Errorf("%w and can't get its name back: %w", errAside, err)
	}
	if there && a.Step() == stepDeleteShown {
		return fmt.Errorf("%w as %s: Glance has deleted its record, but not the empty image that has the name", errAside, a.Spec())
	}
	if err := a.Back(ctx); err != nil {
		return fmt.Errorf("%w as %s and can't get its name back: %w", errAside, a.Spec(), err)
	}
	return nil
}

// heal puts an image back that an interrupted run has put aside, for whichever
// record. It does nothing for any other image.
func (r *locationResource) heal(ctx context.Context, spec rbd.Spec, rbdImageID string) error {
	img, err := r.data.Ceph.ImageByID(ctx, spec, rbdImageID)
	if rbd.IsNotFound(err) {
		return nil
	}
	if err != nil || img.AsideFor() == "" {
		return err
	}
	record := img.AsideFor()
	gone, _, err := r.gone(ctx, record)
	if err != nil {
		return err
	}
	p := place{snapshot: img.Spec, rbdImageID: rbdImageID, record: record}
	return r.withAside(ctx, p, func(a *rbd.Aside) error {
		if gone {
			return finish(ctx, a)
		}
		decoy, err := a.DecoyThere(ctx)
		if err != nil {
			return err
		}
		// A deletion that was asked for may yet come to pass, unless it has
		// passed: then the decoy is gone. The guard would refuse it.
		if a.Away() && a.Step() != "" && decoy {
			if safe, err := r.guardAside(ctx, p, img, a.Spec()); err != nil {
				return err
			} else if !safe {
				return fmt.Errorf("%w as %s: Glance was asked to delete image %q, and may still be at it", errAside, a.Spec(), record)
			}
		}
		return a.Back(ctx)
	})
}

// guardAside makes sure that there is a guard on an image that was put aside,
// which has the name now. It returns false where none is possible.
func (r *locationResource) guardAside(ctx context.Context, p place, img rbd.Image, now rbd.Spec) (bool, error) {
	g, err := r.data.Ceph.Guard(ctx, p.guard())
	switch {
	case err == nil && g.ParentID == img.ID:
		return true, nil
	case err != nil && !rbd.IsNotFound(err):
		return false, err
	}
	for _, s := range img.Snapshots {
		if s.ID == entries(img)[p.record].SnapshotID && s.Protected {
			err := r.data.Ceph.EnsureGuard(ctx, now.WithSnapshot(s.Name), img.ID, s.ID, guardName(p.record), p.record)
			return err == nil, err
		}
	}
	return false, nil
}

// gone tells whether there is no record, or only a dead one.
func (r *locationResource) gone(ctx context.Context, record string) (gone, zombie bool, err error) {
	rec, err := r.data.Glance.Get(ctx, record)
	switch {
	case errors.Is(err, glance.ErrNotFound):
		return true, false, nil
	case err != nil:
		return false, false, err
	}
	zombie = rec.Status == glance.StatusDeleted
	return zombie, zombie, nil
}

// checkVisible makes sure that a record that was not found is gone, and not
// hidden: Glance answers the same to a caller of another project.
func (r *locationResource) checkVisible(ctx context.Context, record, owner string) error {
	who, err := r.data.Glance.Caller(ctx)
	if err != nil {
		return err
	}
	if owner == "" || owner == who.ProjectID || slices.Contains(who.Roles, "admin") {
		return nil
	}
	return fmt.Errorf("%w: image %q belongs to project %s, and the caller is %q in project %q (%s)",
		errNotVisible, record, owner, who.UserName, who.ProjectName, who.ProjectID)
}

// onlyOurData refuses a record with more locations than ours, as Glance would
// remove their data.
func (r *locationResource) onlyOurData(ctx context.Context, p place, rec *glance.Image) error {
	fsid, err := r.data.Ceph.FSID(ctx)
	if err != nil {
		return err
	}
	if others := otherLocations(rec, rbd.LocationURL(fsid, p.location())); len(others) > 0 {
		return fmt.Errorf("%w: %s", errOtherData, strings.Join(others, ", "))
	}
	return nil
}

// otherLocations are those of a record beside ours, without passwords.
func otherLocations(rec *glance.Image, ours string) (others []string) {
	for _, u := range locationURLs(rec) {
		if u == ours {
			continue
		}
		if scheme, _, _ := strings.Cut(u, "://"); scheme != "rbd" {
			u = scheme + "://…"
		}
		others = append(others, u)
	}
	return others
}

// checkOthers refuses where guard or alias protect more than their own record.
func (r *locationResource) checkOthers(ctx context.Context, p place) error {
	fsid, err := r.data.Ceph.FSID(ctx)
	if err != nil {
		return err
	}
	img, err := r.data.Ceph.ImageByID(ctx, p.snapshot, p.rbdImageID)
	if err != nil && !rbd.IsNotFound(err) {
		return err
	}
	ours := entries(img)
	specs := []rbd.Spec{p.snapshot}
	if p.hasAlias() {
		specs = append(specs, p.location())
	}
	for _, spec := range specs {
		refs, err := r.data.Glance.FindByRBDImage(ctx, fsid, spec.Pool, spec.Image)
		if err != nil {
			return err
		}
		var others []string
		for _, i := range refs.Images {
			_, managed := ours[i.ID]
			if i.ID != p.record && !managed && hasSnapshot(&i, spec) {
				others = append(others, fmt.Sprintf("%q (ID %s, project %s)", i.Name, i.ID, i.Owner))
			}
		}
		if len(others) > 0 {
			return fmt.Errorf("%w, %s: %s", errOtherRecords, spec, strings.Join(others, ", "))
		}
	}
	return nil
}

// hasSnapshot expects a record that was found by the image.
func hasSnapshot(i *glance.Image, s rbd.Spec) bool {
	return slices.ContainsFunc(locationURLs(i), func(u string) bool {
		_, spec, err := rbd.ParseLocationURL(u)
		return err == nil && spec == s
	})
}
