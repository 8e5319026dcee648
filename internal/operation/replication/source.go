// SPDX-License-Identifier: MPL-2.0

package replication

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var (
	// ErrOtherCluster says that the source is not in the cluster that is meant.
	ErrOtherCluster = errors.New("the source is in another cluster")
	// ErrSourceChanged says that the plan is out of date.
	ErrSourceChanged = errors.New("the source is another snapshot than when the plan was made")
)

// Reference says which snapshot is to be copied.
type Reference struct {
	Snapshot string // pool[/namespace]/image@snapshot
	// Cluster is how the cluster of the source is reached; nil is the replica's own.
	Cluster *rbd.Config
	// FSID is the cluster that is meant; any other is refused. Empty is any.
	FSID string
}

// cluster is where the source is.
func (r Reference) cluster(d Deps) *rbd.Cluster {
	if r.Cluster == nil {
		return d.Ceph
	}
	c := *r.Cluster
	c.FSID = r.FSID
	return rbd.NewCluster(c)
}

// Source is a snapshot to copy, as it was found.
type Source struct {
	rbd.ReplicaSource
	Image    rbd.Image // that the snapshot is of
	Snapshot rbd.Snapshot
}

// ID is that of the snapshot.
func (s Source) ID() ID { return ID{s.ImageID, s.SnapshotID} }

// Find reads the source. Where it is not there, its Spec is returned nevertheless.
//
// Errors: ErrOtherCluster; those of rbd's ParseSpec, FSID, Image and Snapshot.
func Find(ctx context.Context, d Deps, r Reference) (s Source, err error) {
	spec, err := rbd.ParseSpec(r.Snapshot)
	if err != nil {
		return s, err
	}
	s.ReplicaSource = rbd.ReplicaSource{Cluster: r.cluster(d), Spec: spec}
	fsid, err := s.Cluster.FSID(ctx)
	if errors.Is(err, rbd.ErrWrongCluster) || err == nil && r.FSID != "" && !strings.EqualFold(r.FSID, fsid) {
		if err == nil {
			err = fmt.Errorf("its fsid is %s, source wants %s", fsid, r.FSID)
		}
		return s, fmt.Errorf("%w: %v", ErrOtherCluster, err) //nolint:errorlint // the advice for the replica's own cluster does not fit
	}
	if err != nil {
		return s, err
	}
	if s.Image, err = s.Cluster.Image(ctx, spec); err != nil {
		return s, err
	}
	s.Snapshot, err = s.Image.Snapshot(spec.Snapshot)
	s.ImageID, s.SnapshotID = s.Image.ID, s.Snapshot.ID
	return s, err
}

// find reads the source, and makes sure that it is what the plan has said.
func (r Request) find(ctx context.Context, d Deps) (Source, error) {
	s, err := Find(ctx, d, r.Source)
	if err != nil {
		return s, fmt.Errorf("source: %w", err)
	}
	if r.Planned != (ID{}) && r.Planned != s.ID() {
		return s, fmt.Errorf("%w: %s has image id %s and snapshot id %d, planned were %s and %d", ErrSourceChanged,
			s.Spec, s.ImageID, s.SnapshotID, r.Planned.ImageID, r.Planned.SnapshotID)
	}
	return s, nil
}
