// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Ref says which record of Glance is meant, and of which snapshot.
type Ref struct {
	Snapshot   rbd.Spec
	RBDImageID string
	SnapshotID uint64
	// ImageID is the record's.
	ImageID string
	// Alias is registered instead of the snapshot, where it has an image.
	Alias rbd.Spec
	// Owner is the project that has the record, where that is known.
	Owner string
	// Copies are the stores that Glance has copied it to for us.
	Copies []string
	// Glance has the record, as the state says; zero where it doesn't.
	Glance glance.Identity
}

// Guard is the spec of the guard.
func (r Ref) Guard() rbd.Spec { return r.Snapshot.WithImage(guardName(r.ImageID)) }

func guardName(imageID string) string { return "guard." + imageID }

func aliasName(imageID string) string { return "alias." + imageID }

// WithAlias gives the ref its alias, whose name follows from the record's ID;
// none where the pool is empty.
func (r Ref) WithAlias(pool string) Ref {
	r.Alias = rbd.Spec{}
	if pool != "" {
		r.Alias = rbd.Spec{Pool: pool, Image: aliasName(r.ImageID)}
	}
	return r
}

// HasAlias tells whether an alias is registered instead of the snapshot.
func (r Ref) HasAlias() bool { return r.Alias.Image != "" }

// Protector is the guard or the alias.
func (r Ref) Protector() rbd.Spec {
	if r.HasAlias() {
		return r.Alias
	}
	return r.Guard()
}

// Location is the snapshot that Glance is told of.
func (r Ref) Location() rbd.Spec {
	if r.HasAlias() {
		return r.Alias.WithSnapshot(rbd.AliasSnapshot)
	}
	return r.Snapshot
}
