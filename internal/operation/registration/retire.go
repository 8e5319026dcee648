// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// retire leaves the record, hidden or else deactivated, with all that protects
// its data. One that is gone is as good as deleted.
func retire(ctx context.Context, d Deps, ref Ref, hide bool) (zombie bool, err error) {
	if err := recoverDetached(ctx, d, ref.Snapshot, ref.RBDImageID); err != nil {
		return false, err
	}
	rec, err := d.Glance.Get(ctx, ref.ImageID)
	if errors.Is(err, glance.ErrNotFound) || err == nil && rec.Status == glance.StatusDeleted {
		return removeRegistration(ctx, d, ref)
	}
	if err != nil {
		return false, err
	}
	d.begin(ctx, StepRetire)
	switch {
	case hide:
		yes := true
		_, err = d.Glance.Update(ctx, ref.ImageID, glance.Changes{Hidden: &yes})
	case rec.Status == glance.StatusActive:
		err = d.Glance.Deactivate(ctx, ref.ImageID)
	}
	if err != nil {
		return false, err
	}
	return false, noteRetired(ctx, d, ref)
}

// noteRetired says that what is left belongs to no state.
func noteRetired(ctx context.Context, d Deps, ref Ref) error {
	d.begin(ctx, StepRetired)
	img, err := d.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if err != nil {
		return tolerateLost(err)
	}
	e, ok := entries(img)[ref.ImageID]
	if !ok {
		return nil
	}
	e.State = stateRetired
	return setEntry(ctx, d, ref, e)
}
