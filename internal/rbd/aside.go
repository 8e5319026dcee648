package rbd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	librbd "github.com/ceph/go-ceph/rbd"
)

// asideMark is on an image from before it gives up its name until it has it
// back.
const asideMark = "aside"

// ErrAside says that the name that was asked for is that of a decoy.
var ErrAside = errors.New("the image is put aside, and an empty one has its name meanwhile")

// decoyBytes is the size of an image that stands in for one put aside.
const decoyBytes = 1 << 20

// asideNote is the value of asideMark. The RBD image id is in it since clones
// get a copy of their parent's metadata.
type asideNote struct {
	ImageID string `json:"rbd_image_id"`
	Name    string `json:"name"`
	For     string `json:"for"`
	Step    string `json:"step,omitempty"`
}

// asideNote reads the note of an image that was put aside, or is about to be.
func (i Image) asideNote() (n asideNote, ok bool) {
	text := i.Mark(asideMark)
	if text == "" || json.Unmarshal([]byte(text), &n) != nil {
		return asideNote{}, false
	}
	return n, n.ImageID == i.ID
}

// AsideFor tells for what the image is put aside, if it is or is about to be.
func (i Image) AsideFor() string {
	n, _ := i.asideNote()
	return n.For
}

// Aside is the right to put an image out of reach for a while: it gets another
// name, and an empty image, the decoy, has its name meanwhile. It keeps a watch
// on the image, so that whoever finds the note can tell whether somebody is at
// work or was cut off.
type Aside struct {
	c    *Cluster
	h    *handle
	home Spec
	note asideNote
}

// BeginAside begins to put the image with this id aside, or takes up what was
// cut off, after the watch of the killed client has run out. Nothing is changed
// yet. home is the spec the image has or had; purpose tells one undertaking
// from another.
//
// Errors: ErrImageNotFound where the image has neither this name nor was put
// aside, InUseError where somebody has it open or locked, ErrExists where it was
// put aside for something else, ErrPermission.
func (c *Cluster) BeginAside(ctx context.Context, home Spec, id, purpose string) (*Aside, error) {
	home = home.ImageSpec()
	now, err := c.nameNow(ctx, home, id)
	if err != nil {
		return nil, err
	}
	img, err := c.Image(ctx, now)
	if err != nil {
		return nil, err
	}
	a := &Aside{c: c, home: home, note: asideNote{ImageID: id, Name: home.Image, For: purpose}}
	note, noted := img.asideNote()
	switch {
	case noted && note.For != purpose:
		return nil, fmt.Errorf("image %s is put aside for %q: %w", home, note.For, ErrExists)
	case noted:
		a.note, a.home = note, home.WithImage(note.Name)
	case now != home:
		return nil, fmt.Errorf("image %s was renamed to %s: %w", home, now, ErrImageNotFound)
	}
	// Also the first time: with a watch of somebody else on it, nobody could
	// tell afterwards whether this one was cut off.
	if err := c.WaitUnused(ctx, now, id); err != nil {
		return nil, err
	}
	if a.h, err = c.openHandle(ctx, now, readWrite); err != nil {
		return nil, err
	}
	err = checkID(a.h.img, now, id)
	if err == nil {
		err = (&Edit{h: a.h, id: id}).CheckAlone()
	}
	if err != nil {
		return nil, errors.Join(err, a.h.close())
	}
	return a, nil
}

// Away tells whether the image has its other name.
func (a *Aside) Away() bool { return a.h.img.GetName() != a.home.Image }

// Step is what was noted last with SetStep.
func (a *Aside) Step() string { return a.note.Step }

// SetStep notes, on the image, how far the undertaking has come.
func (a *Aside) SetStep(step string) error {
	a.note.Step = step
	text, err := json.Marshal(a.note)
	if err != nil {
		return err
	}
	if err := a.h.img.SetMetadata(markPrefix+asideMark, string(text)); err != nil {
		return translate("mark", a.home, ErrImageNotFound, err)
	}
	return nil
}

