// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

var (
	// ErrMirrorPool says that images of a pool can't be mirrored one by one.
	ErrMirrorPool = errors.New("the pool does not mirror by image")
	// ErrMirroredBefore says that somebody else has enabled the mirroring.
	ErrMirroredBefore = fmt.Errorf("%w already", ErrMirrored)
	// ErrNotMirrored says that an image is not mirrored, or not any more.
	ErrNotMirrored = errors.New("the image is not mirrored")
	// ErrPrimaryElsewhere says that the image is primary at a peer, as far as is
	// known here: its demotion has not arrived.
	ErrPrimaryElsewhere = errors.New("the image is primary at its peer, or its demotion there has not arrived here")
	// ErrMirrorBusy says that the rbd-mirror of this cluster has not let go of the
	// image yet.
	ErrMirrorBusy = errors.New("the rbd-mirror of this cluster is still at work on the image")
	// ErrPrimary says that the primary image can't be overwritten by another.
	ErrPrimary = errors.New("the image is primary in its mirror")
)

// MirroredError is an ErrMirrored, and an ErrNotPrimary of a secondary.
type MirroredError struct {
	Spec Spec
	// Primary tells whether it can be written to here.
	Primary bool
	// Managed tells whether a resource of this provider holds the mirroring.
	Managed bool
}

func (e *MirroredError) Error() string {
	if !e.Primary {
		return fmt.Sprintf("image %s: %v, and %v", e.Spec, ErrMirrored, ErrNotPrimary)
	}
	return fmt.Sprintf("image %s: %v", e.Spec, ErrMirrored)
}

// Is tells what it is.
func (e *MirroredError) Is(target error) bool {
	return target == ErrMirrored || target == ErrNotPrimary && !e.Primary
}

// OwnsMirroring tells whether a resource of this provider holds the mirroring of
// the image, of which the secondary knows nothing.
func (i Image) OwnsMirroring() bool {
	_, ok := ownership.Word(i.Metadata[ownership.MirrorKey], i.ID)
	return ok
}

// CheckMirrorPool makes sure that images of a pool and namespace can be mirrored
// one by one.
//
// Errors: ErrMirrorPool, ErrPoolNotFound.
func (c *Cluster) CheckMirrorPool(ctx context.Context, spec Spec) error {
	return c.withPool(ctx, spec.Pool, spec.Namespace, readOnly, func(ioctx *rados.IOContext) error { return checkMirrorPool(ioctx, spec) })
}

func checkMirrorPool(ioctx *rados.IOContext, spec Spec) error {
	mode, err := librbd.GetMirrorMode(ioctx)
	if err != nil {
		return translate("read the mirror mode of", poolName(spec.PoolSpec()), ErrPoolNotFound, err)
	}
	if mode != librbd.MirrorModeImage {
		return fmt.Errorf("%s: %w: its mirror mode is %q", spec.PoolSpec(), ErrMirrorPool, mode)
	}
	return nil
}

// EnableMirroring is `rbd mirror image enable SPEC snapshot`, of the image with
// this id only. Mirroring that a run of this state has enabled, and that no state
// is known to have, is taken up.
//
// Errors: ErrMirrorPool, ErrMirroredBefore, ErrOtherState, ErrThisRun, ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) EnableMirroring(ctx context.Context, spec Spec, id string) error {
	spec = spec.ImageSpec()
	if err := c.CheckMirrorPool(ctx, spec); err != nil {
		return err
	}
	return c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		label, err := ownership.Read(img, ownership.MirrorKey)
		if err != nil {
			return err
		}
		enabled, err := c.checkFreeMirror(img, spec, id, label)
		if err != nil || enabled {
			return err
		}
		if err := ownership.Set(img, ownership.MirrorKey, c.cfg.Run.Sign(ownership.Pending)); err != nil {
			return err
		}
		if err := img.MirrorEnable(librbd.ImageMirrorModeSnapshot); err != nil {
			return errors.Join(translate("enable the mirroring of", spec, ErrImageNotFound, err), ownership.Remove(img, ownership.MirrorKey))
		}
		return nil
	})
}

// CheckFreeMirror says whether the mirroring of an image that was read can be
// enabled: with left, an unfinished run of this state has done so.
//
// Errors: as EnableMirroring.
func (c *Cluster) CheckFreeMirror(ctx context.Context, i Image) (left bool, err error) {
	err = c.withImage(ctx, i.Spec, readOnly, func(img *librbd.Image) (err error) {
		left, err = c.checkFreeMirror(img, i.Spec, i.ID, i.Metadata[ownership.MirrorKey])
		return err
	})
	return left, err
}

func (c *Cluster) checkFreeMirror(img *librbd.Image, spec Spec, id, label string) (enabled bool, err error) {
	info, err := img.GetMirrorImageInfo()
	switch {
	case err != nil:
		return false, fmt.Errorf("read the mirroring of %s: %w", spec, err)
	case info.State == librbd.MirrorImageDisabled:
		return false, nil
	case !info.Primary:
		return false, &MirroredError{Spec: spec}
	}
	by, pending := ownership.ParseSnapshot(label, id)
	if !pending {
		return false, fmt.Errorf("image %s: %w", spec, ErrMirroredBefore)
	}
	return true, c.takes(by)
}

