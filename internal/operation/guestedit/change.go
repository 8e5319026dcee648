// SPDX-License-Identifier: MPL-2.0

// Package guestedit changes the content of an image as a whole or not at all: what
// all operations that write into a guest have in common.
//
// The work is done in an overlay, and only when all of it is done is it put into
// the image, under a snapshot to go back to. Whatever happens, the image has
// either its old or its new content, or the next run puts the old one back.
package guestedit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/nbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Change is what is to be done to the content of an image.
type Change struct {
	// Needed tells, without an appliance, whether there is anything to do. It
	// runs when the image is known to be nobody else's, and once more on the
	// snapshot on which the work is done; nil means yes.
	Needed func(ctx context.Context, spec rbd.Spec) (bool, error)
	// Make makes the change in the overlay, whose appliance must have ended when
	// it returns. It returns false where there was nothing to do after all.
	Make func(ctx context.Context, o *guestoverlay.Overlay) (bool, error)
	// Step is the word by which the change is noted on the image, for those who
	// ask why something is not as they left it; empty leaves that out.
	Step string
	// Arguments are all that was asked for, fit for JSON and without what is secret:
	// their hash is noted on the image with the change.
	Arguments any
	// Verify reads the result in the image itself; its error has the old
	// content put back. nil leaves it out.
	Verify func(ctx context.Context) error

	// reached is told how far the change has come, so that a test can cut it off
	// there; nil in a run.
	reached func(step)
}

// step is how far a change has come. What is done between two of them is one
// operation of Ceph or less; see TestCutOffChange for what is left by a run that
// is cut off.
type step string

const (
	begun      step = "begun"      // the image has the label of an edit, and our watch
	protected  step = "protected"  // the undo snapshot is there
	overlaid   step = "overlaid"   // the overlay is there, empty
	prepared   step = "prepared"   // the overlay has the change
	committing step = "committing" // the label says that the content may change
	writing    step = "writing"    // part of the change is in the image
	written    step = "written"    // all of it is
	noted      step = "noted"      // and was verified, and noted on the image
	accepted   step = "accepted"   // the undo snapshot is gone
)

func (c Change) at(s step) {
	if c.reached != nil {
		c.reached(s)
	}
}

// Run makes a change of the image with this id. It refuses an image that
// anything else has open or locked, before the work and once more before the
// image is written to, and one that somebody wrote to in between; after a change
// that was cut off it puts the old content back first.
//
// Errors: those of the change, of rbd.BeginEdit and BeginCommit, and of the
// tools.
func (c Change) Run(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, imageID string) (err error) {
	unlock, err := b.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	e, err := b.Ceph.BeginEdit(ctx, spec, imageID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.End()) }()
	c.at(begun)
	if needed, err := c.needed(ctx, spec); err != nil || !needed {
		return errors.Join(err, c.note(ctx, e, err == nil))
	}
	if err := e.Protect(ctx); err != nil {
		return err
	}
	c.at(protected)
	// Nobody can tell whether what was read before is what is protected.
	if needed, err := c.needed(ctx, e.Protected()); err != nil || !needed {
		return err
	}
	o, err := guestoverlay.New(ctx, b, e.Protected())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Remove()) }()
	c.at(overlaid)
	changed := false
	err = o.Within(ctx, func(ctx context.Context) (err error) {
		changed, err = c.Make(ctx, o)
		return err
	})
	if err != nil || !changed {
		return err
	}
	c.at(prepared)
	return c.commit(ctx, e, o)
}

func (c Change) needed(ctx context.Context, spec rbd.Spec) (bool, error) {
	if c.Needed == nil {
		return true, nil
	}
	return c.Needed(ctx, spec)
}

// commit writes to the image through our own client, which keeps others from
// writing to it meanwhile.
func (c Change) commit(ctx context.Context, e *rbd.Edit, o *guestoverlay.Overlay) (err error) {
	if err := e.BeginCommit(ctx); err != nil {
		return err
	}
	c.at(committing)
	if err := c.write(ctx, e.Content(ctx), o); err != nil {
		return err
	}
	c.at(written)
	if c.Verify != nil {
		if err := c.Verify(ctx); err != nil {
			return err
		}
	}
	if err := c.note(ctx, e, true); err != nil {
		return err
	}
	if err := e.NoteMade(ctx, rbd.Step{Type: c.stepType(), Arguments: ArgumentsHash(c.Arguments), Tools: o.Tools(ctx)}); err != nil {
		return err
	}
	c.at(noted)
	if err := e.Accept(ctx); err != nil {
		return err
	}
	c.at(accepted)
	return nil
}

// note notes on the image that all is as this change wants it.
func (c Change) note(ctx context.Context, e *rbd.Edit, holds bool) error {
	if c.Step == "" || !holds {
		return nil
	}
	return e.NoteStep(ctx, c.Step)
}

// stepType is the type of the resource: the beginning of the word.
func (c Change) stepType() string {
	name, _, _ := strings.Cut(c.Step, "/")
	return cmp.Or(name, "edit")
}

// ArgumentsHash is the SHA-256 of arguments, which must be fit for JSON; empty where
// there are none.
func ArgumentsHash(arguments any) string {
	if arguments == nil {
		return ""
	}
	b, err := json.Marshal(arguments)
	if err != nil {
		panic(fmt.Sprintf("hash of plain values: %v", err))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// write has qemu-img write what is in the overlay through our client.
func (c Change) write(ctx context.Context, to *rbd.Content, o *guestoverlay.Overlay) (err error) {
	size, err := to.Size()
	if err != nil {
		return err
	}
	s, err := nbd.ServeWritable(o.Dir, disk{to, c}, size)
	if err != nil {
		return err
	}
	err = qemu.CommitOverlay(ctx, o.Path, filepath.Base(s.Socket), o.Env)
	if err := errors.Join(to.Err(), err, s.Close()); err != nil {
		return err
	}
	return to.Flush()
}

// disk is the content of the image while a change is written to it.
type disk struct {
	*rbd.Content
	c Change
}

func (d disk) WriteAt(b []byte, at int64) (int, error) {
	n, err := d.Content.WriteAt(b, at)
	if err == nil {
		d.c.at(writing)
	}
	return n, err
}

// Recover ends a change of the image that was cut off, and puts the old content
// back. It does nothing where there was none, or no image any more.
//
// Errors: those of rbd.BeginEdit and of its End.
func Recover(ctx context.Context, ceph *rbd.Cluster, img rbd.Image) error {
	if !img.EditInterrupted() {
		return nil
	}
	e, err := ceph.BeginEdit(ctx, img.Spec, img.ID)
	if rbd.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return e.End()
}

// CheckPlanned reads, at plan time, the image that is to be changed, and refuses
// one that is in use where willChange is set. A missing one, which may be made in
// the same run, is no error: rbd.IsNotFound tells it.
//
// Errors: those of rbd.Image, CheckUnused, CheckSettled and CheckChangeable.
func CheckPlanned(ctx context.Context, ceph *rbd.Cluster, spec rbd.Spec, willChange bool) (rbd.Image, error) {
	img, err := ceph.Image(ctx, spec)
	// The watch of a change that was cut off goes away by itself.
	if err == nil && willChange && !img.EditInterrupted() {
		err = ceph.CheckUnused(ctx, spec, "")
	}
	if err == nil && willChange {
		err = img.CheckSettled()
	}
	if err == nil && willChange {
		err = ceph.CheckChangeable(ctx, spec, img.ID)
	}
	return img, err
}
