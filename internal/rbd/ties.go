// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// What ties an image to something else, so that it can't go, or can't change.
// librbd says it with bare error codes, or goes on: a mirrored image that is
// removed goes at its peer too.
var (
	ErrInGroup    = errors.New("the image is a member of a group")
	ErrMirrored   = errors.New("the image is mirrored")
	ErrNotPrimary = errors.New("the image is not primary in its mirror, so it is read-only")
	ErrMigrating  = errors.New("a migration of the image is under way")
)

// checkTies makes sure that an open image may go: that it is in no group, not
// mirrored, and neither source nor destination of a migration.
func checkTies(img *librbd.Image, spec Spec) error {
	spec = spec.ImageSpec()
	if err := checkMigration(img, spec); err != nil {
		return err
	}
	group, err := img.GetGroup()
	if err != nil {
		return fmt.Errorf("read the group of %s: %w", spec, err)
	}
	if group.Name != "" {
		return fmt.Errorf("image %s: %w, %q", spec, ErrInGroup, group.Name)
	}
	return checkMirrored(img, spec)
}

// checkMirrored makes sure that an open image is not mirrored.
//
// Errors: MirroredError.
func checkMirrored(img *librbd.Image, spec Spec) error {
	mirror, err := img.GetMirrorImageInfo()
	if err != nil {
		return fmt.Errorf("read the mirroring of %s: %w", spec, err)
	}
	if mirror.State == librbd.MirrorImageDisabled {
		return nil
	}
	e := &MirroredError{Spec: spec, Primary: mirror.Primary}
	if label, err := ownership.Read(img, ownership.MirrorKey); err == nil && label != "" {
		id, err := img.GetId()
		_, ok := ownership.Word(label, id)
		e.Managed = ok && err == nil
	}
	return e
}

func checkMigration(img *librbd.Image, spec Spec) error {
	features, err := img.GetFeatures()
	if err != nil {
		return fmt.Errorf("read the features of %s: %w", spec, err)
	}
	if features&librbd.FeatureMigrating != 0 {
		return fmt.Errorf("image %s: %w", spec, ErrMigrating)
	}
	return nil
}

// checkPrimary makes sure that an open image is not the secondary of a mirror.
func checkPrimary(img *librbd.Image, spec Spec) error {
	mirror, err := img.GetMirrorImageInfo()
	if err != nil {
		return fmt.Errorf("read the mirroring of %s: %w", spec.ImageSpec(), err)
	}
	if mirror.State != librbd.MirrorImageDisabled && !mirror.Primary {
		return fmt.Errorf("image %s: %w", spec.ImageSpec(), ErrNotPrimary)
	}
	return nil
}

// CheckChangeable says, without changing anything, whether the image with this
// id can be changed, whatever its name is now: the secondary of a mirror can't,
// nor what a migration has put into the trash. One that is gone is no error.
//
// Errors: ErrNotPrimary, ErrMigrating, ErrPermission.
func (c *Cluster) CheckChangeable(ctx context.Context, spec Spec, id string) error {
	at, err := c.locate(ctx, spec, id, anywhere)
	if err != nil {
		return tolerate(err, ErrImageNotFound, ErrPoolNotFound, ErrNamespaceNotFound)
	}
	err = c.withPlace(ctx, at, readOnly, func(_ *connection, img *librbd.Image) error {
		if at.trash != nil {
			if err := checkMigration(img, at.spec.ImageSpec()); err != nil {
				return err
			}
		}
		return checkPrimary(img, at.spec)
	})
	return tolerate(err, ErrImageNotFound)
}

// Migrating tells whether a migration of the image is under way: it is the
// destination, or the source, which is in the trash then.
func (i Image) Migrating() bool { return slices.Contains(i.Features, librbd.FeatureNameMigrating) }

// managedMirror tells whether a resource of this provider holds the mirroring that
// is in the way.
func managedMirror(err error) bool {
	var e *MirroredError
	return errors.As(err, &e) && e.Managed && e.Primary
}
