// SPDX-License-Identifier: MPL-2.0

package guestedit

import (
	"context"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ImageRef names the image that is to be changed.
type ImageRef struct {
	Spec rbd.Spec
	// ID is the RBD image id that the plan has seen; empty where the image was not
	// made by then.
	ID string
}

// Find reads the image, which must have the id of the plan where that is known.
//
// Errors: those of rbd.Image, ErrOtherImage.
func (r ImageRef) Find(ctx context.Context, ceph *rbd.Cluster) (rbd.Image, error) {
	img, err := ceph.Image(ctx, r.Spec)
	if err == nil && r.ID != "" && img.ID != r.ID {
		err = fmt.Errorf("%w: %s has id %s, expected %s", rbd.ErrOtherImage, r.Spec, img.ID, r.ID)
	}
	return img, err
}
