// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// librbd removes an image in two steps: it moves it to the trash, in a way that
// no listing of the trash shows, and removes it from there. A client that is cut
// off in between leaves an image that nobody can open by name any more, whose
// data may be gone in part, and that its parent still has as a child.

// Where the parts of a cls::rbd::TrashImageSpec begin, behind its version and
// length, and what it calls the source of such an image.
const (
	trashSource         = 6
	trashName           = 7
	trashSourceRemoving = 3
)

// removing finds the image with this id in the trash, where its removal was
// begun; nil for any other.
func removing(ioctx *rados.IOContext, id string) (*TrashEntry, error) {
	key := "id_" + id
	all, err := ioctx.GetOmapValues("rbd_trash", "", key, 1)
	raw := all[key]
	if errno(err) == syscall.ENOENT || err == nil && (len(raw) < trashName+4 || raw[trashSource] != trashSourceRemoving) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for an image that is being removed: %w", err)
	}
	name := raw[trashName+4:]
	if n := binary.LittleEndian.Uint32(raw[trashName:]); uint64(n) <= uint64(len(name)) {
		name = name[:n]
	}
	return &TrashEntry{ID: id, Name: string(name), Removing: true}, nil
}

// finishRemoval removes what was left of the image with this id by a removal that
// was cut off. Any other is left alone, and one that a client still has open.
//
// Errors: ErrInUse.
func finishRemoval(ioctx *rados.IOContext, spec Spec, id string) error {
	began, err := removing(ioctx, id)
	if err != nil || began == nil {
		return translate("look for what is left of", spec, ErrImageNotFound, err)
	}
	err = translate("finish the removal of", spec, ErrImageNotFound, librbd.TrashRemove(ioctx, id, true))
	return tolerate(err, ErrImageNotFound)
}

// finishChildren finishes removals of clones of the snapshot that were cut off.
func (cn *connection) finishChildren(img *librbd.Image, spec Spec, snapshotID uint64) error {
	children, err := childrenOf(img, spec, snapshotID)
	for _, child := range children {
		// Where that can't be, the child is in the way, and named.
		_ = cn.withPool(child.Spec.Pool, child.Spec.Namespace, func(ioctx *rados.IOContext) error {
			return finishRemoval(ioctx, child.Spec, child.ID)
		})
	}
	return err
}
