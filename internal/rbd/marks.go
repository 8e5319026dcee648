package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	librbd "github.com/ceph/go-ceph/rbd"
)

// Our marks in image metadata. They tell a re-run what an interrupted one has
// left, and our snapshots and clones from other people's.
const (
	markPrefix = "terraform-provider-rbd."
	// imageKey holds the token of whoever creates an image, from the first
	// moment until the first read with a state (ClaimImage), and from then on
	// says that some state has the image.
	imageKey = markPrefix + "image"

	markPending = "pending"
	markOwned   = "owned"
)

func snapshotKey(name string) string { return markPrefix + "snapshot." + name }

// markOf is a mark as it is written: the word, and the id of the image that it
// was put on, since cloning an image copies its metadata.
func markOf(word, id string) string { return word + ":" + id }

// PendingToken is the token of an unfinished or not yet claimed creation, or
// empty. That of another image, which cloning has copied, does not count.
func (i Image) PendingToken() string {
	token, ok := strings.CutSuffix(i.Metadata[imageKey], markOf("", i.ID))
	if !ok || token == markOwned {
		return ""
	}
	return token
}

// Owned tells whether some state is known to have the image.
func (i Image) Owned() bool { return i.Metadata[imageKey] == markOf(markOwned, i.ID) }

// OwnsSnapshot tells whether the snapshot was made by this provider, for some
// state.
func (i Image) OwnsSnapshot(name string) bool {
	return strings.HasSuffix(i.Metadata[snapshotKey(name)], ":"+i.ID)
}

// Held tells whether a resource of this provider holds the image, as its own or
// as the guard of a snapshot.
func (i Image) Held() bool { return i.Owned() || i.Mark(guardMark) != "" }

// SnapshotPending tells whether an interrupted run made the snapshot, and no
// state is known to have it.
func (i Image) SnapshotPending(name string) bool {
	return i.Metadata[snapshotKey(name)] == markOf(markPending, i.ID)
}

// Mark is one of our own entries in the image's metadata, without the common
// prefix; empty where it is not there.
func (i Image) Mark(name string) string { return i.Metadata[markPrefix+name] }

// Marks are our own entries whose names begin with prefix, without it and
// without the common prefix.
func (i Image) Marks(prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range i.Metadata {
		if name, ok := strings.CutPrefix(k, markPrefix+prefix); ok {
			out[name] = v
		}
	}
	return out
}

// SetMark sets an entry of ours in the image's metadata; an empty value
// removes it.
func (c *Cluster) SetMark(ctx context.Context, spec Spec, name, value string) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if value == "" {
			return unmark(img, markPrefix+name)
		}
		if err := img.SetMetadata(markPrefix+name, value); err != nil {
			return translate("mark", spec.ImageSpec(), ErrImageNotFound, err)
		}
		return nil
	})
}

// ClaimImage notes that a state has the image, so that no other run takes it
// for its own unfinished work. It does nothing where that was noted before.
func (c *Cluster) ClaimImage(ctx context.Context, i Image) error {
	if i.Owned() {
		return nil
	}
	return c.SetMark(ctx, i.Spec, "image", markOf(markOwned, i.ID))
}

// DisownImage takes our mark off an image that is to stay.
func (c *Cluster) DisownImage(ctx context.Context, spec Spec, id string) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		return unmark(img, imageKey)
	})
}

// ClaimSnapshot is ClaimImage for a snapshot.
func (c *Cluster) ClaimSnapshot(ctx context.Context, i Image, name string) error {
	if !i.SnapshotPending(name) {
		return nil
	}
	return c.AdoptSnapshot(ctx, i.Spec, name)
}

// AdoptSnapshot marks a snapshot as ours, as an import does.
func (c *Cluster) AdoptSnapshot(ctx context.Context, spec Spec, name string) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		return setMark(img, snapshotKey(name), markOwned)
	})
}

// DisownSnapshot takes our mark off a snapshot that is to stay.
func (c *Cluster) DisownSnapshot(ctx context.Context, spec Spec) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		return unmark(img, snapshotKey(spec.Snapshot))
	})
}

// setMark puts a mark on an open image.
func setMark(img *librbd.Image, key, word string) error {
	id, err := img.GetId()
	if err == nil {
		err = img.SetMetadata(key, markOf(word, id))
	}
	if err != nil {
		return fmt.Errorf("set image metadata %q: %w", key, err)
	}
	return nil
}

// hasMark tells whether an open image has a mark of its own.
func hasMark(img *librbd.Image, key, word string) (bool, error) {
	value, err := metadata(img, key)
	if err != nil || value == "" {
		return false, err
	}
	id, err := img.GetId()
	return value == markOf(word, id), err
}

// metadata reads one entry; a missing one is empty.
func metadata(img *librbd.Image, key string) (string, error) {
	v, err := img.GetMetadata(key)
	if err != nil {
		if errno(err) == syscall.ENOENT || errors.Is(err, librbd.ErrNotFound) {
			return "", nil
		}
		return "", fmt.Errorf("read image metadata %q: %w", key, err)
	}
	return v, nil
}

// dropCopiedMarks takes off the marks that cloning has copied from the parent,
// except those to keep.
func dropCopiedMarks(img *librbd.Image, spec Spec, keep string) error {
	all, err := img.ListMetadata()
	if err != nil {
		return fmt.Errorf("list the metadata of %s: %w", spec, err)
	}
	for k := range all {
		if strings.HasPrefix(k, markPrefix) && k != keep {
			if err := unmark(img, k); err != nil {
				return err
			}
		}
	}
	return nil
}

func unmark(img *librbd.Image, key string) error {
	err := img.RemoveMetadata(key)
	if err != nil && errno(err) != syscall.ENOENT {
		return fmt.Errorf("remove image metadata %q: %w", key, err)
	}
	return nil
}
