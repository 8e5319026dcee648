// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/history"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// Pending is an image that is being made: it has a temporary name and our
// label until Publish gives it its own name. A crash leaves the labeled
// temporary image, which the next NewPending of the same state for the same name
// removes. It is held open all the time, so that others see that it is in use.
type Pending struct {
	// Spec is the temporary one.
	Spec   Spec
	target Spec
	id     string
	c      *Cluster
	held   *handle
	undo   undo.Stack
	made   []Step // noted when it is published
	// imported is set where a live import fills it, see NewPendingImport.
	imported bool
}

// Resume finishes the renaming of an image that a run of this state was cut off
// in while it gave it its name, and tells whether it is finished with that, see
// CheckFree.
//
// Errors: InUseError (another run is at work), as CheckFree.
func (c *Cluster) Resume(ctx context.Context, target Spec, token string) (found bool, err error) {
	if err := c.finishRename(ctx, target); err != nil {
		return false, err
	}
	return c.CheckFree(ctx, target, token)
}

func (c *Cluster) finishRename(ctx context.Context, target Spec) error {
	temporary := PendingName(target.Image)
	var id string
	err := c.withPool(ctx, target.Pool, target.Namespace, readOnly, func(ioctx *rados.IOContext) (err error) {
		var other string
		if id, err = idByName(ioctx, temporary); err != nil || id == "" {
			return err
		}
		if other, err = idByName(ioctx, target.Image); other != id {
			id = ""
		}
		return err
	})
	if err != nil || id == "" {
		return err
	}
	img, err := c.Image(ctx, target)
	if err != nil {
		return tolerate(err, ErrImageNotFound) // half made: CheckFree tells
	}
	if img.PendingToken() == "" || c.takes(img.PendingRun()) != nil {
		return nil //nolint:nilerr // CheckFree says why it is left alone
	}
	if err := c.WaitUnused(ctx, target, id); err != nil {
		return err
	}
	return c.withNameLock(ctx, target.Pool, target.Namespace, temporary, func(_ *connection, ioctx *rados.IOContext) error {
		_, err := recoverRename(ioctx, temporary, target.Image, id)
		return err
	})
}

// CheckFree says whether an image can be made under this name: ErrExists where
// it is taken by anything but an unclaimed image that an unfinished run of the
// same state made with the same token. Such an image is finished, and found is
// true.
//
// Errors: also ErrOtherState, ErrOtherArguments, ErrOtherRun, ErrThisRun, which
// are ErrExists, too.
func (c *Cluster) CheckFree(ctx context.Context, spec Spec, token string) (found bool, err error) {
	return c.checkFree(ctx, spec, token, c.takes)
}

