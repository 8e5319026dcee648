// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// replicaLabel is on an image that is a copy of another one's snapshot.
const replicaLabel = "replica"

var (
	// ErrNotReplica says that an image does not have the label of a replica, or
	// not its snapshot any more.
	ErrNotReplica = errors.New("the image is not a replica made by this provider")
	// ErrReplicaWritten says that somebody has written to a replica.
	ErrReplicaWritten = errors.New("somebody wrote to the replica since")
	// ErrNoBase says that nothing tells what has changed in the source, so that
	// all of it has to be read.
	ErrNoBase = errors.New("nothing tells what has changed since")
	// ErrNotLater says that no difference leads from what a replica has to what
	// it is to have.
	ErrNotLater = errors.New("a copy from the beginning is needed")
)

// Replica is what an image is a copy of, as it is noted on the image.
type Replica struct {
	// ImageID is that of the replica: clones get a copy of the note.
	ImageID string `json:"rbd_image_id"`
	// What it was copied from: the content as of the snapshot with this id.
	SourceFSID       string `json:"source_fsid"`
	SourceImageID    string `json:"source_image_id"`
	SourceSnapshotID uint64 `json:"source_snapshot_id"`
	// SnapshotID is the id of the replica's own snapshot with that content.
	SnapshotID uint64 `json:"snapshot_id"`
	// TransferredBytes is how much of the source was read for it.
	TransferredBytes uint64 `json:"transferred_bytes"`
	// Older are the ids of the replica's snapshots from before, oldest first.
	Older []uint64 `json:"older,omitempty"`
	// Writing is the id of the source's snapshot that is just being copied, or
	// was when that was cut off: the content of the image is neither the one nor
	// the other. That of the snapshots stands.
	Writing uint64 `json:"writing,omitempty"`
}

// Replica reads the note of a replica.
func (i Image) Replica() (Replica, bool) { return parseReplica(i.Label(replicaLabel), i.ID) }

func parseReplica(text, id string) (r Replica, ok bool) {
	if text == "" || json.Unmarshal([]byte(text), &r) != nil || r.ImageID != id {
		return Replica{}, false
	}
	return r, true
}

// Is tells whether it is a copy of this snapshot.
func (r Replica) Is(from ReplicaSource) bool {
	return r.SourceImageID == from.ImageID && r.SourceSnapshotID == from.SnapshotID
}

// SnapshotIDs are those of all of the replica's own snapshots.
func (r Replica) SnapshotIDs() []uint64 { return append(slices.Clone(r.Older), r.SnapshotID) }

func (r Replica) write(img *librbd.Image) error {
	text, err := json.Marshal(r)
	if err == nil {
		err = img.SetMetadata(ownership.Prefix+replicaLabel, string(text))
	}
	if err != nil {
		return fmt.Errorf("set image metadata %q: %w", ownership.Prefix+replicaLabel, err)
	}
	return nil
}

// ReplicaSource is a snapshot to copy, maybe of another cluster.
type ReplicaSource struct {
	Cluster    *Cluster
	Spec       Spec
	ImageID    string
	SnapshotID uint64
}

// ReplicaOptions are for NewReplica and AdvanceReplica.
type ReplicaOptions struct {
	// Protect protects the snapshot that is made.
	Protect bool
	// Keep is how many of the replica's own snapshots are kept, the new one among
	// them.
	Keep int
	// Compare compares the whole contents in the end, not only what was copied.
	Compare bool
	// Progress is called with bytes of the image, now and then.
	Progress func(done, total uint64)
}

// open also returns the snapshots of the source's image.
func (s ReplicaSource) open(ctx context.Context) (*handle, Image, error) {
	h, err := s.Cluster.openHandle(ctx, s.Spec, readOnly)
	if err != nil {
		return nil, Image{}, err
	}
	h.what = "source"
	var img Image
	err = h.call(func(open *librbd.Image) error {
		if err := checkID(open, s.Spec, s.ImageID); err != nil {
			return err
		}
		if _, err := sameSnapshot(open, s.Spec, s.SnapshotID); err != nil {
			return err
		}
		snaps, err := readSnapshots(open)
		if err != nil {
			return err
		}
		img = Image{Spec: s.Spec.ImageSpec(), FSID: h.cn.fsid, ID: s.ImageID, Snapshots: snaps}
		if img.SizeBytes, err = open.GetSize(); err != nil { // of the snapshot
			return err
		}
		return img.readHistory(open)
	})
	if err != nil {
		return nil, Image{}, errors.Join(err, h.close())
	}
	return h, img, nil
}

