// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// makeAlias makes the alias, and its own snapshot, where they are missing.
func makeAlias(ctx context.Context, d Deps, ref Ref) error {
	d.begin(ctx, StepProtect)
	return d.Ceph.EnsureAlias(ctx, ref.Snapshot, ref.RBDImageID, ref.SnapshotID, ref.Alias, ref.ImageID)
}

func removeAlias(ctx context.Context, d Deps, ref Ref) error {
	return d.Ceph.RemoveAlias(ctx, ref.Alias, ref.RBDImageID, ref.ImageID)
}

func checkAlias(ctx context.Context, d Deps, ref Ref) error {
	return d.Ceph.CheckAlias(ctx, ref.Alias, ref.RBDImageID, ref.ImageID)
}

// isWhole tells whether an alias has its own protected snapshot.
func isWhole(alias rbd.Guard) bool {
	s, err := alias.Image.Snapshot(rbd.AliasSnapshot)
	return err == nil && s.Protected
}

// aliasOf finds the snapshot that an alias of ours stands for. Where the location
// is none, it is the snapshot itself.
func aliasOf(ctx context.Context, d Deps, imageID string, location rbd.Spec) (Ref, error) {
	ref := Ref{Snapshot: location, ImageID: imageID}
	if location.Image != aliasName(imageID) || location.Snapshot != rbd.AliasSnapshot {
		return ref, nil
	}
	g, err := d.Ceph.Guard(ctx, location)
	if err != nil || g.Owner != imageID || g.Image.Parent == nil {
		return ref, tolerateMissing(err)
	}
	ref.Snapshot = g.Image.Parent.Spec
	return ref.WithAlias(location.Pool), nil
}
