// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// hashed is the result of hashing a snapshot.
type hashed struct {
	hashes Hashes
	got    rbd.Hashes
}

// hashData reads the snapshot's data, once for both hashes.
func hashData(ctx context.Context, d Deps, snapshot rbd.Spec, algo string) (hashed, error) {
	set, stop := d.progress(ctx, "hashing", snapshot.String())
	defer stop()
	got, err := d.Ceph.HashContent(ctx, snapshot, []string{algo, checksumAlgorithm}, set)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w; the timeouts block allows no more", err)
	}
	return hashed{Hashes{algo, got.Sums[algo], got.Sums[checksumAlgorithm]}, got}, err
}

// of makes sure that the snapshot is still the one that was hashed.
func (h hashed) of(ref Ref) error { return ref.checkIDs(h.got.ImageID, h.got.SnapshotID) }

// hashNew hashes what is to be registered, without holding the lock: that may
// take long.
func hashNew(ctx context.Context, d Deps, snapshot rbd.Spec, algo string) (hashed, error) {
	unlock, err := d.Ceph.LockImage(ctx, snapshot)
	if err != nil {
		return hashed{}, err
	}
	_, _, err = recovered(ctx, d, snapshot)
	unlock()
	if err != nil {
		return hashed{}, err
	}
	return hashData(ctx, d, snapshot, algo)
}

// hashRegistered makes sure that what is hashed is what was registered.
func hashRegistered(ctx context.Context, d Deps, ref Ref, algo string) (Hashes, error) {
	h, err := hashData(ctx, d, ref.Snapshot, algo)
	if err == nil {
		err = h.of(ref)
	}
	return h.hashes, err
}

// hashesMatch says whether the record's hashes are those of the data: by what
// was noted when the data was hashed last, or, eagerly, by hashing it again. It
// is nil where that is not known.
func hashesMatch(ctx context.Context, d Deps, ref Ref, noted *Hashes, rec *glance.Image, eager bool) (*bool, error) {
	has := HashesOf(rec)
	var match *bool
	if noted != nil {
		m := noted.match(has)
		match = &m
	}
	if !eager || has.Value == "" {
		return match, nil
	}
	if _, _, err := Registered(ctx, d, ref); err != nil {
		return match, tolerateLost(err)
	}
	data, err := hashRegistered(ctx, d, ref, has.Algo)
	if err != nil {
		return match, err
	}
	m := data.match(has)
	return &m, nil
}

// verify hashes the data where an update asks for it, or where it was never
// hashed, and compares. It returns what is to be noted, nil where nothing was
// hashed.
func verify(ctx context.Context, d Deps, ref Ref, asked, wanted bool) (*Hashes, error) {
	if !asked && !wanted {
		return nil, nil //nolint:nilnil // nothing to note
	}
	img, err := d.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if err != nil || !asked && entries(img)[ref.ImageID].Hashes != nil {
		return nil, err
	}
	rec, err := d.Glance.Get(ctx, ref.ImageID)
	if err != nil {
		return nil, err
	}
	has := HashesOf(rec)
	if has.Value == "" {
		return nil, fmt.Errorf("%w: image %q", ErrNoHash, ref.ImageID)
	}
	data, err := hashRegistered(ctx, d, ref, has.Algo)
	if err != nil {
		return nil, err
	}
	if !data.match(has) {
		// Noted, so that the next plan knows.
		if err := claimHashed(ctx, d, img, ref, rec, data); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: of %s it is %s; image %q in Glance has %s", ErrHash, ref.Snapshot, data, ref.ImageID, has)
	}
	return &data, nil
}
