// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// PurgeRequest says which images of a trash are to go: those that all of it holds
// for.
type PurgeRequest struct {
	Pool, Namespace string
	// Names are those that the images had, and IDs their ids; none means any.
	Names, IDs []string
	// OlderThan is how long an image must have been in the trash.
	OlderThan time.Duration
	// Snapshots lets images go together with their snapshots.
	Snapshots bool
}

// Purge is what a request comes to.
type Purge struct {
	Go   []Image
	Kept []Kept
	own  Own
}

// Kept is an image that stays in the trash, and why.
type Kept struct {
	Image Image
	Why   error
}

// String is for somebody who is to decide what to do about it.
func (k Kept) String() string {
	return fmt.Sprintf("%s (id %s): %v", k.Image.Spec, k.Image.ID, k.Why)
}

// Bytes is the size of all that goes.
func (p Purge) Bytes() (sum uint64) {
	for _, i := range p.Go {
		sum += i.SizeBytes
	}
	return sum
}

// asked tells whether the image is one of those asked for, whatever its age.
func (r PurgeRequest) asked(t TrashEntry) bool {
	return (len(r.Names) == 0 || slices.Contains(r.Names, t.Name)) && (len(r.IDs) == 0 || slices.Contains(r.IDs, t.ID))
}

// CheckPurge looks through a trash, and changes nothing. What a state has is kept,
// and what can't be removed now: its time has not come, clones hang on it, somebody
// has it open. A name or id that the trash does not have is an error.
//
// Errors: ErrNotInTrash, ErrPoolNotFound, ErrNamespaceNotFound, ErrPermission,
// ErrUnreachable, ErrOSDSilent.
func (c *Cluster) CheckPurge(ctx context.Context, r PurgeRequest) (Purge, error) {
	p := Purge{own: r.own()}
	if err := c.CheckPool(ctx, r.Pool, r.Namespace); err != nil {
		return p, err
	}
	all, err := c.Trash(ctx, r.Pool, r.Namespace)
	if err != nil {
		return p, err
	}
	all = slices.DeleteFunc(all, func(t TrashEntry) bool { return !r.asked(t) })
	if err := r.checkAllThere(all); err != nil {
		return p, err
	}
	for _, t := range all {
		if time.Since(t.DeletedAt) < r.OlderThan {
			continue
		}
		img, err := c.TrashedImage(ctx, Spec{Pool: r.Pool, Namespace: r.Namespace, Image: t.Name}, t.ID)
		if errors.Is(err, ErrImageNotFound) {
			continue // it went meanwhile, or was restored
		}
		if err == nil {
			err = c.checkPurged(ctx, img, p.own)
		}
		switch {
		case ctx.Err() != nil:
			return p, errors.Join(err, ctx.Err())
		case unanswered(err): // which is no reason to keep the image
			return p, err
		case err != nil:
			if img.ID == "" {
				img = Image{Spec: Spec{Pool: r.Pool, Namespace: r.Namespace, Image: t.Name}, ID: t.ID}
			}
			p.Kept = append(p.Kept, Kept{img, err})
		default:
			p.Go = append(p.Go, img)
		}
	}
	return p, nil
}

func (r PurgeRequest) checkAllThere(found []TrashEntry) (err error) {
	for _, name := range r.Names {
		if !slices.ContainsFunc(found, func(t TrashEntry) bool { return t.Name == name }) {
			err = errors.Join(err, fmt.Errorf("image %s: %w", Spec{Pool: r.Pool, Namespace: r.Namespace, Image: name}, ErrNotInTrash))
		}
	}
	for _, id := range r.IDs {
		if !slices.ContainsFunc(found, func(t TrashEntry) bool { return t.ID == id }) {
			err = errors.Join(err, fmt.Errorf("image with id %s: %w of %s", id, ErrNotInTrash, Spec{Pool: r.Pool, Namespace: r.Namespace}.PoolSpec()))
		}
	}
	return err
}

// own are the snapshots that go with an image.
func (r PurgeRequest) own() Own {
	if !r.Snapshots {
		return nil
	}
	return func(i Image) (ids []uint64) {
		for _, s := range i.Snapshots {
			if s.Kind == UserSnapshot {
				ids = append(ids, s.ID)
			}
		}
		return ids
	}
}

func (c *Cluster) checkPurged(ctx context.Context, img Image, own Own) error {
	if img.Ours() {
		return fmt.Errorf("the image: %w", ErrOwned)
	}
	for _, s := range img.Snapshots {
		if s.Kind == UserSnapshot && img.OwnsSnapshot(s.Name) {
			return fmt.Errorf("its snapshot %s: %w", s.Name, ErrOwned)
		}
	}
	_, _, err := c.trashLeaving(ctx, img.Spec, img.ID, own)
	return err
}

// PurgeTrash removes what CheckPurge has found: `rbd trash purge`, without force. An
// image that somebody restored meanwhile stays, and so does one that a state has by
// now. One that fails does not keep the others, unless the cluster does not answer. done, where given, is told of each
// that is gone.
//
// Errors: those of DeleteImage, joined; that of ctx.
func (c *Cluster) PurgeTrash(ctx context.Context, p Purge, done func(Image)) error {
	var errs []error
	for _, img := range p.Go {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		now, err := c.TrashedImage(ctx, img.Spec, img.ID)
		if err == nil {
			err = c.checkPurged(ctx, now, p.own)
		}
		if err == nil {
			err = c.removeTrashed(ctx, now.Spec, now.ID, p.own)
		}
		switch {
		case errors.Is(err, ErrImageNotFound): // it went, or was restored
		case err != nil:
			errs = append(errs, fmt.Errorf("image %s (id %s): %w", img.Spec, img.ID, err))
			if unanswered(err) {
				return errors.Join(errs...)
			}
		case done != nil:
			done(img)
		}
	}
	return errors.Join(errs...)
}

func unanswered(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrOSDSilent)
}
