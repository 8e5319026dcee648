// SPDX-License-Identifier: MPL-2.0

package rbd

// go-ceph has no rbd_snap_remove_by_id, and a snapshot in the trash namespace
// has no name that it could be removed by.

/*
#cgo LDFLAGS: -lrbd
#include <stdlib.h>
#include <rbd/librbd.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// librbd removes a snapshot in two steps: it moves it to the trash namespace,
// and then, unless v2 clones keep it there, removes it. A client that is killed
// in between leaves one there that nothing keeps, and that is in the way of
// removing the image.

// halfRemoved tells whether a snapshot in the trash namespace is one of ours.
func (i Image) halfRemoved(s Snapshot) bool {
	if s.Kind != TrashSnapshot {
		return false
	}
	if r, ok := i.Replica(); ok && slices.Contains(r.SnapshotIDs(), s.ID) {
		return true
	}
	return s.Name == UndoSnapshot || i.OwnsSnapshot(s.Name) || s.Name == AliasSnapshot && i.Label(guardLabel) != ""
}

// dropHalfRemoved finishes the removal of snapshots of ours that were cut off,
// but for those that clones keep.
func (cn *connection) dropHalfRemoved(img *librbd.Image, spec Spec) error {
	snaps, err := readSnapshots(img)
	if err != nil || !slices.ContainsFunc(snaps, func(s Snapshot) bool { return s.Kind == TrashSnapshot }) {
		return err
	}
	i, err := cn.readImage(img, spec.ImageSpec())
	if err != nil {
		return err
	}
	for _, s := range i.Snapshots {
		if !i.halfRemoved(s) {
			continue
		}
		err := cn.checkChildren(img, spec.WithSnapshot(s.Name), s.ID, allClones)
		if err == nil {
			err = cn.removeSnapshotByID(i, s)
		}
		if err != nil && !errors.Is(err, ErrHasChildren) {
			return err
		}
	}
	return nil
}

// removeSnapshotByID is `rbd snap rm --snap-id`, of one in the trash namespace.
// One that is gone is no error. The label of its name stays where another
// snapshot has the name now.
func (cn *connection) removeSnapshotByID(i Image, s Snapshot) error {
	spec := i.Spec.WithSnapshot(s.Name)
	err := cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
		id := C.CString(i.ID)
		defer C.free(unsafe.Pointer(id))
		var img C.rbd_image_t
		rc := C.rbd_open_by_id(C.rados_ioctx_t(ioctx.Pointer()), id, &img, nil) //nolint:gocritic // it means code that cgo makes
		if rc < 0 {
			return translate("open", i.Spec, ErrImageNotFound, cError(rc))
		}
		defer C.rbd_close(img)
		if rc := C.rbd_snap_remove_by_id(img, C.uint64_t(s.ID)); rc < 0 {
			return translate(fmt.Sprintf("remove, by its id %d,", s.ID), spec, ErrSnapshotNotFound, cError(rc))
		}
		return nil
	})
	if err = tolerate(err, ErrSnapshotNotFound); err != nil || !i.OwnsSnapshot(s.Name) {
		return err
	}
	if _, err := i.Snapshot(s.Name); err == nil {
		return nil
	}
	return cn.withPlace(place{spec: i.Spec, id: i.ID}, readWrite, func(img *librbd.Image) error {
		return ownership.Remove(img, ownership.SnapshotKey(s.Name))
	})
}
