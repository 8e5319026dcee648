// SPDX-License-Identifier: MPL-2.0

package replication

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// The cluster of the source, its image with the snapshots 4, 5 and 6, and the
// replica, which is a copy of 5 with the snapshot 9.
const (
	fsid    = "5d4f2c1e-0000-0000-0000-000000000000"
	origin  = "0a1b2c"
	replica = "3d4e5f"
)

// sourceAt is a snapshot of the source, with those that are there still.
func sourceAt(id uint64, there ...rbd.Snapshot) *Source {
	img := rbd.Image{FSID: fsid, ID: origin, Snapshots: there}
	return &Source{ReplicaSource: rbd.ReplicaSource{ImageID: origin, SnapshotID: id}, Image: img}
}

func snapshot(id uint64, name string) rbd.Snapshot {
	return rbd.Snapshot{ID: id, Name: name, Kind: rbd.UserSnapshot}
}

// image is the replica with its note.
func image(t *testing.T, change ...func(*rbd.Replica)) *rbd.Image {
	t.Helper()
	note := rbd.Replica{ImageID: replica, SourceFSID: fsid, SourceImageID: origin, SourceSnapshotID: 5, SnapshotID: 9}
	for _, c := range change {
		c(&note)
	}
	text, err := json.Marshal(note)
	if err != nil {
		t.Fatal(err)
	}
	return &rbd.Image{
		Spec: rbd.Spec{Pool: "vms", Image: "copy"}, ID: replica, Snapshots: []rbd.Snapshot{snapshot(8, "older"), snapshot(9, "five")},
		Metadata: map[string]string{ownership.Prefix + "replica": string(text)},
	}
}

func cutOff(r *rbd.Replica) { r.Writing = 6 }

func trashed(img *rbd.Image) *rbd.Image {
	img.Trash = &rbd.TrashEntry{}
	return img
}

