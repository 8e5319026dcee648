// SPDX-License-Identifier: MPL-2.0

package replication

import (
	"context"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Update brings a replica up to date, whose lock the caller has: its content, by
// what has changed at the source, and the name, the protection and the number of
// its snapshots. Where the content is to stay, the source is not asked, and a copy
// that was cut off is taken back. It can be repeated. What was kept is told with an
// error too.
//
// Errors: those of Find; ErrSourceChanged; those of rbd's AdvanceReplica,
// RestoreReplica, RenameSnapshot, ProtectSnapshot and PruneReplica.
func Update(ctx context.Context, d Deps, before Before, r Request) (Result, error) {
	ctx = rbd.Patiently(ctx)
	if err := r.updateContent(ctx, d, before); err != nil {
		return Result{}, err
	}
	img, err := d.Ceph.Image(ctx, r.Target)
	if err != nil {
		return Result{}, err
	}
	replica, ok := img.Replica()
	if !ok {
		return Result{}, fmt.Errorf("%s: %w", r.Target, rbd.ErrNotReplica)
	}
	if err := r.updateSnapshot(ctx, d, img, replica.SnapshotID); err != nil {
		return Result{}, err
	}
	kept, err := d.Ceph.PruneReplica(ctx, img, r.Keep)
	return Result{ID{replica.SourceImageID, replica.SourceSnapshotID}, kept}, err
}

func (r Request) updateContent(ctx context.Context, d Deps, before Before) error {
	if r.Planned != (ID{}) && r.Planned == before.Source {
		img, err := d.Ceph.Image(ctx, r.Target)
		if replica, _ := img.Replica(); err != nil || replica.Writing == 0 {
			return err
		}
		return d.Ceph.RestoreReplica(ctx, r.Target, before.ImageID)
	}
	src, err := r.find(ctx, d)
	if err != nil {
		return err
	}
	log := progress.Start(ctx, d.Log, "copy of what has changed", r.Target.String())
	defer log.Stop()
	return d.Ceph.AdvanceReplica(ctx, r.Target, before.ImageID, src.ReplicaSource, r.options(log))
}

// updateSnapshot gives the replica's snapshot with this id its name and its
// protection.
func (r Request) updateSnapshot(ctx context.Context, d Deps, img rbd.Image, id uint64) error {
	s, err := img.SnapshotByID(id)
	if err != nil {
		return err
	}
	from, err := rbd.ParseSpec(r.Source.Snapshot)
	if err != nil {
		return err
	}
	if s.Name != from.Snapshot {
		if err := d.Ceph.RenameSnapshot(ctx, r.Target.WithSnapshot(s.Name), s.ID, from.Snapshot); err != nil {
			return err
		}
	}
	if s.Protected == r.Protect {
		return nil
	}
	return d.Ceph.ProtectSnapshot(ctx, r.Target.WithSnapshot(from.Snapshot), s.ID, r.Protect)
}
