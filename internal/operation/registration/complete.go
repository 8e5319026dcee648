// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// wanted is what a record needs to be told of the data.
type wanted struct {
	url    string
	size   int64   // in bytes
	hashes *Hashes // nil where Glance gets none
}

// complete gives a record its attributes and its location, and makes it active.
// before is what it had until now.
func complete(ctx context.Context, d Deps, rec *glance.Image, before, req Request, want wanted) (*glance.Image, error) {
	id := rec.ID
	d.begin(ctx, StepAttributes)
	if rec.Status == glance.StatusDeactivated {
		if err := d.Glance.Reactivate(ctx, id); err != nil {
			return nil, err
		}
		// Only an active record shows its locations to everybody.
		var err error
		if rec, err = d.Glance.Get(ctx, id); err != nil {
			return nil, err
		}
	}
	if err := unshare(ctx, d, rec, before, req); err != nil {
		return nil, err
	}
	if _, err := d.Glance.Update(ctx, id, req.changes(before, rec, want.size)); err != nil {
		return nil, err
	}
	if err := share(ctx, d, id, req); err != nil {
		return nil, err
	}
	if shownURL(rec, want.url) != want.url {
		d.begin(ctx, StepLocation)
		guarded := req.Protection != ProtectionNone
		if _, err := d.Glance.Register(ctx, id, want.url, req.locationMetadata(), want.hashes.validation(), guarded); err != nil {
			return nil, err
		}
	}
	rec, err := d.Glance.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return rec, checkComplete(rec, req, want)
}

// checkComplete compares what Glance has made of a registration with what was
// asked for.
func checkComplete(rec *glance.Image, req Request, want wanted) error {
	store := StoreOf(rec)
	switch {
	case rec.Status != glance.StatusActive:
		return fmt.Errorf("%w: the status of image %q is %q", ErrNotMade, rec.ID, rec.Status)
	case shownURL(rec, want.url) != want.url:
		return fmt.Errorf("%w: image %q does not have the location %s", ErrNotMade, rec.ID, want.url)
	case req.Store != "" && store != "" && store != req.Store:
		return fmt.Errorf("%w: the location is in store %q, not in %q, by the pool in its URL", ErrNotMade, store, req.Store)
	case rec.SizeBytes != want.size:
		return fmt.Errorf("%w: Glance says that image %q has %d bytes, the snapshot has %d", ErrNotMade, rec.ID, rec.SizeBytes, want.size)
	case want.hashes != nil && HashesOf(rec).Value == "":
		return fmt.Errorf("%w: image %q", ErrNoHash, rec.ID)
	case want.hashes != nil && !want.hashes.match(HashesOf(rec)):
		return fmt.Errorf("%w: %s; image %q in Glance has %s", ErrHash, want.hashes, rec.ID, HashesOf(rec))
	}
	return nil
}
