// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// forget removes what is on the RBD side for a record that is gone.
func forget(ctx context.Context, d Deps, ref Ref) error {
	if err := unprotect(ctx, d, ref); err != nil {
		return err
	}
	return dropEntry(ctx, d, ref)
}

// sweep removes guards, aliases and notes of the image's records that are proven
// gone, but not those of the record given. It returns what it removed.
func sweep(ctx context.Context, d Deps, img rbd.Image, but string) (map[string]bool, error) {
	swept := map[string]bool{}
	for id, e := range entries(img) {
		if id == but || e.State == statePending {
			continue
		}
		gone, err := e.provenGone(ctx, d, img, id)
		if err != nil {
			return swept, err
		}
		if !gone {
			continue
		}
		err = forget(ctx, d, e.ref(img.Spec, id))
		switch {
		case errors.Is(err, rbd.ErrHasChildren):
			d.warn(Warning{Summary: "An alias is left", Detail: fmt.Sprintf("Image %q (ID %s) is gone, but clones hang on what was registered: %v. It is removed when they are gone.", e.Name, id, err)})
		case err != nil:
			return swept, err
		default:
			swept[id] = true
		}
	}
	return swept, nil
}

// sweepQuietly is for when something else was the purpose.
func sweepQuietly(ctx context.Context, d Deps, ref Ref) {
	img, err := d.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if err == nil && img.DetachedFor() == "" {
		_, err = sweep(ctx, d, img, ref.ImageID)
	}
	if err != nil && !rbd.IsNotFound(err) {
		d.log(ctx, "could not remove what is left of other images in Glance", map[string]any{"image": ref.Snapshot.ImageSpec().String(), "error": err.Error()})
	}
}

// Sweep removes guards, aliases and notes of the image's records that are proven
// gone, for whoever is about to remove what they guard, and holds the lock of the
// image. What can't be told stays, and is in the way.
func Sweep(ctx context.Context, d Deps, img rbd.Image) {
	if len(entries(img)) == 0 || img.DetachedFor() != "" {
		return // Glance may not even be configured
	}
	if _, err := sweep(ctx, d, img, ""); err != nil {
		d.log(ctx, "could not look for images in Glance that are gone", map[string]any{"image": img.Spec.String(), "error": err.Error()})
	}
}
