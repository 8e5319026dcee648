// SPDX-License-Identifier: MPL-2.0

// Package growth grows the file system of a guest, with the partition and the
// logical volume that it is in, to the end of its image or to a size.
package growth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var (
	// ErrUnclean says that the file system is damaged.
	ErrUnclean = errors.New("the file system has errors that are not put right by itself")
	// ErrUnsettled says that the tools did not do what they were to do.
	ErrUnsettled = errors.New("the file system did not grow as it should")
	// ErrRefused says that a tool refused to do its part.
	ErrRefused = errors.New("a tool of the file system, or of the partition table, refuses it")
	// ErrPlan says that the partition has not the size that was planned.
	ErrPlan = errors.New("the image is not as it was planned")
)

// Request is the growth of a file system of one image.
type Request struct {
	Image  guestedit.ImageRef
	Device string // as libguestfs names it; empty for the root file system
	Size   int64  // in bytes; zero for the end of the image
	// PartitionSize is what the plan has shown, in bytes, zero without a partition
	// table; nil where it could not tell.
	PartitionSize *int64
}

// Result is where the file system lies then.
type Result struct {
	Spec    rbd.Spec
	ImageID string
	Layout  guestread.Layout
}

// Do grows the file system where it must grow. Where it need not, nothing is
// started.
//
// Errors: ErrShrink, ErrNoRoom, ErrBlocked, ErrMBR, ErrUnclean, ErrUnsettled,
// ErrPlan, guestread.ErrUnsupported, those of guestedit.ImageRef.Find and
// Change.Run.
func Do(ctx context.Context, b guestoverlay.Backends, r Request) (Result, error) {
	img, err := r.Image.Find(ctx, b.Ceph)
	if err != nil {
		return Result{}, err
	}
	l, err := job{b, img.Spec, r.Device, r.Size}.run(ctx, img.ID)
	if err != nil {
		return Result{}, err
	}
	var has int64
	if l.Partition != nil {
		has = l.Partition.Size
	}
	if r.PartitionSize != nil && *r.PartitionSize != has {
		return Result{}, fmt.Errorf("%w: the partition has %d bytes, %d were planned", ErrPlan, has, *r.PartitionSize)
	}
	return Result{img.Spec, img.ID, l}, nil
}

// Inspect tells where the file system lies, with the help of an appliance, if
// need be, to find the root file system.
//
// Errors: guestread.ErrUnsupported, those of rbd.OpenReader, and what
// guestinspect.OfGuest tells.
func Inspect(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, device string) (guestread.Layout, error) {
	return job{Backends: b, spec: spec, device: device}.inspect(ctx)
}

// Wanted is what is planned for a file system.
type Wanted struct {
	Device string // as libguestfs names it; empty for the root file system
	Size   int64  // in bytes; zero for the end of the image
	// DiskSize is the size that the image will have, in bytes; zero for that which
	// it has.
	DiskSize int64
}

// Plan tells, without an appliance, where the file system lies and what must be
// done to it.
//
// Errors: guestread.ErrUnsupported where the root file system can't be told that
// way; ErrShrink, ErrNoRoom, ErrBlocked, ErrMBR; those of rbd.OpenReader.
func Plan(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, want Wanted) (guestread.Layout, Goal, error) {
	l, err := job{Backends: b, spec: spec, device: want.Device}.layout(ctx)
	if err != nil {
		return l, Goal{}, err
	}
	g, err := goalFor(l, cmp.Or(want.DiskSize, l.DiskSize), want.Size)
	return l, g, err
}

// job is the growth of a file system of one image.
type job struct {
	guestoverlay.Backends
	spec   rbd.Spec
	device string // empty for the root file system
	size   int64  // zero for the end of the image
}

// layout reads where the file system lies, without an appliance. Where the root
// file system can't be told that way, the error is guestread.ErrUnsupported.
func (j job) layout(ctx context.Context) (l guestread.Layout, err error) {
	r, err := j.Ceph.OpenReader(ctx, j.spec)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return guestread.ReadLayout(r, r.Size(), j.device)
}

