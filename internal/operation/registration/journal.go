// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	statePending = "pending"
	stateOwned   = "owned"
	// stateDeleting: Glance was asked to delete the record, or is about to be.
	stateDeleting = "deleting"
	// stateRetired: no state has the record any more, and it stays.
	stateRetired = "retired"
)

// entry is what is noted on the RBD image about a record, from before anything
// is made until the last of it is gone. It is pending until some state is
// known to have the record.
type entry struct {
	// RBDImageID tells the entry from the copies that clones get.
	RBDImageID string `json:"rbd_image_id"`
	SnapshotID uint64 `json:"snapshot_id"`
	State      string `json:"state"`
	// ProjectID is that of the caller who made the record, not the owner's.
	ProjectID string `json:"project_id"`
	Name      string `json:"name"`
	// StateID is the Terraform state whose run has made the record: an equal
	// configuration in another one is somebody else's.
	StateID string `json:"state_id,omitempty"`
	// RunID is the run that made the record, or is about to: it is not unfinished
	// while that goes on.
	RunID string `json:"run_id,omitempty"`
	// Glance is where the record is; nil in what older releases have noted.
	Glance *glance.Identity `json:"glance,omitempty"`
	// CreatedAt is the record's own, to tell it from another of the same ID.
	CreatedAt *time.Time `json:"created_at,omitempty"`
	// GivenID: the ID of the record is that of the configuration.
	GivenID bool `json:"given_id,omitempty"`
	// Alias is what was registered instead of the snapshot.
	Alias string `json:"alias,omitempty"`
	// Hashes are those of the data, where it was hashed.
	Hashes *Hashes `json:"hashes,omitempty"`
}

func markName(imageID string) string { return markPrefix + imageID }

// markPrefix begins the names of entries; the ID of the record follows.
const markPrefix = "glance."

// entries are those of an image, by ID of the record.
func entries(img rbd.Image) map[string]entry {
	out := map[string]entry{}
	for id, text := range img.Labels(markPrefix) {
		var e entry
		if json.Unmarshal([]byte(text), &e) == nil && e.RBDImageID == img.ID {
			out[id] = e
		}
	}
	return out
}

// ref is that of a noted record.
func (e entry) ref(snapshot rbd.Spec, imageID string) Ref {
	ref := Ref{Snapshot: snapshot, RBDImageID: e.RBDImageID, SnapshotID: e.SnapshotID, ImageID: imageID}
	return ref.WithAlias(e.aliasPool())
}

func (e entry) aliasPool() string {
	spec, err := rbd.ParseSpec(e.Alias)
	if err != nil {
		return ""
	}
	return spec.Pool
}

// at is the Glance that has the record; zero where that is not noted.
func (e entry) at() glance.Identity {
	if e.Glance == nil {
		return glance.Identity{}
	}
	return *e.Glance
}

// isRecord tells whether the record is the one that was noted.
func (e entry) isRecord(rec *glance.Image) bool {
	return e.CreatedAt == nil || e.CreatedAt.Equal(rec.CreatedAt)
}

func setEntry(ctx context.Context, d Deps, ref Ref, e entry) error {
	e.Alias = ""
	if ref.HasAlias() {
		e.Alias = ref.Alias.String()
	}
	e.RBDImageID, e.SnapshotID = ref.RBDImageID, ref.SnapshotID
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("note the record: %w", err)
	}
	return d.Ceph.SetLabelByID(ctx, ref.Snapshot, ref.RBDImageID, markName(ref.ImageID), string(text))
}

func dropEntry(ctx context.Context, d Deps, ref Ref) error {
	d.begin(ctx, StepForget)
	err := d.Ceph.SetLabelByID(ctx, ref.Snapshot, ref.RBDImageID, markName(ref.ImageID), "")
	if rbd.IsNotFound(err) {
		return nil
	}
	return err
}

