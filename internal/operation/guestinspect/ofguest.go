// SPDX-License-Identifier: MPL-2.0

package guestinspect

import (
	"context"
	"errors"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

// OfGuest tells whether an error is about what is in a guest: a damaged file
// system, a folder in the place of a file. A refresh does not fail by what
// somebody did there; that is drift.
func OfGuest(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, guestfs.ErrEnded) {
		return false
	}
	var refused *guestfs.Error
	return errors.As(err, &refused) && !errors.Is(err, guestfs.ErrLaunch) || slices.ContainsFunc([]error{
		guestread.ErrUnsupported, guestread.ErrUnusable, guestread.ErrFileType, guestread.ErrTooLarge,
		guestfs.ErrNoRoot, guestfs.ErrNoSystem, guestfs.ErrManyRoots, guestfs.ErrNoMount, guestfs.ErrNotMounted, guestfs.ErrSymlink, guestfs.ErrFileType,
		guestfs.ErrTooLarge, guestfs.ErrTooMany, guestfs.ErrUnclean, guestfs.ErrNoModes,
	}, func(is error) bool { return errors.Is(err, is) })
}