// inspect is layout with the help of an appliance, if need be, to find the root
// file system. It changes nothing.
func (j job) inspect(ctx context.Context) (l guestread.Layout, err error) {
	l, err = j.layout(ctx)
	if j.device != "" || !errors.Is(err, guestread.ErrUnsupported) || errors.Is(err, guestread.ErrPacked) {
		return l, err
	}
	j.Info(ctx, "looking for the root file system in an appliance", map[string]any{"image": j.spec.String(), "reason": err.Error()})
	failed := guestinspect.InAppliance(ctx, j.Backends, j.spec, func(s *guestfs.Session) error {
		root, mountErr := s.MountRoot(ctx, "")
		j.device = root.Device
		return guestinspect.Explained(mountErr, err)
	})
	if failed != nil {
		return l, failed
	}
	return j.layout(ctx)
}

// run grows the file system where it must grow, and returns how it is then.
func (j job) run(ctx context.Context, imageID string) (result guestread.Layout, err error) {
	var l guestread.Layout
	var g Goal
	err = guestedit.Change{
		Step: "rbd_guest_filesystem_growth", Arguments: []any{j.device, j.size},
		Needed: func(ctx context.Context, spec rbd.Spec) (bool, error) {
			at := j
			at.spec = spec
			if l, err = at.inspect(ctx); err != nil {
				return false, err
			}
			j.device, result = l.Device, l
			g, err = goalFor(l, l.DiskSize, j.size)
			return !g.Holds(), err
		},
		Make: func(ctx context.Context, o *guestoverlay.Overlay) (bool, error) {
			return true, j.grow(ctx, o, l, g)
		},
		Verify: func(ctx context.Context) error {
			if result, err = j.layout(ctx); err != nil {
				return fmt.Errorf("look at the result: %w", err)
			}
			left, err := goalFor(result, result.DiskSize, j.size)
			if err == nil && !left.Holds() {
				err = fmt.Errorf("%s: %w: it has %d bytes", result.Device, ErrUnsettled, result.FileSystem.Size)
			}
			return err
		},
	}.Run(ctx, j.Backends, j.spec, imageID)
	return result, err
}

// grow grows the file system in the overlay, in an appliance where nothing else will
// do. The partition grows without one where it can: parted and sgdisk do not agree
// about where a table ends that sfdisk has made.
func (j job) grow(ctx context.Context, o *guestoverlay.Overlay, l guestread.Layout, g Goal) error {
	j.Info(ctx, "growing a file system", map[string]any{"image": j.spec.String(), "device": l.Device, "bytes": l.FileSystem.Size})
	partition := func() error {
		if g.Partition == 0 {
			return nil
		}
		return growPartition(ctx, o, l, g)
	}
	rest := g
	err := partition()
	if err == nil {
		rest.Partition = 0
		err = j.growExt4(ctx, o, l, g)
	}
	if !errors.Is(err, errIndirect) || ctx.Err() != nil {
		return err
	}
	j.Info(ctx, "growing it in an appliance", map[string]any{"image": j.spec.String(), "reason": err.Error()})
	// Whatever was half done.
	if err := o.Empty(ctx); err != nil {
		return err
	}
	if rest.Partition != g.Partition {
		err := partition()
		if errors.Is(err, errIndirect) && ctx.Err() == nil {
			rest = g // an appliance does that, too
			err = o.Empty(ctx)
		}
		if err != nil {
			return err
		}
	}
	return j.growInside(ctx, o, l, rest)
}

func (j job) growInside(ctx context.Context, o *guestoverlay.Overlay, l guestread.Layout, g Goal) error {
	s, err := o.Launch(ctx)
	if err != nil {
		return err
	}
	defer s.Abort()
	if err := s.Available(ctx, features(l, g)...); err != nil {
		return err
	}
	for _, c := range commands(l, g) {
		out, err := s.Run(ctx, c[0], c[1:]...)
		j.Debug(ctx, "guestfish "+strings.Join(c, " "), map[string]any{"output": strings.TrimSpace(out)})
		if err != nil && c[0] == "e2fsck" {
			return fmt.Errorf("%s: %w: %w", l.Device, ErrUnclean, err)
		}
		if err != nil {
			return fmt.Errorf("grow %s: %w: %w", l.Device, ErrRefused, err)
		}
		// It prints xfs_repair's exit status.
		if out = strings.TrimSpace(out); c[0] == "xfs-repair" && out != "0" {
			return fmt.Errorf("%s: %w: xfs_repair ends with the status %s", l.Device, ErrUnclean, out)
		}
	}
	return s.Close(ctx)
}