// newEntry is the entry of a record that is about to be made.
func newEntry(ctx context.Context, d Deps, req Request) (entry, error) {
	who, err := d.Glance.Caller(ctx)
	if err != nil {
		return entry{}, err
	}
	at, err := d.Glance.Identity(ctx)
	e := entry{
		State: statePending, ProjectID: who.ProjectID, Name: req.Name, GivenID: req.ImageID != "",
		StateID: d.Run.State, RunID: d.Run.ID, Glance: &at,
	}
	if req.AliasPool != "" {
		e.Alias = rbd.Spec{Pool: req.AliasPool, Image: aliasName("")}.String()
	}
	return e, err
}

// unfinishedIn tells whether a run for this state, which did not come to its
// end, was making what is wanted now. given is the ID of the configuration.
func (e entry) unfinishedIn(d Deps, want entry, imageID, given string) bool {
	return e.State == statePending && e.left(d, imageID) && e.ProjectID == want.ProjectID &&
		want.at().From(e.at()) >= glance.SameService && e.Glance != nil &&
		e.SnapshotID == want.SnapshotID && e.GivenID == want.GivenID && e.aliasPool() == want.aliasPool() &&
		(given == imageID || given == "" && e.Name == want.Name)
}

// begun are the records that this process was making, and finished those that it
// has made. Their entries are pending until they are read with a state, but not
// unfinished.
var begun, finished sync.Map

// left tells whether a run of this state has left off making the record. What
// another process of this run makes, for another alias of the provider, is none
// of ours.
func (e entry) left(d Deps, imageID string) bool {
	if _, here := begun.Load(imageID); here {
		_, done := finished.Load(imageID)
		return !done && e.StateID == d.Run.State
	}
	return d.Run.Takes(rbd.Run{State: e.StateID, ID: e.RunID}, d.Running) == nil
}

// Confirm notes that a state has the record that this run has made. It does
// nothing where the record is gone, or another's by now.
func Confirm(ctx context.Context, d Deps, ref Ref) error {
	img, err := d.Ceph.ImageByID(ctx, ref.Snapshot, ref.RBDImageID)
	if rbd.IsNotFound(err) {
		return nil
	}
	e, ok := entries(img)[ref.ImageID]
	if err != nil || !ok || e.State != statePending || e.StateID != d.Run.State || e.RunID != d.Run.ID {
		return err
	}
	e.State = stateOwned
	return setEntry(ctx, d, e.ref(ref.Snapshot, ref.ImageID), e)
}

// claim notes that a state has the record. moved is for an import, which may find
// the record where it was not noted to be.
func claim(ctx context.Context, d Deps, img rbd.Image, ref Ref, rec *glance.Image, moved bool) error {
	e, ok := entries(img)[ref.ImageID]
	if ok && e.State == stateOwned && e.Glance != nil && e.CreatedAt != nil && !moved {
		return nil
	}
	return noteOwned(ctx, d, ref, rec, e, moved || e.Glance == nil)
}

// claimHashed is claim, with the hashes of the data, which were counted.
func claimHashed(ctx context.Context, d Deps, img rbd.Image, ref Ref, rec *glance.Image, h Hashes) error {
	e := entries(img)[ref.ImageID]
	e.Hashes = &h
	return noteOwned(ctx, d, ref, rec, e, e.Glance == nil)
}

// noteOwned writes the entry of a record that a state has; here says that the
// record is in the Glance at hand.
func noteOwned(ctx context.Context, d Deps, ref Ref, rec *glance.Image, e entry, here bool) error {
	d.begin(ctx, StepClaim)
	if e.State == "" { // made by others, and imported
		who, err := d.Glance.Caller(ctx)
		if err != nil {
			return err
		}
		e.ProjectID, e.Name = who.ProjectID, rec.Name
	}
	if here {
		at, err := d.Glance.Identity(ctx)
		if err != nil {
			return err
		}
		e.Glance = &at
	}
	e.State, e.CreatedAt = stateOwned, &rec.CreatedAt
	return setEntry(ctx, d, ref, e)
}
