// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// placeholderBytes is the size of an image that stands in for one detached.
const placeholderBytes = 1 << 20

// checkHome returns ErrDetached where the image does not have its own name now.
func (i Image) checkHome() error {
	if n, ok := i.labels().Detach(); ok && n.Name != i.Spec.Image {
		return fmt.Errorf("%w: %s (id %s) is called %s", ErrDetached, i.Spec.WithImage(n.Name), i.ID, i.Spec)
	}
	return nil
}

// DetachedFor tells for what the image is detached, if it is or is about to be.
func (i Image) DetachedFor() string {
	n, _ := i.labels().Detach()
	return n.For
}

// DetachStep is how far that had come, as noted with SetStep.
func (i Image) DetachStep() string {
	n, _ := i.labels().Detach()
	return n.Step
}

// Detached is the right to put an image out of reach for a while: it gets another
// name, and an empty image, the placeholder, has its name meanwhile. It keeps a
// watch on the image, so that whoever finds the note can tell whether somebody is at
// work or was cut off.
type Detached struct {
	c    *Cluster
	h    *handle
	home Spec
	note ownership.Detach
}

// BeginDetach begins to detach the image with this id, or takes up what was cut
// off, after the watch of the killed client has run out. Nothing is changed
// yet. home is the spec the image has or had; purpose tells one undertaking
// from another.
//
// Errors: ErrImageNotFound where the image has neither this name nor was
// detached, InUseError where somebody has it open or locked, ErrExists where it was
// detached for something else, ErrPermission.
func (c *Cluster) BeginDetach(ctx context.Context, home Spec, id, purpose string) (*Detached, error) {
	home = home.ImageSpec()
	at, err := c.locate(ctx, home, id, underName)
	if err != nil {
		return nil, err
	}
	now := at.spec
	img, err := c.Image(ctx, now)
	if err != nil {
		return nil, err
	}
	d := &Detached{c: c, home: home, note: ownership.Detach{ImageID: id, Name: home.Image, For: purpose}}
	note, noted := img.labels().Detach()
	switch {
	case noted && note.For != purpose:
		return nil, fmt.Errorf("image %s is put aside for %q: %w", home, note.For, ErrExists)
	case noted:
		d.note, d.home = note, home.WithImage(note.Name)
	case now != home:
		return nil, fmt.Errorf("image %s was renamed to %s: %w", home, now, ErrImageNotFound)
	}
	// Also the first time: with a watch of somebody else on it, nobody could
	// tell afterwards whether this one was cut off.
	if err := c.WaitUnused(ctx, now, id); err != nil {
		return nil, err
	}
	if d.h, err = c.openHandle(ctx, now, readWrite); err != nil {
		return nil, err
	}
	err = d.h.call(func(img *librbd.Image) error { return checkID(img, now, id) })
	if err == nil {
		err = (&Edit{h: d.h, id: id}).CheckAlone(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, d.h.close())
	}
	return d, nil
}

// Away tells whether the image has its other name.
func (d *Detached) Away() bool { return d.h.img.GetName() != d.home.Image }

// rename gives the open image another name.
func (d *Detached) rename(name string) error {
	spec := d.Spec()
	return d.h.call(func(img *librbd.Image) error {
		return translate("rename", spec, ErrImageNotFound, img.Rename(name))
	})
}

// Step is what was noted last with SetStep.
func (d *Detached) Step() string { return d.note.Step }

// SetStep notes, on the image, how far the undertaking has come.
func (d *Detached) SetStep(step string) error {
	d.note.Step = step
	text, err := d.note.Text()
	if err != nil {
		return err
	}
	return d.h.call(func(img *librbd.Image) error {
		return translate("mark", d.home, ErrImageNotFound, img.SetMetadata(ownership.DetachKey, text))
	})
}

// name is what the image is called meanwhile. It need not be long, as the note
// has the whole one.
func (d *Detached) name() string {
	suffix := ".detach-" + d.note.ImageID
	return d.home.Image[:min(len(d.home.Image), maxNameBytes-len(suffix))] + suffix
}

// Spec is what the image is called now.
func (d *Detached) Spec() Spec { return d.home.WithImage(d.h.img.GetName()) }

// Detach gives the image its other name, and puts the placeholder in its place, as
// far as that was not done before. Similar to: `rbd rename` and `rbd create`.
func (d *Detached) Detach(ctx context.Context) error {
	if !d.Away() {
		if err := d.SetStep(d.note.Step); err != nil {
			return err
		}
		if err := d.rename(d.name()); err != nil {
			return err
		}
	}
	there, err := d.PlaceholderThere(ctx)
	if err != nil || there {
		return err
	}
	// Whoever has the image may take this up, whatever state it is in.
	p, err := d.c.newEmpty(ctx, d.home, Layout{SizeBytes: placeholderBytes}, ownership.PlaceholderToken(d.note.ImageID))
	return p.publish(ctx, err)
}

// PlaceholderThere tells whether the placeholder is (still) there. ErrExists
// means that another image has its name.
func (d *Detached) PlaceholderThere(ctx context.Context) (bool, error) {
	if !d.Away() {
		return false, nil
	}
	return d.c.checkFree(ctx, d.home, ownership.PlaceholderToken(d.note.ImageID), func(Run) error { return nil })
}

// Reattach gives the image its name back: the placeholder is removed, the image
// renamed, and the note taken off. What was not done needs no undoing.
//
// Errors: ErrExists where another image has the name.
func (d *Detached) Reattach(ctx context.Context) error {
	if d.Away() {
		if err := d.dropPlaceholder(ctx); err != nil {
			return err
		}
		if err := d.rename(d.home.Image); err != nil {
			return err
		}
	}
	if err := d.dropHalfPlaceholder(ctx); err != nil {
		return err
	}
	return d.h.call(func(img *librbd.Image) error { return ownership.Remove(img, ownership.DetachKey) })
}

// dropPlaceholder removes the placeholder, which others may do at the same time.
func (d *Detached) dropPlaceholder(ctx context.Context) error {
	there, err := d.PlaceholderThere(ctx)
	if err != nil || !there {
		return err
	}
	placeholder, err := d.c.Image(ctx, d.home)
	if err == nil {
		// Whoever was cut off while it was made may have left a watch.
		err = d.c.WaitUnused(ctx, d.home, placeholder.ID)
	}
	if err == nil {
		err = d.c.RemoveImage(ctx, d.home, placeholder.ID)
	}
	return tolerate(err, ErrImageNotFound)
}

// dropHalfPlaceholder removes a placeholder that was being made when a run was cut off.
func (d *Detached) dropHalfPlaceholder(ctx context.Context) error {
	spec := d.home.WithImage(PendingName(d.home.Image))
	img, err := d.c.Image(ctx, spec)
	if err != nil || img.PendingToken() != ownership.PlaceholderToken(d.note.ImageID) && (img.PendingToken() != "" || img.Held() || img.SizeBytes > 0) {
		return tolerate(err, ErrImageNotFound)
	}
	return d.c.removeLeftover(ctx, spec, nil)
}

// End gives the right back.
func (d *Detached) End() error { return d.h.close() }
