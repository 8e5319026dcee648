// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// recordGone tells whether Glance shows no record, or only a dead one.
func recordGone(ctx context.Context, d Deps, imageID string) (gone, zombie bool, err error) {
	rec, err := d.Glance.Get(ctx, imageID)
	switch {
	case errors.Is(err, glance.ErrNotFound):
		return true, false, nil
	case err != nil:
		return false, false, err
	}
	zombie = rec.Status == glance.StatusDeleted
	return zombie, zombie, nil
}

// isAdmin tells whether Glance shows every record to the caller.
func isAdmin(ctx context.Context, d Deps) (bool, error) {
	who, err := d.Glance.Caller(ctx)
	return slices.Contains(who.Roles, "admin"), err
}

// askedToDelete tells whether a run of ours that was cut off had asked Glance to
// delete the record.
func askedToDelete(img rbd.Image, imageID string) bool {
	return entries(img)[imageID].State == stateDeleting || img.DetachedFor() == imageID && img.DetachStep() != ""
}

// proves tells whether not finding the record means that it is gone. An admin
// can give it to another project, so it may be hidden from the one that had it:
// then only an admin can tell, unless the deletion is our own.
func proves(ctx context.Context, d Deps, reach glance.Reach, asked bool) (bool, error) {
	if reach != glance.Same {
		return false, nil
	}
	if asked {
		return true, nil
	}
	return isAdmin(ctx, d)
}

// checkVisible makes sure that a record that was not found is gone, and not
// hidden: Glance answers the same to a caller of another project.
func checkVisible(ctx context.Context, d Deps, imageID, owner string) error {
	who, err := d.Glance.Caller(ctx)
	if err != nil {
		return err
	}
	if owner == "" || owner == who.ProjectID || slices.Contains(who.Roles, "admin") {
		return nil
	}
	return fmt.Errorf("%w: image %q belongs to project %s, and the caller is %q in project %q (%s)",
		ErrNotVisible, imageID, owner, who.UserName, who.ProjectName, who.ProjectID)
}

// notProven is the error of a record that may only be hidden.
func notProven(ref Ref) error {
	return fmt.Errorf("%w: %q. What protects its data stays: %s", ErrNotProven, ref.ImageID, ref.Protector())
}

// isGone tells whether a noted record is proven gone.
func (e entry) provenGone(ctx context.Context, d Deps, img rbd.Image, imageID string) (bool, error) {
	reach, err := reachOf(ctx, d, imageID, e.at())
	if errors.Is(err, ErrOtherGlance) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	gone, zombie, err := recordGone(ctx, d, imageID)
	if err != nil || !gone {
		return false, err
	}
	if zombie {
		return reach >= glance.SameService, nil
	}
	who, err := d.Glance.Caller(ctx)
	if err != nil {
		return false, err
	}
	return proves(ctx, d, reach, askedToDelete(img, imageID) && who.ProjectID == e.ProjectID)
}

// warnOfZombie tells of a record that Glance can't get rid of.
func (d Deps) warnOfZombie(zombie bool, imageID string) {
	if zombie {
		d.warn(Warning{Summary: "Glance kept a dead image", Detail: fmt.Sprintf("Glance has image %q (status deleted), which can be neither used nor deleted. "+
			"It does not reach the data; the operator of Glance can take it out of its database.", imageID)})
	}
}
