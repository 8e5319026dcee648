// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// Reading says what is to be read of an image besides Image.
type Reading int

// What can be read besides; several are added up.
const (
	// ReadUsed is `rbd du`.
	ReadUsed Reading = 1 << iota
	// ReadUsers is `rbd status` and `rbd lock ls`.
	ReadUsers
	// ReadChildren is `rbd children --all` of each snapshot.
	ReadChildren
)

// Details is an image with what it costs more to know. What was not asked for
// is empty.
type Details struct {
	Image
	// UsedBytes is what `rbd du --merge-snapshots` shows, in bytes: the objects
	// of the image and of its snapshots, those with a byte in them as a whole.
	// What a clone has from its parent does not count.
	UsedBytes uint64
	// Watchers have the image open for writing.
	Watchers []Watcher
	// Lockers hold advisory locks (`rbd lock add`).
	Lockers []Locker
	// Children are the clones of each snapshot, by snapshot id and sorted by
	// spec, in all pools and namespaces, those in the trash too.
	Children map[uint64][]Child
	// SnapshotsParent is what only snapshots of the image depend on, as the
	// image itself was flattened. It is read with ReadChildren.
	SnapshotsParent *Parent
}

// Details reads an image, and what else is asked for, in one opening, read-only
// and without a watch.
//
// With fast-diff, ReadUsed costs a few round trips per snapshot. Without it, or
// with an object map that is invalid, librbd asks for every object there can
// be: the answer is the same, for a TiB it takes a quarter of a million
// requests.
//
// ReadChildren looks into all pools, and fails where one is not readable.
//
// Similar to: `rbd info`, `rbd snap ls --all`, `rbd image-meta ls`, `rbd du`,
// `rbd status`, `rbd lock ls`, `rbd children --all`.
//
// Errors: as Image; an ErrPermission names the pools that are not readable.
func (c *Cluster) Details(ctx context.Context, spec Spec, what Reading) (Details, error) {
	var out Details
	err := c.do(ctx, func(cn *connection) error {
		d, err := cn.details(ctx, place{spec: spec.ImageSpec()}, what)
		if err != nil {
			return c.namePools(cn, err)
		}
		out = d
		return nil
	})
	if err != nil {
		return Details{}, err
	}
	return out, nil
}

// details reads an image whose snapshots may come and go meanwhile: then it is
// read again.
func (cn *connection) details(ctx context.Context, at place, what Reading) (Details, error) {
	var out Details
	var err error
	for range 3 {
		err = cn.withPlace(at, readOnly, func(img *librbd.Image) error {
			var err error
			out, err = cn.readDetails(ctx, img, at.spec, what)
			return err
		})
		if errno(err) != syscall.ENOENT || errors.Is(err, ErrImageNotFound) || ctx.Err() != nil {
			break
		}
	}
	out.Trash = at.trash
	return out, err
}

func (cn *connection) readDetails(ctx context.Context, img *librbd.Image, spec Spec, what Reading) (Details, error) {
	var out Details
	var err error
	if out.Image, err = cn.readImage(img, spec); err != nil {
		return out, err
	}
	if what&ReadUsers != 0 {
		var used *InUseError
		if err := checkUnused(img, spec); errors.As(err, &used) {
			out.Watchers, out.Lockers = used.Watchers, used.Lockers
		} else if err != nil {
			return out, err
		}
	}
	if what&ReadUsed != 0 {
		if out.UsedBytes, err = usedBytes(ctx, img, spec, out.Snapshots); err != nil {
			return out, err
		}
	}
	if what&ReadChildren != 0 {
		err = cn.readRelatives(img, &out)
	}
	return out, err
}

// usedBytes counts as `rbd du` does: each snapshot has what differs from the
// one before, the image what differs from the last.
func usedBytes(ctx context.Context, img *librbd.Image, spec Spec, snaps []Snapshot) (used uint64, err error) {
	count := func(e Extent) {
		if !e.Zero {
			used += uint64(e.Length) //nolint:gosec // not negative
		}
	}
	from := librbd.NoSnapshot
	diff := func(name string) error {
		err := img.SetSnapshot(name)
		var size uint64
		if err == nil {
			size, err = img.GetSize()
		}
		if err == nil {
			err = blockio.Iterate(ctx, img, blockio.Query{From: from, Within: Extent{Length: int64(size)}, Own: true}, count)
		}
		if err != nil {
			return fmt.Errorf("count the used bytes of %s: %w", spec.WithSnapshot(name), err)
		}
		from = name
		return nil
	}
	snaps = slices.SortedFunc(slices.Values(snaps), func(a, b Snapshot) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range snaps {
		// The others have no name to begin a diff at; `rbd du` leaves them out.
		if s.Kind != UserSnapshot {
			continue
		}
		if err := diff(s.Name); err != nil {
			return 0, errors.Join(err, img.SetSnapshot(librbd.NoSnapshot))
		}
	}
	return used, diff(librbd.NoSnapshot)
}

// readRelatives leaves the image set to no snapshot.
func (cn *connection) readRelatives(img *librbd.Image, d *Details) (err error) {
	defer func() {
		if e := img.SetSnapshot(librbd.NoSnapshot); e != nil {
			err = errors.Join(err, fmt.Errorf("leave the snapshots of %s: %w", d.Spec, e))
		}
	}()
	d.Children = map[uint64][]Child{}
	for _, s := range d.Snapshots {
		spec := d.Spec.WithSnapshot(s.Name)
		if err := img.SetSnapByID(s.ID); err != nil {
			return translate("open", spec, ErrSnapshotNotFound, err)
		}
		children, err := listChildren(img, spec)
		if err != nil {
			return err
		}
		for i := range children {
			// The last trace of a clone that is being removed.
			if c := &children[i]; c.Spec.Image == "" {
				c.Spec.Image = c.ID
			}
		}
		slices.SortFunc(children, compareChildren)
		d.Children[s.ID] = children
		if d.Parent == nil && d.SnapshotsParent == nil {
			if d.SnapshotsParent, err = cn.readParent(img, spec); err != nil {
				return err
			}
		}
	}
	return nil
}

func compareChildren(a, b Child) int {
	return cmp.Or(cmp.Compare(a.Spec.String(), b.Spec.String()), cmp.Compare(a.ID, b.ID))
}
