// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// choice is the record that a registration makes, or goes on with.
type choice struct {
	imageID string
	// resumed: the record is there.
	resumed bool
	// noted: its ID is noted from before.
	noted bool
}

// choose decides about the ID of the record: one that an interrupted run for the
// same state has noted, the given one, or a new one. It also removes what is left
// of records that are proven gone.
func choose(ctx context.Context, d Deps, img rbd.Image, want entry, given string) (choice, error) {
	swept, err := sweep(ctx, d, img, "")
	if err != nil {
		return choice{}, err
	}
	all := entries(img)
	c, err := unfinished(ctx, d, img, want, given)
	switch _, taken := all[given]; {
	case err != nil || c.imageID != "":
		return c, err
	case given == "":
		return choice{imageID: glance.NewID()}, nil
	case taken && !swept[given]:
		return choice{}, fmt.Errorf("%w: %s has a note about image %q of another run", ErrTaken, img.Spec, given)
	}
	if _, err := d.Glance.Get(ctx, given); err == nil {
		return choice{}, fmt.Errorf("%w: image %q exists", ErrTaken, given)
	} else if !errors.Is(err, glance.ErrNotFound) {
		return choice{}, err
	}
	return choice{imageID: given}, nil
}

// unfinished is the record that is gone on with, if there is one. It warns about
// those that are not.
func unfinished(ctx context.Context, d Deps, img rbd.Image, want entry, given string) (c choice, err error) {
	all := entries(img)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		e := all[id]
		if _, done := finished.Load(id); e.State != statePending || done {
			continue
		}
		if c.imageID == "" && e.unfinishedIn(d, want, id, given) {
			gone, zombie, err := recordGone(ctx, d, id)
			if err != nil {
				return choice{}, err
			}
			if !zombie {
				c = choice{imageID: id, resumed: !gone, noted: true}
				continue
			}
		}
		if e.ProjectID == want.ProjectID {
			d.warn(Warning{Summary: "Unfinished registration", Detail: e.leftAlone(img, id)})
		}
	}
	return c, nil
}

// leftAlone is about a registration that is not taken up.
func (e entry) leftAlone(img rbd.Image, id string) string {
	where := ""
	if e.Glance != nil {
		where = " at " + e.Glance.String()
	}
	return fmt.Sprintf("A run that did not come to its end, for this state or another, has noted image %q (ID %s)%s for %s. Unless another run is at work on it now, "+
		"delete it with `openstack image set --deactivate %s` and `openstack image delete %s` as a user who is no admin, and remove %s with `rbd rm`.",
		e.Name, id, where, img.Spec, id, id, e.ref(img.Spec, id).Protector())
}

// Unfinished is the record that an interrupted run for this state was making of
// what is requested; empty where there is none. What can't be told yet, such as
// of an image that the same run makes, is none.
func Unfinished(ctx context.Context, d Deps, req Request) (imageID string, err error) {
	img, err := d.Ceph.Image(ctx, req.Snapshot)
	if err != nil {
		return "", nil //nolint:nilerr // made in the same run, or refused elsewhere
	}
	snap, err := img.Snapshot(req.Snapshot.Snapshot)
	if err != nil {
		return "", nil //nolint:nilerr // likewise
	}
	want, err := newEntry(ctx, d, req)
	if err != nil {
		return "", err
	}
	want.SnapshotID = snap.ID
	all := entries(img)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if all[id].unfinishedIn(d, want, id, req.ImageID) {
			return id, nil
		}
	}
	return "", nil
}
