// SPDX-License-Identifier: MPL-2.0

package workdir

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
)

// ErrNoSpace says that a file would not fit into the folder for temporary files.
var ErrNoSpace = errors.New("there is not enough space for temporary files")

const (
	// largestReserve is left free for others, or a part of what there is.
	largestReserve = 64 << 20
	reservePart    = 20
)

// CheckSpace makes sure that n more bytes fit into the file system of a folder,
// and leave something for others.
//
// Errors: ErrNoSpace.
func CheckSpace(folder string, n int64) error {
	all, free, err := hostfile.Space(folder)
	if err != nil {
		return fmt.Errorf("ask for the free space of %s: %w", folder, err)
	}
	want := uint64(n) + min(largestReserve, all/reservePart) //nolint:gosec // never negative
	if free < want {
		return fmt.Errorf("%w: TMPDIR (%s) has %d bytes free, %d are wanted", ErrNoSpace, folder, free, want)
	}
	return nil
}

// SpaceError says of an error in writing to a folder that there is no space left,
// where that is what it is about.
func SpaceError(folder string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: TMPDIR (%s): %w", ErrNoSpace, folder, err)
	}
	return err
}