func (c *Cluster) checkFree(ctx context.Context, spec Spec, token string, takes func(Run) error) (found bool, err error) {
	img, err := c.Image(ctx, spec)
	if errors.Is(err, ErrImageNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = ErrExists
	if img.Owned() {
		err = ErrOwned
	}
	if img.PendingToken() != "" {
		err = takes(img.PendingRun())
		if err == nil && token != "" && img.PendingToken() == token {
			return true, nil
		}
		if err == nil {
			err = ErrOtherArguments
		}
	}
	return false, fmt.Errorf("image %s (id %s): %w", spec, img.ID, err)
}

// CheckTemporary says whether the temporary name of a new image is free, or has
// what an unfinished run of this state left, which NewPending removes.
//
// Errors: ErrExists, ErrOtherState, ErrThisRun.
func (c *Cluster) CheckTemporary(ctx context.Context, target Spec) (left bool, err error) {
	spec := target.WithImage(PendingName(target.Image))
	if l, err := c.findImport(ctx, spec); err != nil || l != nil {
		return l != nil, errors.Join(err, c.takesImport(spec, l))
	}
	img, err := c.Image(ctx, spec)
	if errors.Is(err, ErrImageNotFound) {
		return false, nil
	}
	if err == nil && img.PendingToken() != "" {
		left, err = true, c.takes(img.PendingRun())
	}
	if err != nil {
		err = fmt.Errorf("image %s (id %s): %w", spec, img.ID, err)
	}
	return left, err
}

// NewPending makes the temporary image, empty. What an interrupted run of this
// state left under the temporary name is removed first, after the watch of a
// client that was killed has run out.
//
// Errors: ErrExists, ErrOtherState, ErrThisRun, InUseError (another run is at work), ErrPoolNotFound,
// ErrNamespaceNotFound, ErrPermission.
func (c *Cluster) NewPending(ctx context.Context, target Spec, layout Layout, token string) (*Pending, error) {
	return c.newEmpty(ctx, target, layout, c.cfg.Run.Sign(token))
}

func (c *Cluster) newEmpty(ctx context.Context, target Spec, layout Layout, label string) (*Pending, error) {
	return c.newPending(ctx, target, nil, layout, label, func(cn *connection, ioctx *rados.IOContext, spec Spec) error {
		// It gets its size only when the label is on it: an unlabeled image
		// under this name is a leftover only if it is empty.
		return layout.create(cn, ioctx, spec, 0)
	})
}

// Origin is the snapshot that a clone is made of.
type Origin struct {
	Spec       Spec
	ImageID    string
	SnapshotID uint64
	// CloneFormat is 1, 2, or 0 for what the cluster has configured.
	CloneFormat uint64
}

// NewPendingClone is NewPending for a clone: `rbd clone`. A size of 0 in layout
// is that of the snapshot.
//
// Errors: also ErrOtherImage, ErrOtherSnapshot, ErrNotProtected, ErrShrink.
func (c *Cluster) NewPendingClone(ctx context.Context, target Spec, from Origin, layout Layout, token string) (*Pending, error) {
	if err := c.CheckClone(ctx, target, from.Spec, from.CloneFormat); err != nil {
		return nil, err
	}
	made, err := c.checkOrigin(ctx, from)
	if err != nil {
		return nil, err
	}
	p, err := c.newPending(ctx, target, &from, layout, c.cfg.Run.Sign(token), func(cn *connection, ioctx *rados.IOContext, spec Spec) error {
		return layout.clone(cn, ioctx, spec, from.Spec, from.CloneFormat)
	})
	if err != nil {
		return nil, err
	}
	p.NoteMade(made...)
	return p, nil
}

// errNotBegun is for nobody: it was given up before it began.
var errNotBegun = errors.New("not begun")

func (c *Cluster) newPending(ctx context.Context, target Spec, from *Origin, layout Layout, token string, create func(*connection, *rados.IOContext, Spec) error) (*Pending, error) {
	return c.begin(ctx, &Pending{target: target}, from, layout, token, create)
}

// begin is newPending of what is to be one.
func (c *Cluster) begin(ctx context.Context, p *Pending, from *Origin, layout Layout, token string, create func(*connection, *rados.IOContext, Spec) error) (*Pending, error) {
	target := p.target
	if err := c.CheckPool(ctx, target.Pool, target.Namespace); err != nil {
		return nil, err
	}
	p.c, p.Spec = c, target.WithImage(PendingName(target.Image))
	if _, err := c.CheckFree(ctx, target, ""); err != nil {
		return nil, err
	}
	if err := c.removeLeftover(ctx, p.Spec, from); err != nil {
		return nil, fmt.Errorf("a temporary image of an earlier run is in the way: %w", err)
	}
	// From here on another run sees either nothing or an image with our label
	// that is in use.
	made := make(chan struct{})
	var decided atomic.Bool // that it begins, or that it does not any more
	err := c.withNameLock(ctx, p.Spec.Pool, p.Spec.Namespace, p.Spec.Image, func(cn *connection, ioctx *rados.IOContext) error {
		if !decided.CompareAndSwap(false, true) {
			return errNotBegun
		}
		defer close(made)
		err := create(cn, ioctx, p.Spec)
		if errors.Is(err, ErrExists) {
			if err = dropHeaderless(ioctx, p.Spec); err == nil {
				err = create(cn, ioctx, p.Spec)
			}
		}
		if err == nil && p.imported {
			p.undo.Add("end the live import of "+p.Spec.String(), p.endImport)
		}
		if err == nil {
			err = p.hold(ctx, token)
		}
		if err == nil {
			err = p.setUp(from, layout)
		}
		return err
	})
	if err == nil {
		return p, nil
	}
	select {
	case <-made:
		p.undo.Run(ctx, &err)
	default: // not begun, or the cluster does not answer: the next run removes it
		if !decided.CompareAndSwap(false, true) {
			go func(ctx context.Context) {
				<-made
				var late error // nobody waits for it
				p.undo.Run(ctx, &late)
			}(ctx)
		}
	}
	return nil, err
}

// hold opens the new image and puts the label on it.
func (p *Pending) hold(ctx context.Context, token string) (err error) {
	// An image that was made gets its label even if ctx has ended meanwhile.
	if p.held, err = p.c.openHandle(context.WithoutCancel(ctx), p.Spec, readWrite); err != nil {
		return err
	}
	p.undo.Add("close the temporary image "+p.Spec.String(), p.release)
	id, err := p.held.img.GetId()
	if err != nil {
		return fmt.Errorf("read the id of %s: %w", p.Spec, err)
	}
	if err := p.held.cn.checkAlone(p.held.img, p.Spec); err != nil {
		return err
	}
	if err := p.held.img.SetMetadata(ownership.ImageKey, ownership.Label(token, id)); err != nil {
		return fmt.Errorf("mark %s: %w", p.Spec, err)
	}
	p.id = id
	p.undo.Add("remove the temporary image "+p.Spec.String(), func(ctx context.Context) error {
		if err := p.release(ctx); err != nil {
			return err
		}
		if p.imported {
			if err := p.endImport(ctx); err != nil {
				return err
			}
		}
		// A tool that was ended in the middle leaves its watch for a while.
		if err := p.c.WaitUnused(ctx, p.Spec, p.id); err != nil {
			return tolerate(err, ErrImageNotFound)
		}
		return p.c.RemoveImage(ctx, p.Spec, p.id)
	})
	return nil
}

// release closes the image.
func (p *Pending) release(ctx context.Context) error {
	h := p.held
	p.held = nil
	if h == nil {
		return nil
	}
	return h.closeFor(ctx, changeGrace)
}

// setUp makes the labeled image what it is to be.
func (p *Pending) setUp(from *Origin, layout Layout) error {
	img := p.held.img
	if from != nil {
		if err := ownership.DropCopied(img, p.Spec, ownership.ImageKey); err != nil {
			return err
		}
	}
	if err := setMetadata(img, p.Spec, layout.Metadata); err != nil {
		return err
	}
	if from == nil || layout.SizeBytes > 0 {
		if err := resize(img, p.Spec, layout.SizeBytes, layout.AllowShrink); err != nil {
			return err
		}
	}
	// Whoever fills the image is to have the exclusive lock, and not to ask for
	// each change of the size.
	if owner, err := img.LockIsExclusiveOwner(); err != nil || !owner {
		return translate("read the lock of", p.Spec, ErrImageNotFound, err)
	}
	return translate("release the lock of", p.Spec, ErrImageNotFound, img.LockRelease())
}

// dropHeaderless removes what is left under a temporary name of an image whose
// creation was cut off before it had a header: a name that can't be opened, and
// can't be given again. Anything that can be opened is ErrExists.
func dropHeaderless(ioctx *rados.IOContext, spec Spec) error {
	err := withOpen(ioctx, place{spec: spec}, readOnly, func(*librbd.Image) error { return nil })
	if !errors.Is(err, ErrImageNotFound) {
		if err == nil {
			err = fmt.Errorf("create %s: %w", spec, ErrExists)
		}
		return err
	}
	err = librbd.RemoveImage(ioctx, spec.Image)
	return tolerate(translate("remove", spec, ErrImageNotFound, err), ErrImageNotFound)
}

// checkOrigin makes sure that a clone can be made, and tells the steps that it begins
// with: none where nothing is noted of its parent.
func (c *Cluster) checkOrigin(ctx context.Context, from Origin) (made []Step, err error) {
	format, err := c.CloneFormat(ctx, from.CloneFormat)
	if err != nil {
		return nil, err
	}
	err = c.withImageOn(ctx, from.Spec.ImageSpec(), readOnly, func(cn *connection, img *librbd.Image) error {
		s, err := sameImageSnapshot(img, from.Spec, from.ImageID, from.SnapshotID)
		if err != nil {
			return err
		}
		if made, err = cn.cloned(img, from, s); err == nil && !s.Protected {
			err = fmt.Errorf("%s: %w", from.Spec, ErrNotProtected)
		}
		return err
	})
	if errors.Is(err, ErrNotProtected) {
		if format == 2 {
			return made, nil
		}
		err = fmt.Errorf("%w: %w", ErrV1Parent, err)
	}
	return made, err
}

// cloned are the steps that a clone of the open parent's snapshot begins with.
func (cn *connection) cloned(parent *librbd.Image, from Origin, s Snapshot) ([]Step, error) {
	img := Image{Spec: from.Spec.ImageSpec(), FSID: cn.fsid, ID: from.ImageID, Snapshots: []Snapshot{s}}
	if err := img.readHistory(parent); err != nil || img.Metadata[history.Key] == "" {
		return nil, err
	}
	return img.origin(s, Step{Type: cloneStep, Source: SnapshotSource(img.FSID, from.Spec, from.ImageID, s.ID)}), nil
}

// ID is the RBD image id, which stays when the image is published.
func (p *Pending) ID() string { return p.id }

// Publish renames the image to its own name. It keeps its label, with which a
// run that was interrupted before it could write its state finds it again.
//
// Errors: ErrExists.
func (p *Pending) Publish(ctx context.Context) error { return p.PublishGrown(ctx, 0) }

// PublishGrown is Publish for an image that first grows to this size in bytes;
// one that has become larger is refused. It opens the image once, since each
// opening costs a dozen round trips.
//
// Errors: ErrExists, ErrShrink, ErrOtherImage.
func (p *Pending) PublishGrown(ctx context.Context, sizeBytes uint64) error {
	err := p.c.withImage(ctx, p.Spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, p.Spec, p.id); err != nil {
			return err
		}
		if sizeBytes > 0 {
			if err := resize(img, p.Spec, sizeBytes, false); err != nil {
				return err
			}
		}
		if err := p.noteMade(img); err != nil {
			return err
		}
		return rename(img, p.Spec, p.target.Image)
	})
	if err != nil {
		return err
	}
	p.undo.Done()
	return p.release(ctx)
}

