// SPDX-License-Identifier: MPL-2.0

package guestinspect_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
)

// An appliance that finds nothing is not all that is known; any other error stays as it is.
func TestExplained(t *testing.T) {
	seen := fmt.Errorf("%w: /dev/sda1 holds F2FS", guestread.ErrUnsupported)
	err := guestinspect.Explained(fmt.Errorf("%w among the file systems /dev/sda1: f2fs", guestfs.ErrNoRoot), seen)
	if want := guestfs.ErrNoRoot.Error() + " among the file systems /dev/sda1: f2fs (the disk itself shows: /dev/sda1 holds F2FS)"; !errors.Is(err, guestfs.ErrNoRoot) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for _, other := range []error{nil, guestfs.ErrLaunch, guestfs.ErrManyRoots} {
		if got := guestinspect.Explained(other, seen); got != other { //nolint:errorlint // the same
			t.Errorf("%v became %v", other, got)
		}
	}
}
