// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// rebuildInvalidObjectMap is `rbd object-map rebuild`, where the object map of
// the image is flagged invalid: librbd makes no use of it then.
func rebuildInvalidObjectMap(ioctx *rados.IOContext, spec Spec) error {
	img, err := librbd.OpenBare(ioctx, spec.Image)
	if err != nil {
		return translate("open", spec.ImageSpec(), ErrImageNotFound, err)
	}
	defer img.Close()
	invalid, err := img.ObjectMapInvalid()
	if err != nil || !invalid {
		return translate("read the flags of", spec.ImageSpec(), ErrImageNotFound, err)
	}
	return translate("rebuild the object map of", spec.ImageSpec(), ErrImageNotFound, img.RebuildObjectMap())
}
