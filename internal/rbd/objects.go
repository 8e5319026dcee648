// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// directoryObject lists the images of a pool and namespace.
const directoryObject = "rbd_directory"

// headerObject is the object that librbd keeps for every image.
func headerObject(id string) string { return "rbd_header." + id }

// idObject is the object that librbd keeps for every name.
func idObject(name string) string { return "rbd_id." + name }

// nameByID looks into the pool's directory object, which librbd keeps for both
// ways; librbd itself only has the way from name to id.
func nameByID(ioctx *rados.IOContext, id string) (string, error) {
	key := "id_" + id
	values, err := ioctx.GetOmapValues(directoryObject, "", key, 1)
	if err != nil && !errors.Is(err, rados.ErrNotFound) && errno(err) != syscall.ENOENT {
		return "", fmt.Errorf("look up image id %s: %w", id, err)
	}
	v, ok := values[key]
	if !ok {
		return "", fmt.Errorf("no image has the id %s: %w", id, ErrImageNotFound)
	}
	name, ok := decodeString(v)
	if !ok {
		return "", fmt.Errorf("the directory's entry of image id %s is not a string", id)
	}
	return name, nil
}

// idByName is empty where there is no such name.
func idByName(ioctx *rados.IOContext, name string) (string, error) {
	buf := make([]byte, 256)
	n, err := ioctx.Read(idObject(name), buf, 0)
	if errors.Is(err, rados.ErrNotFound) || errno(err) == syscall.ENOENT {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the id of %q: %w", name, err)
	}
	id, ok := decodeString(buf[:n])
	if !ok {
		return "", fmt.Errorf("the id object of %q is not a string", name)
	}
	return id, nil
}

// decodeString reads a string as Ceph encodes it: its length in 32 bits, then
// its bytes.
func decodeString(b []byte) (string, bool) {
	if len(b) < 4 || int(binary.LittleEndian.Uint32(b)) != len(b)-4 {
		return "", false
	}
	return string(b[4:]), true
}
