// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// maxURL is the length of a location's URL in Glance.
const maxURL = 255

// CheckRegistrable tells beforehand what Glance, or the guard, would refuse.
// protected is for what needs a protected snapshot.
//
// Errors: rbd.ErrNotProtected, ErrNotPossible.
func CheckRegistrable(url string, snapshot rbd.Spec, snap rbd.Snapshot, protected bool) error {
	switch {
	case protected && !snap.Protected:
		return fmt.Errorf("%s: %w", snapshot, rbd.ErrNotProtected)
	case snap.SizeBytes == 0:
		return fmt.Errorf("%w: %s is empty", ErrNotPossible, snapshot)
	case len(url) > maxURL:
		return fmt.Errorf("%w: its location has %d characters, %d are possible: %s", ErrNotPossible, len(url), maxURL, url)
	}
	return nil
}

// Registered reads image and snapshot, and makes sure that they are still those
// that were registered.
//
// Errors: rbd.ErrOtherImage, rbd.ErrOtherSnapshot, and those of reading.
func Registered(ctx context.Context, d Deps, ref Ref) (rbd.Image, rbd.Snapshot, error) {
	img, err := d.Ceph.Image(ctx, ref.Snapshot)
	if err != nil {
		return img, rbd.Snapshot{}, err
	}
	if err := ref.checkIDs(img.ID, ref.SnapshotID); err != nil {
		return img, rbd.Snapshot{}, err
	}
	snap, err := img.Snapshot(ref.Snapshot.Snapshot)
	if err == nil {
		err = ref.checkIDs(img.ID, snap.ID)
	}
	return img, snap, err
}

// checkIDs makes sure that image and snapshot with these ids are those of the ref.
func (r Ref) checkIDs(rbdImageID string, snapshotID uint64) error {
	switch {
	case rbdImageID != r.RBDImageID:
		return fmt.Errorf("%w: %s has id %s, expected %s", rbd.ErrOtherImage, r.Snapshot.ImageSpec(), rbdImageID, r.RBDImageID)
	case snapshotID != r.SnapshotID:
		return fmt.Errorf("%w: %s has id %d, expected %d", rbd.ErrOtherSnapshot, r.Snapshot, snapshotID, r.SnapshotID)
	}
	return nil
}
