// SPDX-License-Identifier: MPL-2.0

// Package guestinspect reads the guest of an image or a snapshot: without an
// appliance where that is sound, and else in one, on an overlay that is thrown
// away. Nothing is ever written to the image.
package guestinspect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Reader reads the files of a guest.
type Reader interface {
	Lstat(path string) (guest.FileInfo, error)
	Read(path string, limit int64) ([]byte, error)
	// RootDevice is the device of the root file system.
	RootDevice() string
	// RootIsNTFS says whether the guest is a Windows, to which upper and lower case
	// in a path are the same, and which has no modes and owners as Linux does.
	RootIsNTFS() bool
}

var _ Reader = (*guestread.Guest)(nil)

// Appliance is a session, with the guest's root mounted, as a Reader. It lives
// for one call that has the context.
func Appliance(ctx context.Context, s *guestfs.Session, root string) Reader {
	return appliance{ctx, s, root}
}

type appliance struct {
	//nolint:containedctx // see Appliance
	ctx  context.Context
	s    *guestfs.Session
	root string
}

func (a appliance) RootDevice() string { return a.root }

func (a appliance) RootIsNTFS() bool { return a.s.RootIsNTFS() }

func (a appliance) Lstat(path string) (guest.FileInfo, error) { return a.s.Lstat(a.ctx, path) }

func (a appliance) Read(path string, limit int64) ([]byte, error) {
	return a.s.Read(a.ctx, path, limit)
}

// Direct has read inspect the guest without an appliance. Its error is
// guestread.ErrUnsupported where that can't be done for sure.
func Direct(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, tree guest.Tree, read func(Reader) error) (err error) {
	r, err := b.Ceph.OpenReader(ctx, spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	g, err := guestread.Open(r, r.Size(), guestread.Options{RootDevice: tree.Root, Mounts: tree.Mounts})
	if err != nil {
		return err
	}
	return read(g)
}

// CheckUsable refuses a disk which shows that no appliance can change its guest, as one
// that is encrypted.
//
// Errors: guestread.ErrUnusable and ErrPacked, those of rbd.OpenReader.
func CheckUsable(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec) error {
	err := Direct(ctx, b, spec, guest.Tree{}, func(Reader) error { return nil })
	if errors.Is(err, guestread.ErrUnsupported) && !errors.Is(err, guestread.ErrPacked) {
		return nil
	}
	return err
}

// Read has read inspect the guest, in an appliance where nothing else will do;
// read may then be called a second time. An empty tree has the one operating
// system found.
func Read(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, tree guest.Tree, read func(Reader) error) error {
	err := Direct(ctx, b, spec, tree, read)
	if !errors.Is(err, guestread.ErrUnsupported) {
		return err
	}
	b.Info(ctx, "reading the guest in an appliance", map[string]any{"image": spec.String(), "reason": err.Error()})
	return InAppliance(ctx, b, spec, func(s *guestfs.Session) error {
		root, mountErr := s.Mount(ctx, tree)
		if mountErr != nil {
			return Explained(mountErr, err)
		}
		return read(Appliance(ctx, s, root.Device))
	})
}

// Explained adds to the error of an appliance that could not use a guest what the disk
// itself shows: seen is the error of Direct.
func Explained(err, seen error) error {
	if !errors.Is(err, guestfs.ErrNoRoot) && !errors.Is(err, guestfs.ErrNoMount) {
		return err
	}
	return fmt.Errorf("%w (the disk itself shows: %s)", err, strings.TrimPrefix(seen.Error(), guestread.ErrUnsupported.Error()+": "))
}

// InAppliance starts an appliance on a throw-away overlay of the image or
// snapshot, with nothing mounted. Who reads an image has it reserved.
func InAppliance(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, use func(*guestfs.Session) error) (err error) {
	if spec.Snapshot != "" && spec.Snapshot != rbd.UndoSnapshot { // an edit's, which has the image reserved
		lock, err := b.Ceph.ShareImage(ctx, spec, "look at a guest")
		if err != nil {
			return err
		}
		defer lock.Release()
	}
	o, err := guestoverlay.New(ctx, b, spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Remove()) }()
	return o.Within(ctx, func(ctx context.Context) error {
		s, err := o.Launch(ctx)
		if err != nil {
			return err
		}
		defer s.Abort()
		err = use(s)
		// Nothing in the overlay is worth keeping, but an appliance that is killed
		// leaves a watch on the image for half a minute.
		if e := s.Close(ctx); err == nil {
			err = e
		}
		return err
	})
}

// Unchanged runs read, and makes sure that nobody had the image open or locked
// before and after it: what is written meanwhile may be half there. Other
// operations of this provider are waited for. A snapshot stays as it is.
func Unchanged(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, read func() error) error {
	if spec.Snapshot != "" {
		return read()
	}
	unlock, err := b.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	lock, err := b.Ceph.ReserveImage(ctx, spec, "look at a guest")
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := lock.CheckUnused(ctx); err != nil {
		return err
	}
	if err := read(); err != nil {
		return err
	}
	return lock.CheckUnused(ctx)
}