// publish is all that is left to do for an image that needs no content. err is
// that of making it.
func (p *Pending) publish(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	err = p.Publish(ctx)
	return errors.Join(err, p.Discard(ctx))
}

// Discard removes the temporary image unless it was published, and returns
// what went wrong with that. It is meant for defer.
func (p *Pending) Discard(ctx context.Context) error {
	var err error
	p.undo.Run(ctx, &err)
	return err
}

// removeLeftover removes the temporary image of an interrupted run of this
// state. A clone of from that nobody has written to was cut off before it got its
// label, and an image that has nothing at all, before librbd gave it its parent.
func (c *Cluster) removeLeftover(ctx context.Context, spec Spec, from *Origin) error {
	l, err := c.findImport(ctx, spec)
	if err == nil && l != nil {
		if err = c.takesImport(spec, l); err == nil {
			err = c.endImport(ctx, spec, l)
		}
	}
	if err != nil {
		return err
	}
	img, err := c.Image(ctx, spec)
	if err == nil {
		err = c.checkLeftover(ctx, img, from)
	}
	if err == nil {
		// Where another one has the name meanwhile, the leftover is gone, and whoever
		// makes an image meets what took its place.
		err = tolerate(c.WaitUnused(ctx, spec, img.ID), ErrOtherImage)
	}
	if err != nil {
		return tolerate(err, ErrImageNotFound)
	}
	return c.withNameLock(ctx, spec.Pool, spec.Namespace, spec.Image, func(*connection, *rados.IOContext) error {
		// Whoever makes one has put the label on it by now.
		now, err := c.Image(ctx, spec)
		if err == nil && now.ID == img.ID {
			err = c.checkLeftover(ctx, now, from)
		}
		if err != nil || now.ID != img.ID {
			return tolerate(err, ErrImageNotFound)
		}
		for _, s := range now.Snapshots {
			if s.Kind == UserSnapshot && now.OwnsSnapshot(s.Name) {
				if err := c.RemoveSnapshot(ctx, spec.WithSnapshot(s.Name), s.ID, false); err != nil {
					return err
				}
			}
		}
		return c.RemoveImage(ctx, spec, now.ID)
	})
}

