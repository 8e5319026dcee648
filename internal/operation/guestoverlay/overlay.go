// SPDX-License-Identifier: MPL-2.0

// Package guestoverlay lets an appliance read or write the guest of an image
// without touching the image: in a qcow2 overlay, which is kept on this machine
// and bounded in size.
package guestoverlay

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// Overlay is a qcow2 file into which an appliance writes in place of the image.
type Overlay struct {
	// Path is the file's; it lies in Dir, which is private and goes away with
	// the overlay.
	Path, Dir string
	// Spec is the image or snapshot below it.
	Spec rbd.Spec
	// Env is what a tool needs in its environment to open the overlay.
	Env []string

	backends Backends
	below    qemu.RBD
	dir      *workdir.Dir
	most     int64
	used     []string // the tools that have written to it
}

// New makes an overlay of an image or snapshot, as `qemu-img create -b` does. The
// caller must Remove it.
func New(ctx context.Context, b Backends, spec rbd.Spec) (_ *Overlay, err error) {
	dir, err := workdir.New("edit")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, dir.Remove())
		}
	}()
	tool, err := b.Ceph.WriteToolConf(ctx, dir.Path(), nil)
	if err != nil {
		return nil, err
	}
	o := &Overlay{Path: filepath.Join(dir.Path(), "overlay.qcow2"), Dir: dir.Path(), Spec: spec, Env: tool.Env, backends: b, dir: dir, most: b.Guests.MaxOverlay()}
	o.below = qemu.RBD{
		Pool: spec.Pool, Namespace: spec.Namespace, Image: spec.Image, Snapshot: spec.Snapshot,
		ConfFile: tool.ConfFile, User: tool.User,
	}
	return o, o.Empty(ctx)
}

// Empty throws away what was written to the overlay.
func (o *Overlay) Empty(ctx context.Context) error {
	o.used = nil
	return qemu.CreateOverlay(ctx, o.Path, o.below, o.Env)
}

// Exported does work on the overlay while it, and a part of it unless that is nil,
// are shown as files of this machine, for tools of file systems that need no
// appliance.
//
// Errors: qemu.ErrNoExport, those of the work.
func (o *Overlay) Exported(ctx context.Context, part *qemu.Part, work func(*qemu.FileExport) error) (err error) {
	if part == nil {
		o.used = append(o.used, sfdisk)
	} else {
		o.used = append(o.used, e2fsck)
	}
	e, err := qemu.ExportOverlay(ctx, o.Path, o.Dir, o.Env, part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return work(e)
}

// Launch starts an appliance on the overlay; nothing is mounted. The caller must
// end the session.
func (o *Overlay) Launch(ctx context.Context) (*guestfs.Session, error) {
	o.used = append(o.used, guestfish)
	return o.backends.Guests.Launch(ctx, guestfs.Request{
		Drives: []guestfs.Drive{{Path: o.Path, Format: "qcow2"}},
		Env:    o.Env,
	})
}

// LaunchTree is Launch with the guest's file systems mounted. An empty tree has the
// guest inspected.
func (o *Overlay) LaunchTree(ctx context.Context, tree guest.Tree) (*guestfs.Session, error) {
	s, err := o.Launch(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.Mount(ctx, tree); err != nil {
		s.Abort()
		return nil, err
	}
	return s, nil
}

// Within does work in which a guest may write to the overlay, and ends its context as
// soon as the overlay gets larger than it may, or TMPDIR too full.
//
// Errors: those of the work, workdir.ErrTooMuch, workdir.ErrFilling.
func (o *Overlay) Within(ctx context.Context, work func(context.Context) error) error {
	watched, stop := workdir.Watch(ctx, o.Dir, o.most)
	if watched.Err() != nil {
		return errors.Join(ctx.Err(), stop())
	}
	err := work(watched)
	full := stop()
	switch {
	case full == nil || err == nil:
		return err
	case watched.Err() != nil && ctx.Err() == nil:
		return full // the work was ended by that
	}
	return fmt.Errorf("%w: %w", full, err)
}

// Remove removes the overlay and its private directory.
func (o *Overlay) Remove() error { return o.dir.Remove() }
