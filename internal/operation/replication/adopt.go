// SPDX-License-Identifier: MPL-2.0

package replication

import (
	"context"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Adopt takes over an image that has the note of a replica, with the snapshots that
// are in that: what an image is a copy of can't be told by looking at it.
//
// Errors: those of rbd's Image and AdoptSnapshot; rbd.ErrNotReplica.
func Adopt(ctx context.Context, d Deps, spec rbd.Spec) error {
	img, err := d.Ceph.Image(ctx, spec)
	if err != nil {
		return err
	}
	replica, ok := img.Replica()
	if !ok {
		return fmt.Errorf("%s: %w", img.Spec, rbd.ErrNotReplica)
	}
	for _, id := range replica.SnapshotIDs() {
		if s, err := img.SnapshotByID(id); err == nil && !img.OwnsSnapshot(s.Name) {
			if err := d.Ceph.AdoptSnapshot(ctx, img.Spec, s.Name); err != nil {
				return err
			}
		}
	}
	return nil
}
