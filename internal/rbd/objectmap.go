// SPDX-License-Identifier: MPL-2.0

package rbd

// go-ceph has neither rbd_get_flags nor rbd_rebuild_object_map.

/*
#cgo LDFLAGS: -lrbd
#include <stdlib.h>
#include <rbd/librbd.h>

static int rebuild_progress(uint64_t offset, uint64_t total, void *arg) { return 0; }

static int rebuild_object_map(rbd_image_t image) {
	return rbd_rebuild_object_map(image, rebuild_progress, NULL);
}
*/
import "C"

import (
	"fmt"
	"syscall"
	"unsafe"

	"github.com/ceph/go-ceph/rados"
)

// cError is a negative return code of librbd.
type cError C.int

func (e cError) Error() string  { return fmt.Sprintf("librbd: %v", syscall.Errno(-e)) }
func (e cError) ErrorCode() int { return int(e) }

// rebuildInvalidObjectMap is `rbd object-map rebuild`, where the object map of
// the image is flagged invalid: librbd makes no use of it then.
func rebuildInvalidObjectMap(ioctx *rados.IOContext, spec Spec) error {
	name := C.CString(spec.Image)
	defer C.free(unsafe.Pointer(name))
	var img C.rbd_image_t
	if rc := C.rbd_open(C.rados_ioctx_t(ioctx.Pointer()), name, &img, nil); rc < 0 { //nolint:gocritic // it means code that cgo makes
		return translate("open", spec.ImageSpec(), ErrImageNotFound, cError(rc))
	}
	defer C.rbd_close(img)
	var flags C.uint64_t
	if rc := C.rbd_get_flags(img, &flags); rc < 0 {
		return translate("read the flags of", spec.ImageSpec(), ErrImageNotFound, cError(rc))
	}
	if flags&C.RBD_FLAG_OBJECT_MAP_INVALID == 0 {
		return nil
	}
	if rc := C.rebuild_object_map(img); rc < 0 {
		return translate("rebuild the object map of", spec.ImageSpec(), ErrImageNotFound, cError(rc))
	}
	return nil
}
