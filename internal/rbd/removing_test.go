// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// cutOffRemoval makes of an image what a client leaves that is cut off in the
// middle of `rbd rm`.
func cutOffRemoval(t *testing.T, spec Spec, id string) {
	t.Helper()
	acctest.CutOffRemoval(t, spec.Pool, spec.Image, id)
	if all := acctest.Trash(t, spec.Pool, spec.Image); len(all) > 0 {
		t.Fatalf("librbd takes it for one that a user has put there: %v", all)
	}
}

// What a removal that was cut off has left of a clone keeps nobody from removing
// the parent's snapshot. One that is under way does.
func TestCutOffRemovalOfAClone(t *testing.T) {
	t.Parallel()
	c := NewCluster(Config{})
	for _, format := range []string{"1", "2"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			spec := Spec{Pool: "vms", Image: acctestName(t)}
			at, clone := spec.WithSnapshot("s"), spec.WithImage(spec.Image+"-clone")
			acctest.RBD(t, "create", "--size", "8M", spec.String())
			acctest.RBD(t, "snap", "create", "--no-progress", at.String())
			acctest.RBD(t, "snap", "protect", at.String())
			acctest.RBD(t, "clone", "--rbd-default-clone-format", format, at.String(), clone.String())
			s, child := read(t, c, spec).Snapshots[0], read(t, c, clone)
			cutOffRemoval(t, clone, child.ID)
			remove := func() error { return c.RemoveSnapshot(t.Context(), at, s.ID, false) }
			err := c.withPool(t.Context(), clone.Pool, "", readWrite, func(ioctx *rados.IOContext) error {
				return withOpen(ioctx, place{spec: clone, id: child.ID}, readWrite, func(*librbd.Image) error { return remove() })
			})
			if !errors.Is(err, ErrHasChildren) || !strings.Contains(err.Error(), clone.String()) {
				t.Errorf("while it is under way: %v", err)
			}
			if err := remove(); err != nil {
				t.Error(err)
			}
			if err := c.DeleteImage(t.Context(), spec, read(t, c, spec).ID, nil); err != nil {
				t.Error(err)
			}
			gone(t, c, child)
		})
	}
}
