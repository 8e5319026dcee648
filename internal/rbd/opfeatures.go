// SPDX-License-Identifier: MPL-2.0

package rbd

// go-ceph has no rbd_get_op_features, which alone tells v2 clones from v1 ones.

/*
#cgo LDFLAGS: -lrbd
#include <stdlib.h>
#include <rbd/librbd.h>
#include <rbd/features.h>
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/ceph/go-ceph/rados"
)

// isV2Clone tells whether a clone, also one in the trash, has format 2: its
// parent's snapshot need not be protected, and goes to the trash namespace when
// it is removed.
func (cn *connection) isV2Clone(child Child) (v2 bool, err error) {
	err = cn.withPool(child.Spec.Pool, child.Spec.Namespace, func(ioctx *rados.IOContext) error {
		id := C.CString(child.ID)
		defer C.free(unsafe.Pointer(id))
		var img C.rbd_image_t
		rc := C.rbd_open_by_id_read_only(C.rados_ioctx_t(ioctx.Pointer()), id, &img, nil) //nolint:gocritic // it means code that cgo makes
		if rc < 0 {
			return translate("open", child.Spec, ErrImageNotFound, cError(rc))
		}
		defer C.rbd_close(img)
		var features C.uint64_t
		if rc := C.rbd_get_op_features(img, &features); rc < 0 {
			return fmt.Errorf("read the operation features of %s: %w", child, cError(rc))
		}
		v2 = features&C.RBD_OPERATION_FEATURE_CLONE_CHILD != 0
		return nil
	})
	return v2, err
}
