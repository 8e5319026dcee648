// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// An image's limit of snapshots is no full pool, and leaves no label.
func TestSnapshotLimit(t *testing.T) {
	spec := testSpec(t)
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	acctest.RBD(t, "snap", "limit", "set", "--limit", "1", spec.String())
	c, ctx := NewCluster(Config{}), t.Context()
	img, err := c.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSnapshot(ctx, spec.WithSnapshot("a"), img.ID, false); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSnapshot(ctx, spec.WithSnapshot("b"), img.ID, false); !errors.Is(err, ErrSnapshotLimit) || errors.Is(err, ErrPoolFull) {
		t.Errorf("%v, want %v", err, ErrSnapshotLimit)
	}
	if img, err = c.Image(ctx, spec); err != nil || len(img.Snapshots) != 1 || img.SnapshotPending("b") {
		t.Errorf("%+v, %v", img.Snapshots, err)
	}
}
