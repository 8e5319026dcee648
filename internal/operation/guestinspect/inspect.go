// SPDX-License-Identifier: MPL-2.0

package guestinspect

import (
	"context"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Findings are what an inspection has found. Those of snapshots are kept: see asked.
type Findings struct {
	Systems     []System
	FileSystems []guestfs.FileSystem
}

// System is an operating system with what was found in it.
type System struct {
	OS       guestfs.OS
	Cloud    Cloud
	Mounted  guestfs.Root
	Packages []guestfs.Package
}

// Inspect looks for the operating systems and file systems of an image or snapshot, in
// an appliance. An image must not be in use meanwhile. Of a snapshot it uses what
// this machine knows already. Similar To: `virt-inspector`, `virt-df`
//
// Errors: as InAppliance and Unchanged.
func Inspect(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, packages bool) (f Findings, err error) {
	find := func() (f Findings, err error) {
		err = InAppliance(ctx, b, spec, func(s *guestfs.Session) (err error) {
			f, err = findIn(ctx, s, packages)
			return err
		})
		return f, err
	}
	if spec.Snapshot != "" {
		return keptOrFound(ctx, b, spec, packages, find)
	}
	err = Unchanged(ctx, b, spec, func() (err error) {
		f, err = find()
		return err
	})
	return f, err
}

// findIn inspects the guest of an appliance.
func findIn(ctx context.Context, s *guestfs.Session, packages bool) (f Findings, err error) {
	if f.FileSystems, err = s.FileSystems(ctx); err != nil {
		return f, err
	}
	found, err := s.Inspect(ctx)
	if err != nil {
		return f, err
	}
	for _, o := range found {
		one, err := inspectSystem(ctx, s, o, packages)
		if err != nil {
			return f, fmt.Errorf("the operating system on %s: %w", o.Root, err)
		}
		f.Systems = append(f.Systems, one)
	}
	return f, nil
}

// inspectSystem mounts an operating System, and unmounts it.
func inspectSystem(ctx context.Context, s *guestfs.Session, o guestfs.OS, packages bool) (one System, err error) {
	one.OS = o
	if one.Mounted, err = s.MountRoot(ctx, o.Root); err != nil {
		return one, err
	}
	if one.Cloud, err = cloudOf(ctx, s, o); err != nil {
		return one, err
	}
	if packages {
		if one.Packages, err = s.Packages(ctx, o.Root); err != nil {
			return one, err
		}
	}
	return one, s.UnmountAll(ctx)
}
