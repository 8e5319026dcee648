// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// isV2Clone tells whether a clone, also one in the trash, has format 2: its
// parent's snapshot need not be protected, and goes to the trash namespace when
// it is removed.
func (cn *connection) isV2Clone(child Child) (v2 bool, err error) {
	err = cn.withPool(child.Spec.Pool, child.Spec.Namespace, func(ioctx *rados.IOContext) error {
		img, err := librbd.OpenBareByIDReadOnly(ioctx, child.ID)
		if err != nil {
			return translate("open", child.Spec, ErrImageNotFound, err)
		}
		defer img.Close()
		if v2, err = img.IsV2Clone(); err != nil {
			return fmt.Errorf("read the operation features of %s: %w", child, err)
		}
		return nil
	})
	return v2, err
}