// ClaimMirroring notes on the primary that a state has its mirroring. It does
// nothing where that was noted before.
func (c *Cluster) ClaimMirroring(ctx context.Context, i Image) error {
	if i.Metadata[ownership.MirrorKey] == ownership.Label(ownership.Owned, i.ID) {
		return nil
	}
	return c.changeMirror(ctx, i.Spec, i.ID, func(img *librbd.Image, info *librbd.MirrorImageInfo) error {
		if !info.Primary {
			return nil
		}
		return ownership.Set(img, ownership.MirrorKey, ownership.Owned)
	})
}

// DisownMirroring takes the label off a primary whose mirroring is to stay.
func (c *Cluster) DisownMirroring(ctx context.Context, i Image) error {
	return c.changeMirror(ctx, i.Spec, i.ID, func(img *librbd.Image, info *librbd.MirrorImageInfo) error {
		if !info.Primary {
			return nil
		}
		return ownership.Remove(img, ownership.MirrorKey)
	})
}

// DisableMirroring is `rbd mirror image disable`, of the primary with this id
// only. The secondaries are removed by their rbd-mirror. An image that is not
// mirrored, or gone, is no error.
//
// Errors: ErrNotPrimary, ErrOtherImage, ErrPermission.
func (c *Cluster) DisableMirroring(ctx context.Context, spec Spec, id string) error {
	err := c.changeMirror(ctx, spec, id, func(img *librbd.Image, info *librbd.MirrorImageInfo) error {
		if !info.Primary {
			return &MirroredError{Spec: spec.ImageSpec()}
		}
		if err := img.MirrorDisable(false); err != nil {
			return translate("disable the mirroring of", spec.ImageSpec(), ErrNotMirrored, err)
		}
		return ownership.Remove(img, ownership.MirrorKey)
	})
	return tolerate(err, ErrNotMirrored, ErrImageNotFound, ErrPoolNotFound, ErrNamespaceNotFound)
}

// PromoteImage is `rbd mirror image promote`, with force also while the image is
// primary elsewhere: what did not arrive from there is lost. The primary is left as
// it is.
//
// Errors: ErrPrimaryElsewhere, ErrMirrorBusy, ErrNotMirrored, ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) PromoteImage(ctx context.Context, spec Spec, id string, force bool) error {
	return c.changeMirror(ctx, spec, id, func(img *librbd.Image, info *librbd.MirrorImageInfo) error {
		if info.Primary {
			return nil
		}
		err := img.MirrorPromote(force)
		switch errno(err) {
		case syscall.EBUSY:
			return fmt.Errorf("promote %s: %w (%w)", spec.ImageSpec(), ErrPrimaryElsewhere, err)
		case syscall.EROFS:
			return fmt.Errorf("promote %s: %w (%w)", spec.ImageSpec(), ErrMirrorBusy, err)
		}
		return translate("promote", spec.ImageSpec(), ErrImageNotFound, err)
	})
}

// DemoteImage is `rbd mirror image demote`: with it the last changes go to the
// peers. A secondary is left as it is.
//
// Errors: InUseError, ErrNotMirrored, ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) DemoteImage(ctx context.Context, spec Spec, id string) error {
	return c.changeMirror(ctx, spec, id, func(img *librbd.Image, info *librbd.MirrorImageInfo) error {
		if !info.Primary {
			return nil
		}
		return translate("demote", spec.ImageSpec(), ErrImageNotFound, img.MirrorDemote())
	})
}

// ResyncImage is `rbd mirror image resync`: rbd-mirror removes the secondary, and
// copies the primary anew. The image gets another RBD image id.
//
// Errors: ErrPrimary, ErrNotMirrored, ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) ResyncImage(ctx context.Context, spec Spec, id string) error {
	return c.changeMirror(ctx, spec, id, func(img *librbd.Image, info *librbd.MirrorImageInfo) error {
		if info.Primary {
			return fmt.Errorf("resync %s: %w", spec.ImageSpec(), ErrPrimary)
		}
		return translate("resync", spec.ImageSpec(), ErrImageNotFound, img.MirrorResync())
	})
}

// changeMirror opens a mirrored image, for writing.
func (c *Cluster) changeMirror(ctx context.Context, spec Spec, id string, change func(*librbd.Image, *librbd.MirrorImageInfo) error) error {
	spec = spec.ImageSpec()
	return c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		info, err := img.GetMirrorImageInfo()
		switch {
		case err != nil:
			return fmt.Errorf("read the mirroring of %s: %w", spec, err)
		case info.State == librbd.MirrorImageDisabled:
			return fmt.Errorf("image %s: %w", spec, ErrNotMirrored)
		}
		return change(img, info)
	})
}
