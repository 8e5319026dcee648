// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Adopt finds the snapshot behind a record that was not registered here, or in
// another state. Nothing is changed: Read notes that a state has it.
//
// Errors: ErrNotOurs, glance.ErrNotFound, and those of reading the snapshot.
func Adopt(ctx context.Context, d Deps, imageID string) (Ref, error) {
	rec, err := d.Glance.Get(ctx, imageID)
	if err != nil {
		return Ref{}, err
	}
	ref, _, err := AdoptRecord(ctx, d, rec)
	return ref, err
}

// AdoptRecord is Adopt of a record that was read. It tells whether a state has it,
// as far as that is noted.
func AdoptRecord(ctx context.Context, d Deps, rec *glance.Image) (ref Ref, held bool, err error) {
	fsid, err := d.Ceph.FSID(ctx)
	if err != nil {
		return Ref{}, false, err
	}
	urls := rec.LocationURLs()
	if rec.Status == glance.StatusDeactivated && len(urls) == 0 {
		return Ref{}, false, fmt.Errorf("%w as far as Glance shows: it is deactivated, which hides its location; reactivate it first", ErrNotOurs)
	}
	why := "Glance shows no location of it: " + d.Glance.WhyHidden(ctx)
	for _, u := range urls {
		at, location, err := rbd.ParseLocationURL(u)
		if err != nil {
			why = "it has no location rbd://FSID/POOL/IMAGE/SNAPSHOT"
			continue
		}
		if at != fsid {
			why = fmt.Sprintf("its location is in cluster %s, this is %s", at, fsid)
			continue
		}
		return adopted(ctx, d, rec.ID, location)
	}
	return Ref{}, false, fmt.Errorf("%w: %s", ErrNotOurs, why)
}

// adopted is the ref of a record with this location.
func adopted(ctx context.Context, d Deps, imageID string, location rbd.Spec) (ref Ref, held bool, err error) {
	if ref, err = aliasOf(ctx, d, imageID, location); err != nil {
		return Ref{}, false, err
	}
	img, err := d.Ceph.Image(ctx, ref.Snapshot)
	if err != nil {
		return Ref{}, false, err
	}
	snap, err := img.Snapshot(ref.Snapshot.Snapshot)
	if err != nil {
		return Ref{}, false, err
	}
	ref.RBDImageID, ref.SnapshotID = img.ID, snap.ID
	e, noted := entries(img)[imageID]
	return ref, noted && e.State != stateRetired, nil
}