// name is what the image is called meanwhile. It need not be long, as the note
// has the whole one.
func (a *Aside) name() string {
	suffix := ".detach-" + a.note.ImageID
	return a.home.Image[:min(len(a.home.Image), maxNameBytes-len(suffix))] + suffix
}

// decoyToken marks what stands in for the image with this id.
func decoyToken(id string) string { return "decoy:" + id }

// Spec is what the image is called now.
func (a *Aside) Spec() Spec { return a.home.WithImage(a.h.img.GetName()) }

// Put puts the image aside and the decoy in its place, as far as that was not
// done before. Similar to: `rbd rename` and `rbd create`.
func (a *Aside) Put(ctx context.Context) error {
	if !a.Away() {
		if err := a.SetStep(a.note.Step); err != nil {
			return err
		}
		if err := a.h.img.Rename(a.name()); err != nil {
			return translate("rename", a.home, ErrImageNotFound, err)
		}
	}
	there, err := a.DecoyThere(ctx)
	if err != nil || there {
		return err
	}
	return a.c.CreateImage(ctx, a.home, Layout{SizeBytes: decoyBytes}, decoyToken(a.note.ImageID))
}

// DecoyThere tells whether the decoy is (still) there. ErrExists means that
// another image has its name.
func (a *Aside) DecoyThere(ctx context.Context) (bool, error) {
	if !a.Away() {
		return false, nil
	}
	return a.c.CheckFree(ctx, a.home, decoyToken(a.note.ImageID))
}

// Back gives the image its name back: the decoy is removed, the image renamed,
// and the note taken off. What was not done needs no undoing.
//
// Errors: ErrExists where another image has the name.
func (a *Aside) Back(ctx context.Context) error {
	if a.Away() {
		there, err := a.DecoyThere(ctx)
		if err != nil {
			return err
		}
		if there {
			decoy, err := a.c.Image(ctx, a.home)
			if err != nil {
				return err
			}
			// Whoever was cut off while it was made may have left a watch.
			if err := a.c.WaitUnused(ctx, a.home, decoy.ID); err != nil {
				return tolerate(err, ErrImageNotFound)
			}
			if err := a.c.RemoveImage(ctx, a.home, decoy.ID); err != nil {
				return err
			}
		}
		if err := a.h.img.Rename(a.home.Image); err != nil {
			return translate("rename", a.Spec(), ErrImageNotFound, err)
		}
	}
	if err := a.dropHalfDecoy(ctx); err != nil {
		return err
	}
	return unmark(a.h.img, markPrefix+asideMark)
}

// dropHalfDecoy removes a decoy that was being made when a run was cut off.
func (a *Aside) dropHalfDecoy(ctx context.Context) error {
	spec := a.home.WithImage(PendingName(a.home.Image))
	img, err := a.c.Image(ctx, spec)
	if err != nil || img.PendingToken() != decoyToken(a.note.ImageID) && (img.PendingToken() != "" || img.Held() || img.SizeBytes > 0) {
		return tolerate(err, ErrImageNotFound)
	}
	return a.c.removeLeftover(ctx, spec, nil)
}

// End gives the right back.
func (a *Aside) End() error { return a.h.close() }

// SetMarkByID is SetMark for the image with this id, whatever its name is now.
// An image that is gone is ErrImageNotFound.
func (c *Cluster) SetMarkByID(ctx context.Context, spec Spec, id, name, value string) error {
	now, err := c.nameNow(ctx, spec, id)
	if err != nil {
		return err
	}
	return c.withImage(ctx, now, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, now, id); err != nil {
			return err
		}
		if value == "" {
			return unmark(img, markPrefix+name)
		}
		return translate("mark", now, ErrImageNotFound, img.SetMetadata(markPrefix+name, value))
	})
}
