// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"fmt"
	"regexp"
	"strings"
)

// pendingSuffix ends the temporary name of an image that is being made.
const pendingSuffix = ".tfpending"

// PendingName is the temporary name of an image that is being made.
func PendingName(name string) string { return name + pendingSuffix }

// UndoSnapshot is the snapshot that an image has while its content is being
// changed by an Edit.
const UndoSnapshot = "terraform-undo"

// AliasSnapshot is the name of an alias's snapshot; that of an image which
// Glance has written itself is called so too.
const AliasSnapshot = "snap"

// guardName is what guards and aliases are called; the ID of the image in Glance
// is a UUID.
var guardName = regexp.MustCompile(`^(guard|alias)\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// reservedImage are the names that this provider gives for a while, or to what
// belongs to something else: temporary images, guards and aliases of Glance
// images, and images that are detached while a Glance image is deleted.
var reservedImage = regexp.MustCompile(`^(guard|alias)\.[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$|\.detach-[0-9a-f]+$`)

// CheckNewImageName is CheckImageName for an image that is to be made or renamed:
// it can't have a name that this provider uses itself.
func CheckNewImageName(name string) error {
	if err := CheckImageName(name); err != nil {
		return err
	}
	if strings.HasSuffix(name, pendingSuffix) || reservedImage.MatchString(name) {
		return fmt.Errorf("%w: %q is a name that this provider uses itself: it ends in %q or \".detach-ID\", or is that of a guard or an alias", ErrInvalidSpec, name, pendingSuffix)
	}
	return nil
}

// CheckNewSnapshotName is CheckSnapshotName for a snapshot that is to be made,
// renamed, or relied on.
func CheckNewSnapshotName(name string) error {
	if err := CheckSnapshotName(name); err != nil {
		return err
	}
	if name == UndoSnapshot {
		return fmt.Errorf("%w: %q is the name of the snapshot that an image has while this provider edits it", ErrInvalidSpec, name)
	}
	return nil
}
