// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"fmt"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// OnDestroy is what destroying does with the record.
type OnDestroy string

// What destroying does.
const (
	OnDestroyDelete     OnDestroy = "delete"
	OnDestroyHide       OnDestroy = "hide"
	OnDestroyDeactivate OnDestroy = "deactivate"
)

// Retires tells whether the record stays.
func (o OnDestroy) Retires() bool { return o == OnDestroyHide || o == OnDestroyDeactivate }

// Destroy deletes the record, or takes it out of service, and keeps the data of
// RBD. What is gone already is no error. It warns where Glance kept a record that
// is dead.
//
// Errors: ErrOtherGlance, ErrOtherRecords, ErrNotProven, ErrNotVisible,
// ErrOtherData, ErrDelayedDelete, ErrRefused, ErrDetached; those of
// rbd.RemoveGuard and rbd.RemoveAlias; glance.ErrUndecided.
func Destroy(ctx context.Context, d Deps, ref Ref, how OnDestroy) error {
	unlock, err := d.Ceph.LockImage(ctx, ref.Snapshot)
	if err != nil {
		return err
	}
	defer unlock()
	if how.Retires() {
		if err := CheckGlance(ctx, d, ref, false); err != nil {
			return err
		}
		zombie, err := retire(ctx, d, ref, how == OnDestroyHide)
		d.warnOfZombie(zombie, ref.ImageID)
		return err
	}
	if err := CheckDestroy(ctx, d, ref); err != nil {
		return err
	}
	// While the record is active: Glance would forget where they are.
	if err := removeCopies(ctx, d, ref, ref.Copies); err != nil {
		return err
	}
	zombie, err := removeRegistration(ctx, d, ref)
	d.warnOfZombie(zombie, ref.ImageID)
	if err == nil {
		sweepQuietly(ctx, d, ref)
	}
	return err
}

// CheckDestroy says, without changing anything, why a record can't be deleted.
//
// Errors: as Destroy.
func CheckDestroy(ctx context.Context, d Deps, ref Ref) error {
	if err := CheckGlance(ctx, d, ref, true); err != nil {
		return err
	}
	if err := checkOthers(ctx, d, ref); err != nil {
		return err
	}
	return checkProtection(ctx, d, ref)
}

// checkOthers refuses where guard or alias protect more than their own record.
func checkOthers(ctx context.Context, d Deps, ref Ref) error {
	fsid, err := d.Ceph.FSID(ctx)
	if err != nil {
		return err
	}
	img, err := d.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if err != nil && !rbd.IsNotFound(err) {
		return err
	}
	ours := entries(img)
	specs := []rbd.Spec{ref.Snapshot}
	if ref.HasAlias() {
		specs = append(specs, ref.Location())
	}
	for _, spec := range specs {
		refs, err := d.Glance.FindByRBDImage(ctx, fsid, spec.Pool, spec.Image)
		if err != nil {
			return err
		}
		var others []string
		for _, i := range refs.Images {
			_, managed := ours[i.ID]
			if i.ID != ref.ImageID && !managed && hasSnapshot(&i, spec) {
				others = append(others, fmt.Sprintf("%q (ID %s, project %s)", i.Name, i.ID, i.Owner))
			}
		}
		if len(others) > 0 {
			return fmt.Errorf("%w, %s: %s", ErrOtherRecords, spec, strings.Join(others, ", "))
		}
	}
	return nil
}
