// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Question is what a refresh asks.
type Question struct {
	Ref Ref
	// Adopted: the record is not in a state yet, so whichever Glance has it is
	// right.
	Adopted bool
	// Eager hashes the data.
	Eager bool
	// Unnoted: nothing is noted about the record, as no state will have it yet.
	Unnoted bool
}

// Answer is what a refresh finds. The Result's Image is nil where the record is
// not there, as far as the caller can see; its Ref says which Glance has it.
type Answer struct {
	Result
	// Deleting: the record is not there, since a deletion of ours was cut off.
	Deleting bool
	// Hashed: the data was hashed once.
	Hashed bool
	// HashMatches says whether Glance has the hashes of the data; nil where that
	// is not known.
	HashMatches *bool
	// Protector is the guard or alias where it is as it should be, or zero.
	Protector rbd.Spec
}

// Read reads a registration, and changes nothing but the note about the record.
//
// Errors: ErrOtherGlance, ErrOtherRecord, ErrNotVisible, and those of reading.
func Read(ctx context.Context, d Deps, q Question) (Answer, error) {
	img, err := d.Ceph.ImageByID(ctx, q.Ref.Snapshot, q.Ref.RBDImageID)
	if err != nil && !rbd.IsNotFound(err) {
		return Answer{}, err
	}
	reach, err := reachOf(ctx, d, q.Ref.ImageID, notedGlance(q.Ref, img))
	if err != nil && !(q.Adopted && errors.Is(err, ErrOtherGlance)) {
		return Answer{}, err
	}
	if img.DetachedFor() != "" {
		d.warn(Warning{Summary: "A deletion was cut off", Detail: fmt.Sprintf("RBD image %q is put aside for the deletion of image %q in Glance. Unless a run is at work on it now, "+
			"the next apply or destroy of Glance image %q puts it back.", img.Spec, img.DetachedFor(), q.Ref.ImageID)})
	}
	rec, err := d.Glance.Get(ctx, q.Ref.ImageID)
	if errors.Is(err, glance.ErrNotFound) || err == nil && rec.Status == glance.StatusDeleted {
		return q.readGone(ctx, d, img, reach, err == nil)
	}
	if err != nil {
		return Answer{}, err
	}
	if err := q.checkFound(ctx, d, img, reach, rec); err != nil {
		return Answer{}, err
	}
	a, err := q.readFound(ctx, d, img, rec)
	if err != nil {
		return Answer{}, err
	}
	if img.ID != "" && !q.Unnoted {
		if err := claim(ctx, d, img, q.Ref, rec, q.Adopted); err != nil && !rbd.IsNotFound(err) {
			d.log(ctx, "could not note that the image is in a state", map[string]any{"image_id": q.Ref.ImageID, "error": err.Error()})
		}
	}
	if reach >= glance.SameService || q.Adopted {
		a.Ref.Glance, err = d.Glance.Identity(ctx)
	}
	return a, err
}

// checkFound makes sure that the record is the one that was noted.
func (q Question) checkFound(ctx context.Context, d Deps, img rbd.Image, reach glance.Reach, rec *glance.Image) error {
	e := entries(img)[q.Ref.ImageID]
	switch {
	case q.Adopted:
	case !e.isRecord(rec):
		return fmt.Errorf("%w: %q was created at %s, this one at %s", ErrOtherRecord, q.Ref.ImageID, e.CreatedAt, rec.CreatedAt)
	case reach == glance.Readdressed:
		d.warn(Warning{
			Summary: "Another address of Glance", Err: readdressed(ctx, d, q.Ref.ImageID, notedGlance(q.Ref, img)),
			Detail: "The image is there as it was noted, so the two may be one. Nothing that protects its data is removed through this address.",
		})
	}
	return nil
}

// readFound is for a record that is there.
func (q Question) readFound(ctx context.Context, d Deps, img rbd.Image, rec *glance.Image) (Answer, error) {
	fsid, err := d.Ceph.FSID(ctx)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Result: Result{Ref: q.Ref, Image: rec}}
	if a.Members, err = readMembers(ctx, d, rec); err != nil {
		return Answer{}, err
	}
	url := rbd.LocationURL(fsid, q.Ref.Location())
	a.LocationURL = shownURL(rec, url)
	if others := otherLocations(rec, url, q.Ref.Copies); len(others) > 0 && !q.Adopted {
		d.warn(Warning{
			Summary: "Other locations in Glance image \"" + q.Ref.ImageID + "\"",
			Detail: "Beside the registered snapshot, or in its place, Glance has: " + strings.Join(others, ", ") + ". Consumers may take any of them. " +
				"Whoever removes one of them makes Glance remove its data.",
		})
	}
	noted := entries(img)[q.Ref.ImageID].Hashes
	a.Hashed = noted != nil
	if a.HashMatches, err = hashesMatch(ctx, d, q.Ref, noted, rec, q.Eager); err != nil {
		return Answer{}, err
	}
	a.Protector, err = readProtector(ctx, d, q.Ref)
	return a, err
}

// readGone is for a record that Glance doesn't show: it may be hidden, and what
// protects its data stays until an apply can tell.
func (q Question) readGone(ctx context.Context, d Deps, img rbd.Image, reach glance.Reach, zombie bool) (Answer, error) {
	none, ref := Answer{Result: Result{Ref: q.Ref}}, q.Ref
	if reach == glance.Readdressed {
		return none, readdressed(ctx, d, ref.ImageID, notedGlance(ref, img))
	}
	if !zombie {
		if err := checkVisible(ctx, d, ref.ImageID, ref.Owner); err != nil {
			return none, err
		}
	}
	if askedToDelete(img, ref.ImageID) || img.DetachedFor() == ref.ImageID {
		// A destroy that was cut off: destroying or replacing goes on with it.
		none.Deleting = true
		return none, nil
	}
	d.warnOfZombie(zombie, ref.ImageID)
	protector := ref.Protector()
	if _, err := d.Ceph.Guard(ctx, protector); err != nil {
		return none, tolerateMissing(err)
	}
	proven, err := proves(ctx, d, reach, false)
	if err != nil {
		return none, err
	}
	left := Warning{Summary: "A guard is left"}
	if proven || zombie {
		left.Detail = fmt.Sprintf("Glance image %q is gone. What protected its data, %s, goes with the next apply or destroy that changes the snapshot or an image that is registered of it.", ref.ImageID, protector)
	} else {
		left.Err = notProven(ref)
	}
	d.warn(left)
	return none, nil
}
