// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// notedGlance has the record, as the entry on the RBD image says, or else the
// state.
func notedGlance(ref Ref, img rbd.Image) glance.Identity {
	if e := entries(img)[ref.ImageID]; e.Glance != nil {
		return *e.Glance
	}
	return ref.Glance
}

// reachOf says how the Glance at hand compares with that of a record. Where
// nothing is noted, as older releases did, what is found counts, and what is not
// found proves nothing.
func reachOf(ctx context.Context, d Deps, imageID string, noted glance.Identity) (glance.Reach, error) {
	now, err := d.Glance.Identity(ctx)
	if err != nil {
		return glance.Another, err
	}
	if noted.Zero() {
		return glance.SameService, nil
	}
	reach := now.From(noted)
	if reach == glance.Another {
		return reach, otherGlance(imageID, noted, now)
	}
	return reach, nil
}

func otherGlance(imageID string, noted, now glance.Identity) error {
	return fmt.Errorf("%w: image %q is at %s, and the provider speaks to %s", ErrOtherGlance, imageID, noted, now)
}

// readdressed is the error of what must not be done through an address that was
// given and is not the noted one.
func readdressed(ctx context.Context, d Deps, imageID string, noted glance.Identity) error {
	now, err := d.Glance.Identity(ctx)
	if err != nil {
		return err
	}
	return otherGlance(imageID, noted, now)
}

// CheckGlance refuses a Glance that is not the record's. removing is for what
// takes away from the data's protection: it is not enough then that the record
// is found, which may be in a copy of the database.
//
// Errors: ErrOtherGlance.
func CheckGlance(ctx context.Context, d Deps, ref Ref, removing bool) error {
	img, err := d.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if err != nil && !rbd.IsNotFound(err) {
		return err
	}
	noted := notedGlance(ref, img)
	reach, err := reachOf(ctx, d, ref.ImageID, noted)
	if err == nil && removing && reach == glance.Readdressed {
		err = readdressed(ctx, d, ref.ImageID, noted)
	}
	return err
}
