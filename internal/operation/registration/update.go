// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"fmt"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Change says what becomes of a registration.
type Change struct {
	Ref Ref
	// Before is what was requested until now. Other tags and properties than its
	// own stay.
	Before, Want Request
	// Verify hashes the data, and compares it with the hashes in Glance.
	Verify bool
}

// Update makes a registration as it is wanted: `glance image-update`, and what is
// missing of guard, alias or location. It can be repeated.
//
// Errors: ErrOtherGlance, ErrOtherRecord, ErrNoHash, ErrHash, ErrNotMade,
// ErrDetached; rbd.ErrOtherImage, rbd.ErrOtherSnapshot, rbd.ErrNotProtected.
func Update(ctx context.Context, d Deps, c Change) (Result, error) {
	unprotects := c.Want.Protection == ProtectionNone
	if err := CheckGlance(ctx, d, c.Ref, unprotects); err != nil {
		return Result{}, err
	}
	// Before the lock, as it may take long.
	data, err := verify(ctx, d, c.Ref, c.Verify, c.Want.Hash)
	if err != nil {
		return Result{}, err
	}
	unlock, err := d.Ceph.LockImage(ctx, c.Ref.Snapshot)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	img, want, err := c.secure(ctx, d)
	if err != nil {
		return Result{}, err
	}
	rec, err := d.Glance.Get(ctx, c.Ref.ImageID)
	if err != nil {
		return Result{}, err
	}
	e := entries(img)[c.Ref.ImageID]
	if !e.isRecord(rec) {
		return Result{}, fmt.Errorf("%w: %q", ErrOtherRecord, c.Ref.ImageID)
	}
	if rec.Status == glance.StatusQueued && c.Want.Hash {
		// Its location is gone; the hashes have to come with the next one again.
		want.hashes = e.Hashes
	}
	if rec, err = c.complete(ctx, d, rec, want); err != nil {
		return Result{}, err
	}
	if data != nil {
		if err := claimHashed(ctx, d, img, c.Ref, rec, *data); err != nil {
			return Result{}, err
		}
	}
	if unprotects {
		if err := removeGuard(ctx, d, c.Ref); err != nil {
			return Result{}, err
		}
	}
	shared, err := readMembers(ctx, d, rec)
	if err != nil {
		return Result{}, err
	}
	sweepQuietly(ctx, d, c.Ref)
	return Result{Ref: c.Ref, Image: rec, LocationURL: shownURL(rec, want.url), Members: shared}, nil
}

// complete is complete, and has the copies as they are wanted.
func (c Change) complete(ctx context.Context, d Deps, rec *glance.Image, want wanted) (*glance.Image, error) {
	rec, err := complete(ctx, d, rec, c.Before, c.Want, want)
	if err != nil {
		return nil, err
	}
	if rec, err = addCopies(ctx, d, rec, c.Want); err != nil {
		return nil, err
	}
	gone := slices.DeleteFunc(slices.Clone(c.Before.Copies), func(s string) bool { return slices.Contains(c.Want.Copies, s) })
	if len(gone) == 0 {
		return rec, nil
	}
	if err := removeCopies(ctx, d, c.Ref, gone); err != nil {
		return nil, err
	}
	return d.Glance.Get(ctx, rec.ID)
}

// secure makes sure that the snapshot is the registered one, and protects it
// before all else, so that nothing else happens while that is missing.
func (c Change) secure(ctx context.Context, d Deps) (rbd.Image, wanted, error) {
	if err := recoverDetached(ctx, d, c.Ref.Snapshot, c.Ref.RBDImageID); err != nil {
		return rbd.Image{}, wanted{}, err
	}
	img, snap, err := Registered(ctx, d, c.Ref)
	if err == nil && c.Want.Protection == ProtectionNone {
		err = checkGuard(ctx, d, c.Ref)
	}
	if err == nil {
		err = protect(ctx, d, c.Ref, c.Want.Protection == ProtectionGuard)
	}
	return img, wanted{
		url: rbd.LocationURL(img.FSID, c.Ref.Location()), size: int64(snap.SizeBytes), //nolint:gosec // signed in librbd
	}, err
}
