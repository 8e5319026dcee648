// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrAmbiguous says that several images in the trash had the name.
	ErrAmbiguous = errors.New("several images in the trash had this name")
	// ErrRemovalBegun says that an image in the trash is not what it was.
	ErrRemovalBegun = errors.New("the removal of the image was begun, and some of its content may be gone")
)

// FindTrashed is the image in the trash of the pool and namespace of spec that
// had its name, or with an id the one that has it.
//
// Errors: ErrNotInTrash, ErrAmbiguous; as Image.
func (c *Cluster) FindTrashed(ctx context.Context, spec Spec, id string) (Image, error) {
	if id != "" {
		return c.TrashedImage(ctx, spec, id)
	}
	if err := c.CheckPool(ctx, spec.Pool, spec.Namespace); err != nil {
		return Image{}, err
	}
	all, err := c.Trash(ctx, spec.Pool, spec.Namespace)
	if err != nil {
		return Image{}, err
	}
	var found []string
	for _, t := range all {
		if t.Name == spec.Image {
			id = t.ID
			found = append(found, fmt.Sprintf("%s, there since %s", t.ID, t.DeletedAt.Format(time.RFC3339)))
		}
	}
	switch len(found) {
	case 0:
		return Image{}, fmt.Errorf("image %s: %w", spec, ErrNotInTrash)
	case 1:
		return c.TrashedImage(ctx, spec, id)
	}
	return Image{}, fmt.Errorf("%w: %s: their ids are %s", ErrAmbiguous, spec, strings.Join(found, "; "))
}

// CheckRestore says, without changing anything, what keeps RestoreImage from giving
// the image in the trash the name of spec now.
//
// Errors: ErrExists, ErrRemovalBegun, ErrMigrating, ErrPermission.
func (c *Cluster) CheckRestore(ctx context.Context, img Image, spec Spec) error {
	switch {
	case img.Removing():
		return fmt.Errorf("restore %s (id %s): %w", img.Spec, img.ID, ErrRemovalBegun)
	case img.Migrating():
		return fmt.Errorf("restore %s (id %s): %w", img.Spec, img.ID, ErrMigrating)
	}
	_, err := c.Image(ctx, spec)
	if err == nil {
		return fmt.Errorf("restore %s: %w", spec, ErrExists)
	}
	return tolerate(err, ErrImageNotFound)
}
