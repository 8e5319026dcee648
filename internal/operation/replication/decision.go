// SPDX-License-Identifier: MPL-2.0

package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Step is what an apply does about the content of a replica.
type Step int

// The steps.
const (
	Nothing   Step = iota
	FirstCopy      // into a new image
	Advance        // copy what has changed, in place
	Restore        // go back to the replica's last snapshot
	Replace        // a first copy into a new image, in place of the one that is there
)

var (
	errNoNote     = errors.New("its note of what it is a copy of is gone, or copied from another image")
	errNoSnapshot = errors.New("its snapshot is gone, so nothing tells whether it still is the copy")
	errItself     = errors.New("the source is this image itself")
	errInTrash    = errors.New("an image in the trash can't be brought up to date: restore it first, with trashed = false")
)

// Before is a replica as the last refresh found it.
type Before struct {
	Spec    rbd.Spec
	ImageID string
	// Source is what it is a copy of; zero where the note of that is gone.
	Source ID
	// Snapshot is the spec of its own snapshot with that content; empty where that
	// is gone.
	Snapshot string
	// Modified tells that somebody has written to it since.
	Modified bool
}

// Situation is all that Decide goes by.
type Situation struct {
	// Before is nil where there is no replica yet.
	Before *Before
	// Image is the replica's as it is now; nil where it is gone.
	Image *rbd.Image
	// Source is nil where it is to stay what it was and can't be found or asked.
	Source *Source
	// StaysInTrash tells that the same apply does not restore the image.
	StaysInTrash bool
}

// Decision is what is to be done, and why.
type Decision struct {
	Do Step
	// Why says why it is a Replace, or, with rbd.ErrNoBase, why an Advance reads all
	// of both images.
	Why error
	// Refused says why Do can't be done.
	Refused error
	// Written says that somebody wrote to the replica, about which nothing is done.
	Written error

	base rbd.Snapshot // of the source, which the replica is a copy of
}

// Decide tells what is to be done. It asks no cluster.
func (s Situation) Decide() Decision {
	switch {
	case s.Before == nil:
		return Decision{Do: FirstCopy}
	case s.Image == nil:
		return Decision{}
	case s.Before.Source == (ID{}):
		return Decision{Do: Replace, Why: errNoNote}
	case s.Before.Snapshot == "":
		return Decision{Do: Replace, Why: errNoSnapshot}
	}
	same := s.Source == nil || s.Source.ID() == s.Before.Source
	replica, _ := s.Image.Replica()
	var d Decision
	switch cutOff := replica.Writing != 0 && s.Image.Trash == nil; {
	case cutOff && same:
		d.Do = Restore
	case !cutOff && s.Before.Modified:
		d.Written = fmt.Errorf("it is not what its snapshot %s is: %w", s.Before.Snapshot, rbd.ErrReplicaWritten)
	}
	if same {
		return d
	}
	return s.decideChange(replica, d)
}

// decideChange is for a source that is another one than was copied.
func (s Situation) decideChange(replica rbd.Replica, d Decision) Decision {
	var err error
	d.Do = Advance
	d.base, err = replica.Base(s.Source.Image, s.Source.SnapshotID)
	switch {
	case errors.Is(err, rbd.ErrNotLater):
		d.Do, d.Why = Replace, err
		return d
	case errors.Is(err, rbd.ErrNoBase):
		d.Why = err
	case err != nil:
		d.Refused = err
		return d
	}
	switch {
	case s.Image.ID == s.Source.ImageID:
		d.Refused = errItself
	case s.Image.Trash != nil && s.StaysInTrash:
		d.Refused = errInTrash
	}
	return d
}

// Plan tells what an apply will do about the content of a replica, nil before
// there is one, and what would keep it from that. src is as in Situation. Nothing
// is changed.
//
// Errors: those of rbd's FindImage.
func Plan(ctx context.Context, d Deps, before *Before, src *Source, staysInTrash bool) (Decision, error) {
	s := Situation{Before: before, Source: src, StaysInTrash: staysInTrash}
	if before != nil {
		switch img, err := d.Ceph.FindImage(ctx, before.Spec, before.ImageID); {
		case err == nil:
			s.Image = &img
		case !rbd.IsNotFound(err):
			return Decision{}, err
		}
	}
	decided := s.Decide()
	if decided.Do == Advance && decided.Refused == nil && s.Image.Trash == nil {
		decided.Refused = checkAdvance(ctx, d, *s.Image, decided.base, src.Spec.Snapshot)
	}
	return decided, nil
}

// checkAdvance makes sure that nobody uses the replica or has written to it, and
// that the new snapshot can have its name.
func checkAdvance(ctx context.Context, d Deps, img rbd.Image, base rbd.Snapshot, name string) error {
	if err := d.Ceph.CheckReplica(ctx, img); err != nil {
		return err
	}
	return checkName(img, base, name)
}

// checkName makes sure that the new snapshot can have its name: either it is
// free, or that of the last one, which moves away.
func checkName(img rbd.Image, base rbd.Snapshot, name string) error {
	s, err := img.Snapshot(name)
	if err != nil || img.SnapshotPending(name) {
		return nil //nolint:nilerr // it is free
	}
	if replica, _ := img.Replica(); s.ID == replica.SnapshotID {
		moved := rbd.MovedName(replica, s, base)
		if s, err = img.Snapshot(moved); err != nil {
			return nil //nolint:nilerr // that is
		}
	}
	return fmt.Errorf("snapshot %s: %w", img.Spec.WithSnapshot(s.Name), rbd.ErrExists)
}
