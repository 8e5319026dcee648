// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"testing"
)

// Nobody's image or snapshot may have a name under which this provider removes
// what a run has left.
func TestReservedNames(t *testing.T) {
	const id = "6a0c5a4e-7a58-4a6c-8f0e-2a4d6f8b9c01"
	for name, reserved := range map[string]bool{
		"golden": false, "guard.golden": false, "alias." + id + "-2": false, "x.detach-me": false, "tfpending": false,
		"golden.tfpending": true, ".tfpending": true, "guard." + id: true, "alias." + id: true, "golden.detach-3966630833c5": true,
		PendingName(PendingName("a")): true,
	} {
		if err := CheckNewImageName(name); errors.Is(err, ErrInvalidSpec) != reserved {
			t.Errorf("image %q: %v", name, err)
		}
	}
	for name, reserved := range map[string]bool{"golden": false, "terraform-undo-2": false, UndoSnapshot: true} {
		if err := CheckNewSnapshotName(name); errors.Is(err, ErrInvalidSpec) != reserved {
			t.Errorf("snapshot %q: %v", name, err)
		}
	}
}
