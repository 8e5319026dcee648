package glancelocation

import (
	"context"
	"errors"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// What destroying does with the record.
const (
	onDestroyDelete     = "delete"
	onDestroyHide       = "hide"
	onDestroyDeactivate = "deactivate"
)

func (m model) retires() bool {
	return m.OnDestroy.ValueString() == onDestroyHide || m.OnDestroy.ValueString() == onDestroyDeactivate
}

// retire leaves the record, out of the way, with all that protects its data.
// One that is gone is as good as deleted.
func (r *locationResource) retire(ctx context.Context, state model, p place) (zombie bool, err error) {
	if err := r.heal(ctx, p.snapshot, p.rbdImageID); err != nil {
		return false, err
	}
	rec, err := r.data.Glance.Get(ctx, p.record)
	if errors.Is(err, glance.ErrNotFound) || err == nil && rec.Status == glance.StatusDeleted {
		return r.remove(ctx, p)
	}
	if err != nil {
		return false, err
	}
	switch {
	case state.OnDestroy.ValueString() == onDestroyHide:
		yes := true
		_, err = r.data.Glance.Update(ctx, p.record, glance.Changes{Hidden: &yes})
	case rec.Status == glance.StatusActive:
		err = r.data.Glance.Deactivate(ctx, p.record)
	}
	if err != nil {
		return false, err
	}
	return false, r.noteRetired(ctx, p)
}

// noteRetired says that what is left belongs to no state.
func (r *locationResource) noteRetired(ctx context.Context, p place) error {
	img, err := r.data.Ceph.ImageByID(ctx, p.snapshot, p.rbdImageID)
	if err != nil {
		return tolerateLost(err)
	}
	e, ok := entries(img)[p.record]
	if !ok {
		return nil
	}
	e.State = stateRetired
	return r.setEntry(ctx, p, e)
}
