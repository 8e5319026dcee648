// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// labels are what this provider has noted on the image.
func (i Image) labels() ownership.Labels {
	return ownership.Labels{ID: i.ID, Metadata: i.Metadata}
}

// PendingToken is the token of an unfinished or not yet claimed creation, or
// empty. That of another image, which cloning has copied, does not count.
func (i Image) PendingToken() string {
	token, _ := i.labels().Unclaimed()
	return token
}

// PendingRun is the run that made what has a PendingToken.
func (i Image) PendingRun() Run {
	_, run := i.labels().Unclaimed()
	return run
}

// Owned tells whether some state is known to have the image.
func (i Image) Owned() bool { return i.labels().Owned() }

// OwnsSnapshot tells whether the snapshot was made by this provider, for some
// state.
func (i Image) OwnsSnapshot(name string) bool {
	return i.labels().OwnsSnapshot(name)
}

// Held tells whether a resource of this provider holds the image, as its own or
// as the guard of a snapshot.
func (i Image) Held() bool { return i.Owned() || i.Label(guardLabel) != "" }

// Ours tells whether a resource of this provider holds the image, also one that
// no state was read with since. What has a temporary name is in no state.
func (i Image) Ours() bool {
	return i.Held() || i.PendingToken() != "" && !strings.HasSuffix(i.Spec.Image, pendingSuffix)
}

// SnapshotPending tells whether an interrupted run made the snapshot, and no
// state is known to have it.
func (i Image) SnapshotPending(name string) bool {
	_, pending := i.SnapshotRun(name)
	return pending
}

// SnapshotRun is the run that made a snapshot which no state is known to have.
func (i Image) SnapshotRun(name string) (by Run, pending bool) {
	return i.labels().SnapshotRun(name)
}

// Label is one of our own entries in the image's metadata, without the common
// prefix; empty where it is not there.
func (i Image) Label(name string) string { return i.labels().Get(name) }

// Labels are our own entries whose names begin with prefix, without it and
// without the common prefix.
func (i Image) Labels(prefix string) map[string]string { return i.labels().Beginning(prefix) }

// SetLabel sets an entry of ours in the image's metadata; an empty value
// removes it.
func (c *Cluster) SetLabel(ctx context.Context, spec Spec, name, value string) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if value == "" {
			return ownership.Remove(img, ownership.Prefix+name)
		}
		if err := img.SetMetadata(ownership.Prefix+name, value); err != nil {
			return translate("mark", spec.ImageSpec(), ErrImageNotFound, err)
		}
		return nil
	})
}

// SetLabelByID is SetLabel for the image with this id, whatever its name is now.
// An image that is gone is ErrImageNotFound.
func (c *Cluster) SetLabelByID(ctx context.Context, spec Spec, id, name, value string) error {
	at, err := c.locate(ctx, spec, id, underName)
	if err != nil {
		return err
	}
	now := at.spec
	return c.withImage(ctx, now, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, now, id); err != nil {
			return err
		}
		if value == "" {
			return ownership.Remove(img, ownership.Prefix+name)
		}
		return translate("mark", now, ErrImageNotFound, img.SetMetadata(ownership.Prefix+name, value))
	})
}

// ClaimImage notes that a state has the image, so that no other run takes it
// for its own unfinished work. It does nothing where that was noted before. One
// that was to be removed, and is under a name, is to stay: somebody restored it, or
// it never got to the trash.
//
// Errors: ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) ClaimImage(ctx context.Context, i Image) error {
	if i.Owned() && !i.labels().Removing() {
		return nil
	}
	return c.withImage(ctx, i.Spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if err := checkID(img, i.Spec, i.ID); err != nil {
			return err
		}
		if err := ownership.Remove(img, ownership.RemovingKey); err != nil {
			return err
		}
		return ownership.Set(img, ownership.ImageKey, ownership.Owned)
	})
}

// SettleImage is ClaimImage for an image that this run has made, where it still
// is as it was left.
func (c *Cluster) SettleImage(ctx context.Context, i Image) error {
	err := c.withImage(ctx, i.Spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if err := checkID(img, i.Spec, i.ID); err != nil {
			return err
		}
		label, err := ownership.Read(img, ownership.ImageKey)
		if token, by := ownership.ParseUnclaimed(label, i.ID); err != nil || token == "" || by != c.cfg.Run {
			return err
		}
		return ownership.Set(img, ownership.ImageKey, ownership.Owned)
	})
	return tolerate(err, ErrImageNotFound, ErrOtherImage, ErrPoolNotFound, ErrNamespaceNotFound)
}

// SettleSnapshot is SettleImage for a snapshot.
func (c *Cluster) SettleSnapshot(ctx context.Context, i Image, s Snapshot) error {
	err := c.withImage(ctx, i.Spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if err := checkID(img, i.Spec, i.ID); err != nil {
			return err
		}
		by, pending, err := pendingSnapshot(img, s.Name)
		if err != nil || !pending || by != c.cfg.Run {
			return err
		}
		if _, err := sameSnapshot(img, i.Spec.WithSnapshot(s.Name), s.ID); err != nil {
			return err
		}
		return ownership.Set(img, ownership.SnapshotKey(s.Name), ownership.Owned)
	})
	return tolerate(err, ErrSnapshotNotFound, ErrOtherSnapshot, ErrImageNotFound, ErrOtherImage, ErrPoolNotFound, ErrNamespaceNotFound)
}

// DisownImage takes our label off an image that is to stay, whatever its name is
// now, or off one in the trash.
func (c *Cluster) DisownImage(ctx context.Context, spec Spec, id string) error {
	return c.withPlace(ctx, place{spec: spec.ImageSpec(), id: id}, readWrite, func(_ *connection, img *librbd.Image) error {
		return ownership.Remove(img, ownership.ImageKey)
	})
}

// Disown takes our labels off an image and its own snapshots, which are to stay.
func (c *Cluster) Disown(ctx context.Context, i Image, own Own) error {
	if own != nil {
		for _, id := range own(i) {
			if s, err := i.SnapshotByID(id); err == nil {
				if err := c.DisownSnapshot(ctx, i.Spec.WithSnapshot(s.Name)); err != nil {
					return err
				}
			}
		}
	}
	return c.DisownImage(ctx, i.Spec, i.ID)
}

// ClaimSnapshot is ClaimImage for a snapshot.
func (c *Cluster) ClaimSnapshot(ctx context.Context, i Image, name string) error {
	if !i.SnapshotPending(name) {
		return nil
	}
	return c.AdoptSnapshot(ctx, i.Spec, name)
}

// AdoptSnapshot labels a snapshot as ours, as an import does.
func (c *Cluster) AdoptSnapshot(ctx context.Context, spec Spec, name string) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		return ownership.Set(img, ownership.SnapshotKey(name), ownership.Owned)
	})
}

// DisownSnapshot takes our label off a snapshot that is to stay.
func (c *Cluster) DisownSnapshot(ctx context.Context, spec Spec) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		return ownership.Remove(img, ownership.SnapshotKey(spec.Snapshot))
	})
}
