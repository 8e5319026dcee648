// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Planned is what the resources of this run will make or rename, as far as they
// were planned by now: Terraform plans what a resource refers to before it. A
// name that is neither in the cluster nor here is a mistake.
type Planned struct {
	mu  sync.Mutex
	all map[rbd.Spec]PlannedID

	claims claims
	// edited are the ids of images whose guests this run will change.
	edited map[string]bool
}

// NoteEdit notes that the guest of the image with this id will be changed, and
// tells whether that was noted before: what is in it now then says nothing of
// what will be.
func (p *Planned) NoteEdit(imageID string) (before bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.edited == nil {
		p.edited = map[string]bool{}
	}
	before = p.edited[imageID]
	p.edited[imageID] = true
	return before
}

// PlannedID says of which image, and snapshot of it, a planned spec will be the
// name; empty for a new one.
type PlannedID struct {
	ImageID    string
	SnapshotID uint64
	// SizeBytes is the size that an image will have; zero where that is not
	// known.
	SizeBytes uint64
}

// Add notes what a spec will be the name of.
func (p *Planned) Add(spec rbd.Spec, id PlannedID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[rbd.Spec]PlannedID{}
	}
	p.all[spec] = id
}

// Find tells what a spec will be the name of.
func (p *Planned) Find(spec rbd.Spec) (PlannedID, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, ok := p.all[spec]
	return id, ok
}

// Anew tells whether the snapshot with these ids will have given its name to
// another when the plan is applied: to one that takes its place, as also where a
// run was cut off that had just made it.
func (p *Planned) Anew(spec rbd.Spec, imageID string, snapshotID uint64) bool {
	id, ok := p.Find(spec)
	return ok && (id.ImageID != imageID || id.SnapshotID != snapshotID)
}

// Explains tells whether a spec that was not found, with this error, may well be
// there when the plan is applied: this run gives the name, or makes or renames
// the image that a snapshot is of.
func (p *Planned) Explains(spec rbd.Spec, err error) bool {
	if !rbd.IsNotFound(err) {
		return false
	}
	if _, ok := p.Find(spec); ok || spec.Snapshot == "" {
		return ok
	}
	id, ok := p.Find(spec.ImageSpec())
	return ok && (id.ImageID == "" || !errors.Is(err, rbd.ErrSnapshotNotFound))
}

// Await is Find for a name that is neither in the cluster nor, as yet, here:
// where it is written out, Terraform may plan what it belongs to afterwards.
func (p *Planned) Await(ctx context.Context, spec rbd.Spec) (PlannedID, bool) {
	limit, cancel := context.WithTimeout(ctx, refreshPatience)
	defer cancel()
	tick := time.NewTicker(refreshPoll)
	defer tick.Stop()
	for {
		if id, ok := p.Find(spec); ok {
			return id, true
		}
		select {
		case <-limit.Done():
			return PlannedID{}, false
		case <-tick.C:
		}
	}
}
