// SPDX-License-Identifier: MPL-2.0

package ownership

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// The keys of labels.
const (
	// Prefix begins the keys of all labels.
	Prefix = "terraform-provider-rbd."
	// ImageKey holds the token of whoever creates an image, from the first moment
	// until the first read with a state, and from then on says that some state has
	// the image.
	ImageKey = Prefix + "image"
	// EditingKey is on an image from the beginning of an edit to its end. Who finds
	// it with nobody at work finds an edit that was cut off.
	EditingKey = Prefix + "editing"
	// RemovingKey is on an image that was moved to the trash to be removed from
	// there: some of its content may be gone.
	RemovingKey = Prefix + "removing"
	// RollbackKey is on an image while it is rolled back to a snapshot. Who finds it
	// with nobody at work finds content that is neither the old nor the new.
	RollbackKey = Prefix + "rollback"
	// MirrorKey is on an image whose mirroring a resource of this provider has
	// enabled, and says whether a state is known to have that. In the metadata of a
	// pool or namespace it says so of the mirroring of that.
	MirrorKey = Prefix + "mirror"
)

// SnapshotKey is the key of a snapshot's label.
func SnapshotKey(name string) string { return Prefix + "snapshot." + name }

// NamespaceKey is the key of a namespace's label, in the metadata of its pool: a
// namespace has none of its own.
func NamespaceKey(name string) string { return Prefix + "namespace." + name }

// The words of labels.
const (
	// Pending is what was made, and what no state is known to have yet.
	Pending = "pending"
	// Owned is what some state has.
	Owned = "owned"
	// Undo is on the undo snapshot while the content is being written, and Pending
	// before and after that: only with the first is there something to put back.
	Undo = "undo"
	// Creating is on a namespace that is about to be made, and Pending on one that
	// was made, until a state is known to have it.
	Creating = "creating"
)

// Label is a label as it is written: the word, and the id of the image that it
// was put on, since cloning an image copies its metadata.
func Label(word, id string) string { return word + ":" + id }

// Word is the reverse of Label. ok is false for the label of another image.
func Word(label, id string) (word string, ok bool) {
	return strings.CutSuffix(label, Label("", id))
}

// Image is an open image, as librbd has it.
type Image interface {
	GetId() (string, error)
	GetMetadata(key string) (string, error)
	SetMetadata(key, value string) error
	RemoveMetadata(key string) error
	ListMetadata() (map[string]string, error)
}

// Set puts a label on an open image.
func Set(img Image, key, word string) error {
	id, err := img.GetId()
	if err == nil {
		err = img.SetMetadata(key, Label(word, id))
	}
	if err != nil {
		return fmt.Errorf("set image metadata %q: %w", key, err)
	}
	return nil
}

// Has tells whether an open image has a label of its own.
func Has(img Image, key, word string) (bool, error) {
	value, err := Read(img, key)
	if err != nil || value == "" {
		return false, err
	}
	id, err := img.GetId()
	return value == Label(word, id), err
}

// Read reads one entry of an open image's metadata; a missing one is empty.
func Read(img Image, key string) (string, error) {
	v, err := img.GetMetadata(key)
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read image metadata %q: %w", key, err)
	}
	return v, nil
}

// Remove takes an entry off an open image. One that is gone is no error.
func Remove(img Image, key string) error {
	err := img.RemoveMetadata(key)
	if err != nil && !absent(err) {
		return fmt.Errorf("remove image metadata %q: %w", key, err)
	}
	return nil
}

// DropCopied takes off the labels that cloning has copied from the parent, except
// those to keep. name is what the image is called.
func DropCopied(img Image, name fmt.Stringer, keep ...string) error {
	all, err := img.ListMetadata()
	if err != nil {
		return fmt.Errorf("list the metadata of %s: %w", name, err)
	}
	for k := range all {
		if strings.HasPrefix(k, Prefix) && !slices.Contains(keep, k) {
			if err := Remove(img, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// absent tells whether librbd says ENOENT.
func absent(err error) bool {
	var c interface{ ErrorCode() int }
	if !errors.As(err, &c) {
		return false
	}
	code := syscall.Errno(max(c.ErrorCode(), -c.ErrorCode()))
	return code == syscall.ENOENT
}
