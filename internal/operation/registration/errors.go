// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"errors"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Refusals of a registration.
var (
	ErrTaken         = errors.New("the image ID is or was in use")
	ErrNotMade       = errors.New("Glance did not register the snapshot as asked")
	ErrNotPossible   = errors.New("Glance can't register the snapshot")
	ErrNotOurs       = errors.New("the image is not a snapshot of this cluster")
	ErrNoHash        = errors.New("the image has no hash in Glance, and can't be given one any more")
	ErrHash          = errors.New("the data is not what Glance says of it")
	ErrOtherGlance   = errors.New("the image is registered in another Glance")
	ErrOtherRecord   = errors.New("another image in Glance has the ID now")
	ErrNotProven     = errors.New("Glance does not show the image, and that does not prove that it is gone")
	ErrNotVisible    = errors.New("the image is not visible to this project")
	ErrOtherRecords  = errors.New("other images in Glance have the same snapshot")
	ErrOtherData     = errors.New("the image has other locations too")
	ErrDelayedDelete = errors.New("Glance deletes data later (delayed_delete)")
	ErrRefused       = errors.New("Glance refused to delete the image (409)")
	ErrDetached      = errors.New("the RBD image is put aside")
)

// tolerateMissing is for an image that may be gone.
func tolerateMissing(err error) error {
	if errors.Is(err, rbd.ErrImageNotFound) {
		return nil
	}
	return err
}

// IsLost tells whether the error says that a registered snapshot is not there any
// more, or that another has its name.
func IsLost(err error) bool {
	return rbd.IsNotFound(err) || errors.Is(err, rbd.ErrOtherImage) || errors.Is(err, rbd.ErrOtherSnapshot)
}

// tolerateLost is for reading: the plan says what became of the snapshot.
func tolerateLost(err error) error {
	if IsLost(err) {
		return nil
	}
	return err
}
