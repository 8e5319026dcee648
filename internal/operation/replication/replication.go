// SPDX-License-Identifier: MPL-2.0

// Package replication copies a snapshot of an RBD image, maybe of another cluster,
// into an image of its own, and brings that to later snapshots in place: `rbd
// export` and `rbd import` the first time, `rbd export-diff` and `rbd import-diff`
// from then on.
//
// What an image is a copy of is noted on it. So a run that was cut off is taken up
// by the next one, or taken back to the last snapshot.
package replication

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Deps is what a replication works with.
type Deps struct {
	// Ceph is the cluster of the replica.
	Ceph *rbd.Cluster
	// Log gets a line now and then of how far a long step has come.
	Log progress.Logger
}

// ID tells a snapshot from any other that its cluster had or will have. The zero
// value is that of none.
type ID struct {
	ImageID    string
	SnapshotID uint64
}

// Request says what is to be copied, and what into.
type Request struct {
	Source Reference
	// Planned is what the plan has found the source to be; zero where it could not
	// know it.
	Planned ID
	Target  rbd.Spec
	// Layout is that of a new image, whose size is that of the source.
	Layout rbd.Layout
	// Protect protects the snapshot of the replica.
	Protect bool
	// Keep is how many of the replica's own snapshots are kept, the newest among
	// them.
	Keep int
	// VerifyContent reads all of both and compares it, where something was copied.
	VerifyContent bool
	// Token is what a first copy that was interrupted finds its own image by, when
	// the source is the one with this ID.
	Token func(ID) string
}

// Result is what became of a replica.
type Result struct {
	// Copied is what the replica is a copy of.
	Copied ID
	// Kept says, of each older snapshot that is beyond those to keep, why it is
	// there still.
	Kept []error
}

// Do makes the first copy under a temporary name, with its snapshot, and publishes
// it. When it was cut off, the next Do of the same state removes what is left and
// begins anew, or finishes what had its name already.
//
// Errors: those of Find; ErrSourceChanged; those of rbd's Resume and NewReplica.
func Do(ctx context.Context, d Deps, r Request) (Result, error) {
	ctx = rbd.Patiently(ctx)
	unlock, err := d.Ceph.LockImage(ctx, r.Target)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	src, err := r.find(ctx, d)
	if err != nil {
		return Result{}, err
	}
	token := r.Token(src.ID())
	if finished, err := d.Ceph.Resume(ctx, r.Target, token); err != nil || finished {
		return Result{Copied: src.ID()}, err
	}
	log := progress.Start(ctx, d.Log, "copy", r.Target.String())
	defer log.Stop()
	err = d.Ceph.NewReplica(ctx, r.Target, r.Layout, token, src.ReplicaSource, r.options(log))
	return Result{Copied: src.ID()}, err
}

// options are for a copy whose progress is logged.
func (r Request) options(log *progress.Log) rbd.ReplicaOptions {
	return rbd.ReplicaOptions{Protect: r.Protect, Keep: r.Keep, Compare: r.VerifyContent, Progress: log.Set}
}
