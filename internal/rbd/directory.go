package rbd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/ceph/go-ceph/rados"
)

// ImageByID reads the image with this id in the pool and namespace of spec,
// whatever its name is now. One in the trash has no name and is not found.
//
// An image that is put aside for a while (see Aside) is given with the name
// that it will get back: nobody is to take the other one for a rename.
//
// Errors: as Image.
func (c *Cluster) ImageByID(ctx context.Context, spec Spec, id string) (Image, error) {
	now, err := c.nameNow(ctx, spec, id)
	if err != nil {
		return Image{}, err
	}
	img, err := c.Image(ctx, now)
	if err == nil && img.ID != id {
		// Renamed again between the two looks.
		err = fmt.Errorf("%w: %s has id %s, expected %s", ErrOtherImage, img.Spec, img.ID, id)
	}
	if note, ok := img.asideNote(); err == nil && ok {
		img.Spec.Image = note.Name
	}
	return img, err
}

// nameNow is the spec that the image with this id has at the moment.
func (c *Cluster) nameNow(ctx context.Context, spec Spec, id string) (Spec, error) {
	var name string
	err := c.withPool(ctx, spec.Pool, spec.Namespace, readOnly, func(ioctx *rados.IOContext) error {
		var err error
		name, err = nameByID(ioctx, id)
		return err
	})
	return spec.WithImage(name), err
}

// nameByID looks into the pool's directory object, which librbd keeps for both
// ways; librbd itself only has the way from name to id.
func nameByID(ioctx *rados.IOContext, id string) (string, error) {
	const directory = "rbd_directory"
	key := "id_" + id
	values, err := ioctx.GetOmapValues(directory, "", key, 1)
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

// decodeString reads a string as Ceph encodes it: its length in 32 bits, then
// its bytes.
func decodeString(b []byte) (string, bool) {
	if len(b) < 4 || int(binary.LittleEndian.Uint32(b)) != len(b)-4 {
		return "", false
	}
	return string(b[4:]), true
}
