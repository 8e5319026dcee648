// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// protect makes what keeps the data when somebody else deletes the record: the
// alias where the ref has one, or else the guard where that is wanted.
func protect(ctx context.Context, d Deps, ref Ref, guard bool) error {
	if ref.HasAlias() {
		return makeAlias(ctx, d, ref)
	}
	if !guard {
		return nil
	}
	return makeGuard(ctx, d, ref)
}

// makeGuard makes the guard where it is missing.
func makeGuard(ctx context.Context, d Deps, ref Ref) error {
	d.begin(ctx, StepProtect)
	return d.Ceph.EnsureGuard(ctx, ref.Snapshot, ref.RBDImageID, ref.SnapshotID, guardName(ref.ImageID), ref.ImageID)
}

// unprotect removes guard and alias of a record that is gone.
func unprotect(ctx context.Context, d Deps, ref Ref) error {
	d.begin(ctx, StepUnprotect)
	if err := removeGuard(ctx, d, ref); err != nil || !ref.HasAlias() {
		return err
	}
	return removeAlias(ctx, d, ref)
}

func removeGuard(ctx context.Context, d Deps, ref Ref) error {
	return d.Ceph.RemoveGuard(ctx, ref.Guard(), ref.RBDImageID, ref.ImageID)
}

func checkGuard(ctx context.Context, d Deps, ref Ref) error {
	return d.Ceph.CheckGuard(ctx, ref.Guard(), ref.RBDImageID, ref.ImageID)
}

// checkProtection refuses to delete a record whose guard or alias would have to
// stay.
func checkProtection(ctx context.Context, d Deps, ref Ref) error {
	if err := checkGuard(ctx, d, ref); err != nil || !ref.HasAlias() {
		return err
	}
	return checkAlias(ctx, d, ref)
}

// readProtector is the guard or alias where it is as it should be; a zero Spec
// where it isn't.
func readProtector(ctx context.Context, d Deps, ref Ref) (rbd.Spec, error) {
	spec := ref.Protector()
	g, err := d.Ceph.Guard(ctx, spec)
	switch {
	case rbd.IsNotFound(err):
		return rbd.Spec{}, nil
	case err != nil:
		return rbd.Spec{}, err
	case !g.Guards(ref.RBDImageID, ref.SnapshotID), ref.HasAlias() && !isWhole(g):
		return rbd.Spec{}, nil
	}
	return spec, nil
}

// heldTimeout bounds the look for a guard where nobody may wait any more.
const heldTimeout = 15 * time.Second

// isHeld tells whether a DELETE that Glance carries out late finds nothing that it
// could remove but what is an alias.
func isHeld(ctx context.Context, d Deps, ref Ref) bool {
	if ref.HasAlias() {
		return true
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), heldTimeout)
	defer cancel()
	g, err := d.Ceph.Guard(ctx, ref.Guard())
	return err == nil && g.Guards(ref.RBDImageID, ref.SnapshotID)
}

// guardMeanwhile sees to it that there is a guard, if one is possible, as long
// as the record is being deleted. With it, whoever finds the deletion cut off
// can put the image back, even if Glance should still be at work.
func guardMeanwhile(ctx context.Context, d Deps, ref Ref, u *undo.Stack) error {
	_, err := d.Ceph.Guard(ctx, ref.Guard())
	if !errors.Is(err, rbd.ErrImageNotFound) {
		return err
	}
	_, snap, err := Registered(ctx, d, ref)
	switch {
	case IsLost(err):
		return nil // detached already, or nothing is left to guard
	case err != nil:
		return err
	case !snap.Protected:
		return nil
	}
	u.Add("remove the guard", func(ctx context.Context) error { return removeGuard(ctx, d, ref) })
	return makeGuard(ctx, d, ref)
}

// guardDetached makes sure that there is a guard on an image that is detached,
// which has the name now. It returns false where none is possible.
func guardDetached(ctx context.Context, d Deps, ref Ref, img rbd.Image, now rbd.Spec) (bool, error) {
	g, err := d.Ceph.Guard(ctx, ref.Guard())
	switch {
	case err == nil && g.ParentID == img.ID:
		return true, nil
	case err != nil && !rbd.IsNotFound(err):
		return false, err
	}
	for _, s := range img.Snapshots {
		if s.ID == entries(img)[ref.ImageID].SnapshotID && s.Protected {
			ref.Snapshot, ref.RBDImageID, ref.SnapshotID = now.WithSnapshot(s.Name), img.ID, s.ID
			err := makeGuard(ctx, d, ref)
			return err == nil, err
		}
	}
	return false, nil
}