// still makes sure, when all was read, that the snapshots were there: what is
// read of one that was removed looks like zeros. Without a watch the open image
// would not notice.
func (s ReplicaSource) still(ctx context.Context, base uint64) error {
	return s.Cluster.withImage(ctx, s.Spec.ImageSpec(), readOnly, func(img *librbd.Image) error {
		if err := checkID(img, s.Spec, s.ImageID); err != nil {
			return err
		}
		if _, err := sameSnapshot(img, s.Spec, s.SnapshotID); err != nil || base == 0 {
			return err
		}
		snaps, err := readSnapshots(img)
		if err == nil {
			_, err = Image{Spec: s.Spec.ImageSpec(), Snapshots: snaps}.SnapshotByID(base)
		}
		return err
	})
}

// NewReplica copies a snapshot into a new image, and makes a snapshot of the same
// name of that. All is done under the temporary name and labeled with token, see
// Pending. Only what has data is read, and what is zero is not written.
//
// Similar to: `rbd export SOURCE - | rbd import - SPEC` and `rbd snap create`.
//
// Errors: as NewPending; ErrSnapshotNotFound, ErrOtherSnapshot, ErrNotTheSame.
func (c *Cluster) NewReplica(ctx context.Context, target Spec, layout Layout, token string, from ReplicaSource, o ReplicaOptions) (err error) {
	src, img, err := from.open(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer func() { err = errors.Join(err, src.close()) }()
	layout.SizeBytes = img.SizeBytes
	p, err := c.NewPending(ctx, target, layout, token)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Discard(ctx)) }()
	if err := p.fill(ctx, src, img, from, o); err != nil {
		return err
	}
	s, err := img.SnapshotByID(from.SnapshotID)
	if err != nil {
		return err
	}
	p.NoteMade(img.origin(s, copyStep(img, from))...)
	return p.Publish(ctx)
}

// fill makes the temporary image the copy, with its snapshot.
func (p *Pending) fill(ctx context.Context, src *handle, img Image, from ReplicaSource, o ReplicaOptions) (err error) {
	dst, err := p.c.openHandle(ctx, p.Spec, readWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.close()) }()
	t := newTransfer(src, dst, o.Progress)
	r := Replica{ImageID: p.id, SourceFSID: img.FSID, SourceImageID: from.ImageID, SourceSnapshotID: from.SnapshotID}
	err = beginOn(ctx, changeGrace, func() (err error) {
		if r.TransferredBytes, err = runTransfer(ctx, t, img.SizeBytes); err != nil || !o.Compare {
			return err
		}
		return t.Compare(ctx, int64(img.SizeBytes)) //nolint:gosec // signed in librbd
	}, dst, src)
	if err != nil {
		return err
	}
	if err := from.still(ctx, 0); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	spec := p.Spec.WithSnapshot(from.Spec.Snapshot)
	var s Snapshot
	err = dst.begin(ctx, changeGrace, func() (err error) {
		s, err = p.c.createSnapshot(dst.cn, dst.img, spec, o.Protect) // nobody else makes one of a temporary image
		return err
	})
	if err != nil {
		return err
	}
	p.undo.Add("remove the snapshot "+spec.String(), func(ctx context.Context) error {
		return p.c.RemoveSnapshot(ctx, spec, s.ID, false)
	})
	r.SnapshotID = s.ID
	return dst.begin(ctx, changeGrace, func() error {
		return errors.Join(r.write(dst.img), ownership.Set(dst.img, ownership.SnapshotKey(s.Name), ownership.Owned))
	})
}
