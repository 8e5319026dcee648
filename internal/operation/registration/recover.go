// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// How far deleting a record with its data detached has come, as noted on the RBD
// image.
const (
	// deletionSent: the deletion was asked for.
	deletionSent = "delete"
	// deletionSentShown: it was asked for by a caller whom Glance shows the
	// location, so that it removes what it finds there.
	deletionSentShown = "delete-shown"
)

// recoverDetached gives an image its name back that an interrupted run has
// detached, for whichever record. It does nothing for any other image.
func recoverDetached(ctx context.Context, d Deps, snapshot rbd.Spec, rbdImageID string) error {
	img, err := d.Ceph.ImageByID(ctx, snapshot, rbdImageID)
	if rbd.IsNotFound(err) {
		return nil
	}
	if err != nil || img.DetachedFor() == "" {
		return err
	}
	imageID := img.DetachedFor()
	if _, err := reachOf(ctx, d, imageID, entries(img)[imageID].at()); err != nil {
		return err
	}
	gone, _, err := recordGone(ctx, d, imageID)
	if err != nil {
		return err
	}
	ref := Ref{Snapshot: img.Spec, RBDImageID: rbdImageID, ImageID: imageID}
	a, err := d.Ceph.BeginDetach(ctx, ref.Snapshot, ref.RBDImageID, ref.ImageID)
	if err != nil {
		return err
	}
	if gone {
		return errors.Join(reattach(ctx, d, a), a.End())
	}
	return errors.Join(takeBackDetachment(ctx, d, ref, img, a), a.End())
}

// takeBackDetachment gives the image its name back though the record is there. A
// deletion that was asked for may yet come to pass, unless it has passed: then
// the placeholder is gone. The guard would refuse it.
func takeBackDetachment(ctx context.Context, d Deps, ref Ref, img rbd.Image, a *rbd.Detached) error {
	placeholder, err := a.PlaceholderThere(ctx)
	if err != nil {
		return err
	}
	if a.Away() && a.Step() != "" && placeholder {
		safe, err := guardDetached(ctx, d, ref, img, a.Spec())
		if err != nil {
			return err
		}
		if !safe {
			return fmt.Errorf("%w as %s: Glance was asked to delete image %q, and may still be at it", ErrDetached, a.Spec(), ref.ImageID)
		}
	}
	d.begin(ctx, StepReattach)
	return a.Reattach(ctx)
}

// reattach gives the image its name back after the record is gone.
func reattach(ctx context.Context, d Deps, a *rbd.Detached) error {
	placeholder, err := a.PlaceholderThere(ctx)
	if err != nil {
		return fmt.Errorf("%w and can't get its name back: %w", ErrDetached, err)
	}
	if placeholder && a.Step() == deletionSentShown {
		return fmt.Errorf("%w as %s: Glance has deleted its record, but not the empty image that has the name", ErrDetached, a.Spec())
	}
	d.begin(ctx, StepReattach)
	if err := a.Reattach(ctx); err != nil {
		return fmt.Errorf("%w as %s and can't get its name back: %w", ErrDetached, a.Spec(), err)
	}
	return nil
}

// recovered reads the image of a snapshot, after putting right what an
// interrupted deletion of some record has left.
func recovered(ctx context.Context, d Deps, snapshot rbd.Spec) (rbd.Image, rbd.Snapshot, error) {
	img, err := d.Ceph.Image(ctx, snapshot)
	if err == nil && img.DetachedFor() != "" {
		if err = recoverDetached(ctx, d, snapshot, img.ID); err == nil {
			img, err = d.Ceph.Image(ctx, snapshot)
		}
	}
	if err != nil {
		return img, rbd.Snapshot{}, err
	}
	s, err := img.Snapshot(snapshot.Snapshot)
	return img, s, err
}
