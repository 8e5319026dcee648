// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

package librbd

/*
#cgo LDFLAGS: -lrbd
#include <stdlib.h>
#include <rbd/librbd.h>
#include <rbd/features.h>

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

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// cError is a negative return code of librbd.
type cError C.int

func (e cError) Error() string  { return fmt.Sprintf("librbd: %v", syscall.Errno(-e)) }
func (e cError) ErrorCode() int { return int(e) }

func asError(rc C.int) error {
	if rc < 0 {
		return cError(rc)
	}
	return nil
}

// Bare is an open image for the calls that go-ceph does not have. Its errors have
// the method ErrorCode, as those of go-ceph.
type Bare struct {
	img      C.rbd_image_t
	readOnly bool
}

// OpenBare opens an image by its name.
func OpenBare(ioctx *rados.IOContext, name string) (*Bare, error) {
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	b := &Bare{}
	return b, asError(C.rbd_open(C.rados_ioctx_t(ioctx.Pointer()), cName, &b.img, nil)) //nolint:gocritic // it means code that cgo makes
}

// OpenBareByID opens an image by its id.
func OpenBareByID(ioctx *rados.IOContext, id string) (*Bare, error) {
	cID := C.CString(id)
	defer C.free(unsafe.Pointer(cID))
	b := &Bare{}
	return b, asError(C.rbd_open_by_id(C.rados_ioctx_t(ioctx.Pointer()), cID, &b.img, nil)) //nolint:gocritic // it means code that cgo makes
}

// OpenBareByIDReadOnly is OpenBareByID for what leaves no watch.
func OpenBareByIDReadOnly(ioctx *rados.IOContext, id string) (*Bare, error) {
	cID := C.CString(id)
	defer C.free(unsafe.Pointer(cID))
	b := &Bare{readOnly: true}
	return b, asError(C.rbd_open_by_id_read_only(C.rados_ioctx_t(ioctx.Pointer()), cID, &b.img, nil)) //nolint:gocritic // it means code that cgo makes
}

// Close closes the image, as CloseReadOnly where it was opened for reading.
func (b *Bare) Close() {
	if b.readOnly {
		closeLater(func() { C.rbd_close(b.img) })
		return
	}
	C.rbd_close(b.img)
}

// IsV2Clone tells v2 clones from v1 ones and from what is no clone.
func (b *Bare) IsV2Clone() (bool, error) {
	var features C.uint64_t
	err := asError(C.rbd_get_op_features(b.img, &features))
	return features&C.RBD_OPERATION_FEATURE_CLONE_CHILD != 0, err
}

// ObjectMapInvalid tells whether the object map is flagged invalid.
func (b *Bare) ObjectMapInvalid() (bool, error) {
	var flags C.uint64_t
	err := asError(C.rbd_get_flags(b.img, &flags))
	return flags&C.RBD_FLAG_OBJECT_MAP_INVALID != 0, err
}

// RebuildObjectMap is `rbd object-map rebuild`.
func (b *Bare) RebuildObjectMap() error { return asError(C.rebuild_object_map(b.img)) }

// RemoveSnapshotByID is `rbd snap rm --snap-id`: a snapshot in the trash namespace
// has no name that it could be removed by.
func (b *Bare) RemoveSnapshotByID(id uint64) error {
	return asError(C.rbd_snap_remove_by_id(b.img, C.uint64_t(id)))
}

// MirrorSnapshot says what a snapshot in the mirror namespace is.
func (b *Bare) MirrorSnapshot(id uint64) (MirrorSnapshot, error) {
	var ns C.rbd_snap_mirror_namespace_t
	if err := asError(C.rbd_snap_get_mirror_namespace(b.img, C.uint64_t(id), &ns, C.sizeof_rbd_snap_mirror_namespace_t)); err != nil { //nolint:gocritic // it means code that cgo makes
		return MirrorSnapshot{}, err
	}
	defer C.rbd_snap_mirror_namespace_cleanup(&ns, C.sizeof_rbd_snap_mirror_namespace_t) //nolint:gocritic // it means code that cgo makes
	primary := ns.state == C.RBD_SNAP_MIRROR_STATE_PRIMARY || ns.state == C.RBD_SNAP_MIRROR_STATE_PRIMARY_DEMOTED
	return MirrorSnapshot{
		Primary:  primary,
		Demoted:  ns.state == C.RBD_SNAP_MIRROR_STATE_PRIMARY_DEMOTED || ns.state == C.RBD_SNAP_MIRROR_STATE_NON_PRIMARY_DEMOTED,
		Complete: primary || bool(ns.complete),
	}, nil
}