func TestDecide(t *testing.T) {
	t.Parallel()
	four, five, six := snapshot(4, "four"), snapshot(5, "five"), snapshot(6, "six")
	later := sourceAt(6, four, five, six)
	before := func(change ...func(*Before)) *Before {
		b := Before{ImageID: replica, Source: ID{origin, 5}, Snapshot: "vms/copy@five"}
		for _, c := range change {
			c(&b)
		}
		return &b
	}
	noted := before(func(b *Before) { b.Source = ID{} })
	held := before(func(b *Before) { b.Snapshot = "" })
	modified := before(func(b *Before) { b.Modified = true })
	elsewhere := sourceAt(6, five, six)
	elsewhere.Image.FSID = "5d4f2c1e-0000-0000-0000-000000000001"
	another := sourceAt(6, five, six)
	another.Image.ID, another.ImageID = "ffffff", "ffffff"
	own := sourceAt(6, five, six)
	own.Image.ID, own.ImageID = replica, replica
	itself := image(t, func(r *rbd.Replica) { r.SourceImageID = replica })
	unknown := image(t, func(r *rbd.Replica) { r.ImageID = "that of another" })
	for what, tc := range map[string]struct {
		Situation
		want                  Step
		why, refused, written error
	}{
		"nothing there": {Situation: Situation{Source: later}, want: FirstCopy},

		"the same":             {Situation: Situation{Before: before(), Image: image(t), Source: sourceAt(5, five)}},
		"the source is gone":   {Situation: Situation{Before: before(), Image: image(t)}},
		"the replica is gone":  {Situation: Situation{Before: before(), Source: later}},
		"the same, written":    {Situation: Situation{Before: modified, Image: image(t), Source: sourceAt(5, five)}, written: rbd.ErrReplicaWritten},
		"gone, written":        {Situation: Situation{Before: modified, Image: image(t)}, written: rbd.ErrReplicaWritten},
		"in the trash, cut":    {Situation: Situation{Before: before(), Image: trashed(image(t, cutOff)), Source: sourceAt(5, five)}},
		"in the trash, to be":  {Situation: Situation{Before: before(), Image: trashed(image(t)), Source: sourceAt(5, five), StaysInTrash: true}},
		"cut off":              {Situation: Situation{Before: before(), Image: image(t, cutOff), Source: sourceAt(5, five, six)}, want: Restore},
		"cut off, source gone": {Situation: Situation{Before: modified, Image: image(t, cutOff)}, want: Restore},

		"later":             {Situation: Situation{Before: before(), Image: image(t), Source: later}, want: Advance},
		"later, cut off":    {Situation: Situation{Before: modified, Image: image(t, cutOff), Source: later}, want: Advance},
		"later, written":    {Situation: Situation{Before: modified, Image: image(t), Source: later}, want: Advance, written: rbd.ErrReplicaWritten},
		"later, base gone":  {Situation: Situation{Before: before(), Image: image(t), Source: sourceAt(6, six)}, want: Advance, why: rbd.ErrNoBase},
		"later, in trash":   {Situation: Situation{Before: before(), Image: trashed(image(t)), Source: later, StaysInTrash: true}, want: Advance, refused: errInTrash},
		"later, restored":   {Situation: Situation{Before: before(), Image: trashed(image(t)), Source: later}, want: Advance},
		"later, of itself":  {Situation: Situation{Before: before(), Image: itself, Source: own}, want: Advance, refused: errItself},
		"older":             {Situation: Situation{Before: before(), Image: image(t), Source: sourceAt(4, four, five)}, want: Replace, why: rbd.ErrNotLater},
		"of another":        {Situation: Situation{Before: before(), Image: image(t), Source: another}, want: Replace, why: rbd.ErrNotLater},
		"of a cluster":      {Situation: Situation{Before: before(), Image: image(t), Source: elsewhere}, want: Replace, why: rbd.ErrNotLater},
		"note of another":   {Situation: Situation{Before: before(), Image: unknown, Source: later}, want: Replace, why: rbd.ErrNotLater},
		"no note":           {Situation: Situation{Before: noted, Image: image(t), Source: sourceAt(5, five)}, want: Replace, why: errNoNote},
		"no note, later":    {Situation: Situation{Before: noted, Image: image(t), Source: later}, want: Replace, why: errNoNote},
		"no snapshot":       {Situation: Situation{Before: held, Image: image(t), Source: sourceAt(5, five)}, want: Replace, why: errNoSnapshot},
		"no snapshot, gone": {Situation: Situation{Before: held, Image: image(t, cutOff)}, want: Replace, why: errNoSnapshot},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got := tc.Decide()
			if got.Do != tc.want {
				t.Errorf("decided on %d, want %d", got.Do, tc.want)
			}
			for name, e := range map[string]struct{ got, want error }{
				"why": {got.Why, tc.why}, "refused": {got.Refused, tc.refused}, "written": {got.Written, tc.written},
			} {
				if !errors.Is(e.got, e.want) {
					t.Errorf("%s: %v, want %v", name, e.got, e.want)
				}
			}
		})
	}
}

// The name of the new snapshot is free, or becomes so.
func TestCheckName(t *testing.T) {
	t.Parallel()
	pending := image(t)
	pending.Metadata[ownership.SnapshotKey("older")] = ownership.Label(rbd.Run{State: "state", ID: "1"}.Sign(ownership.Pending), replica)
	moved := image(t)
	moved.Snapshots = append(moved.Snapshots, snapshot(7, "five.5"))
	for what, tc := range map[string]struct {
		img  *rbd.Image
		base rbd.Snapshot
		name string
		free bool
	}{
		"free":                      {image(t), snapshot(5, "five"), "six", true},
		"another's":                 {image(t), snapshot(5, "five"), "older", false},
		"of an unfinished run":      {pending, snapshot(5, "five"), "older", true},
		"the last one's":            {image(t), snapshot(5, "was five"), "five", true},
		"the last one's, base gone": {image(t), rbd.Snapshot{}, "five", true},
		"which can't move":          {image(t), snapshot(5, "older"), "five", false},
		"which can't, base gone":    {moved, rbd.Snapshot{}, "five", false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if err := checkName(*tc.img, tc.base, tc.name); tc.free != (err == nil) || !tc.free && !errors.Is(err, rbd.ErrExists) {
				t.Errorf("free: %v, %v", tc.free, err)
			}
		})
	}
}