// Leftover tells whether an image is what a run of this state, which was cut off,
// left under a temporary name.
func (c *Cluster) Leftover(i Image) bool {
	return strings.HasSuffix(i.Spec.Image, pendingSuffix) && i.Trash == nil && i.PendingToken() != "" && c.takes(i.PendingRun()) == nil
}

// RemoveLeftovers removes those of the clones that are leftovers of this state,
// and tells how many.
//
// Errors: InUseError (a run is at work on one), ErrPermission.
func (c *Cluster) RemoveLeftovers(ctx context.Context, children []Child) (removed int, err error) {
	for _, child := range children {
		if !child.temporary() {
			continue
		}
		img, err := c.FindImage(ctx, child.Spec, child.ID)
		if err == nil && c.Leftover(img) {
			removed++
			err = c.removeLeftover(ctx, img.Spec, nil)
		}
		if tolerate(err, ErrImageNotFound) != nil {
			return removed, fmt.Errorf("remove what a run that was cut off has left: %w", err)
		}
	}
	return removed, nil
}

// checkLeftover says why a temporary image may not be removed.
func (c *Cluster) checkLeftover(ctx context.Context, img Image, from *Origin) error {
	if img.PendingToken() != "" {
		if err := c.takes(img.PendingRun()); err != nil && !ownership.IsPlaceholder(img.PendingToken()) {
			return fmt.Errorf("image %s (id %s): %w", img.Spec, img.ID, err)
		}
		return nil
	}
	empty := img.SizeBytes == 0
	if from != nil && (img.Parent.Is(from.ImageID, from.SnapshotID) || img.Parent == nil && len(img.Metadata) == 0) {
		var err error
		if empty, err = c.untouched(ctx, img.Spec); err != nil {
			return err
		}
	}
	if !empty || len(img.Snapshots) > 0 {
		return fmt.Errorf("image %s has no mark of ours: %w", img.Spec, ErrExists)
	}
	return nil
}

// untouched tells whether an image has no data of its own.
func (c *Cluster) untouched(ctx context.Context, spec Spec) (bool, error) {
	empty := true
	err := c.withImage(ctx, spec, readOnly, func(img *librbd.Image) error {
		open := content{img, spec}
		size, err := open.size()
		if err != nil {
			return err
		}
		return open.Iterate(ctx, blockio.Query{Within: Extent{Length: size}, Own: true}, func(e Extent) { empty = empty && e.Zero })
	})
	return empty, err
}
