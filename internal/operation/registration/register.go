// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// Register registers the snapshot: `glance image-create`, `glance location-add`.
// Whatever happens, a second run with the same request ends with one record and
// one guard: their ID is noted before they are made. What fails is taken back.
//
// Errors: ErrTaken, ErrNotMade, ErrNotPossible, ErrNoHash, ErrHash;
// rbd.ErrNotProtected; glance.ErrUndecided where the next run finds out what
// became of it.
func Register(ctx context.Context, d Deps, req Request) (Result, error) {
	var data hashed
	var err error
	if req.Hash {
		if data, err = hashNew(ctx, d, req.Snapshot, req.HashAlgo); err != nil {
			return Result{}, err
		}
	}
	res, err := registerOnce(ctx, d, req, data)
	if (errors.Is(err, ErrTaken) || errors.Is(err, ErrNoHash)) && req.ImageID == "" {
		// The record of an interrupted run was deleted by somebody, which is not
		// seen before its ID is refused, or it was made without hashes. The next
		// attempt has a new one.
		res, err = registerOnce(ctx, d, req, data)
	}
	return res, err
}

// attempt is one attempt to register.
type attempt struct {
	req   Request
	ref   Ref
	entry entry
	want  wanted
	// made: the record is there. noted: its ID was noted before.
	made, noted bool
}

func registerOnce(ctx context.Context, d Deps, req Request, data hashed) (res Result, err error) {
	a := &attempt{req: req}
	if a.entry, err = newEntry(ctx, d, req); err != nil {
		return Result{}, err
	}
	unlock, err := d.Ceph.LockImage(ctx, req.Snapshot)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if err := a.prepare(ctx, d, data); err != nil {
		return Result{}, err
	}
	var u undo.Stack
	defer u.Run(ctx, &err)
	u.Add("remove what was made of image "+a.ref.ImageID+" in Glance", func(ctx context.Context) error { return a.takeBack(ctx, d) })
	rec, err := a.make(ctx, d)
	if err != nil {
		if errors.Is(err, glance.ErrUndecided) {
			u.Done() // the next run finds out, by the note
		}
		return Result{}, err
	}
	shared, err := readMembers(ctx, d, rec)
	if err != nil {
		return Result{}, err
	}
	u.Done()
	// Where this fails, the next run goes on with it: Glance may still be at work.
	if rec, err = addCopies(ctx, d, rec, req); err != nil {
		return Result{}, err
	}
	finished.Store(a.ref.ImageID, true)
	return Result{Ref: a.ref, Image: rec, LocationURL: a.want.url, Members: shared}, nil
}

// prepare reads the snapshot, and decides which record is made of it. Nothing is
// made yet.
func (a *attempt) prepare(ctx context.Context, d Deps, data hashed) error {
	img, snap, err := recovered(ctx, d, a.req.Snapshot)
	if err != nil {
		return err
	}
	if err := CheckRegistrable(a.req.PlannedURL(img.FSID), a.req.Snapshot, snap, a.req.Protection != ProtectionNone); err != nil {
		return err
	}
	ref := Ref{Snapshot: a.req.Snapshot, RBDImageID: img.ID, SnapshotID: snap.ID, Owner: a.entry.ProjectID, Glance: a.entry.at()}
	if a.req.Owner != "" {
		ref.Owner = a.req.Owner
	}
	a.want.size = int64(snap.SizeBytes) //nolint:gosec // signed in librbd
	if a.req.Hash {
		if err := data.of(ref); err != nil {
			return err
		}
		a.want.hashes = &data.hashes
	}
	a.entry.SnapshotID, a.entry.Hashes = snap.ID, a.want.hashes
	chosen, err := choose(ctx, d, img, a.entry, a.req.ImageID)
	if err != nil {
		return err
	}
	ref.ImageID, a.made, a.noted = chosen.imageID, chosen.resumed, chosen.noted
	a.ref = ref.WithAlias(a.req.AliasPool)
	a.want.url = rbd.LocationURL(img.FSID, a.ref.Location())
	return nil
}

// make makes what is missing of note, protector, record and location.
func (a *attempt) make(ctx context.Context, d Deps) (*glance.Image, error) {
	begun.Store(a.ref.ImageID, true)
	d.begin(ctx, StepNote)
	if err := setEntry(ctx, d, a.ref, a.entry); err != nil {
		return nil, err
	}
	if err := protect(ctx, d, a.ref, a.req.Protection == ProtectionGuard); err != nil {
		return nil, err
	}
	d.begin(ctx, StepRecord)
	rec, err := d.Glance.Get(ctx, a.ref.ImageID)
	if errors.Is(err, glance.ErrNotFound) {
		a.made = false
		rec, err = d.Glance.Create(ctx, a.req.createOpts(a.ref.ImageID, a.want.size))
		if err = taken(err); err == nil {
			a.made = true
		}
	}
	if err != nil {
		return nil, err
	}
	return complete(ctx, d, rec, a.req, a.req, a.want)
}

// takeBack removes what was made. A record that was noted before, and can't be
// seen, may have data: what protects that stays.
func (a *attempt) takeBack(ctx context.Context, d Deps) error {
	switch {
	case !a.made && a.noted:
		return noteRetired(ctx, d, a.ref)
	case !a.made:
		return forget(ctx, d, a.ref)
	}
	_, err := removeRegistration(ctx, d, a.ref)
	return err
}
