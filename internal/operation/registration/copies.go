// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ErrNoCopy says that what a store has of an image is no copy that Glance has made.
var ErrNoCopy = errors.New("it is not a copy that Glance made of the image")

// addCopies has Glance copy the image to further stores.
func addCopies(ctx context.Context, d Deps, rec *glance.Image, req Request) (*glance.Image, error) {
	if len(req.Copies) == 0 {
		return rec, nil
	}
	if own := StoreOf(rec); slices.Contains(req.Copies, own) {
		return nil, fmt.Errorf("%w: store %q has the registered snapshot itself", ErrNoCopy, own)
	}
	d.begin(ctx, StepCopy)
	set, stop := d.progress(ctx, "copy to further stores", req.Snapshot.String())
	defer stop()
	return d.Glance.Copy(ctx, rec.ID, req.Copies, set)
}

// removeCopies removes the copies in these stores. What is gone is no error.
func removeCopies(ctx context.Context, d Deps, ref Ref, stores []string) error {
	if len(stores) == 0 {
		return nil
	}
	fsid, err := d.Ceph.FSID(ctx)
	if err != nil {
		return err
	}
	rec, err := d.Glance.Get(ctx, ref.ImageID)
	if errors.Is(err, glance.ErrNotFound) {
		return nil // said by what needs it
	}
	if err == nil && len(rec.Importing) > 0 {
		err = fmt.Errorf("%w: image %q is being copied to %s", glance.ErrUndecided, rec.ID, strings.Join(rec.Importing, ", "))
	}
	if err != nil {
		return err
	}
	for _, store := range CopiesOf(rec, stores) {
		if err := checkCopy(rec, rbd.LocationURL(fsid, ref.Location()), store); err != nil {
			return err
		}
		d.begin(ctx, StepRemoveCopy)
		if err := d.Glance.RemoveCopy(ctx, rec.ID, store); err != nil {
			return err
		}
	}
	return nil
}

// checkCopy makes sure that Glance removes no more than what it has written: a copy
// is called by the ID of the image, and ours is there beside it.
func checkCopy(rec *glance.Image, ours, store string) error {
	if !slices.ContainsFunc(rec.Locations, func(l glance.Location) bool { return l.URL == ours }) {
		return fmt.Errorf("%w, as far as Glance shows: it does not show that image %q has %s besides", ErrNoCopy, rec.ID, ours)
	}
	for _, l := range rec.Locations {
		if l.Metadata["store"] == store && (l.URL == ours || !strings.Contains(l.URL, rec.ID)) {
			return fmt.Errorf("%w: what image %q has in store %q", ErrNoCopy, rec.ID, store)
		}
	}
	return nil
}

// CopiesOf are those of the stores that have a copy of the image.
func CopiesOf(rec *glance.Image, stores []string) (have []string) {
	for _, s := range stores {
		if slices.Contains(rec.Stores, s) {
			have = append(have, s)
		}
	}
	return have
}

// FurtherStores are those that have the image beside that of the location.
func FurtherStores(rec *glance.Image) []string {
	own := StoreOf(rec)
	return slices.DeleteFunc(slices.Clone(rec.Stores), func(s string) bool { return s == own })
}
