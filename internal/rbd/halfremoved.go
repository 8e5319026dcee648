// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
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
		img, err := librbd.OpenBareByID(ioctx, i.ID)
		if err != nil {
			return translate("open", i.Spec, ErrImageNotFound, err)
		}
		defer img.Close()
		return translate(fmt.Sprintf("remove, by its id %d,", s.ID), spec, ErrSnapshotNotFound, img.RemoveSnapshotByID(s.ID))
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
