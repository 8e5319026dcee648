// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// taken is for Glance's answer to the creation of a record: 409 says that the ID
// is, or was, another's.
func taken(err error) error {
	if errors.Is(err, glance.ErrConflict) {
		return fmt.Errorf("%w: %w", ErrTaken, err)
	}
	return err
}

// checkOutcome is for Glance's answer to the deletion of a record: 409 says that the
// data is in use, which the guard sees to, and the record stays. It leaves Gone
// and HalfDeleted without an error.
func checkOutcome(o glance.DeleteOutcome, err error) (glance.DeleteOutcome, error) {
	switch {
	case err != nil:
		return o, err
	case o == glance.DelayedDelete:
		return o, ErrDelayedDelete
	case o == glance.InUse:
		return o, ErrRefused
	}
	return o, nil
}

// mayBe tells whether a change that ended so may have been made.
func mayBe(err error) bool { return err == nil || errors.Is(err, glance.ErrUndecided) }
