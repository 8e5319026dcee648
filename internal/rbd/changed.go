// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// ChangedBetween lists the parts in which two snapshots of one image may differ, in
// order, by their objects: `rbd diff --whole-object --from-snap`. known is false
// where the readers are not of two snapshots of one image, and nothing is known.
//
// Errors: ErrSnapshotNotFound, and that of ctx.
func ChangedBetween(ctx context.Context, a, b *Reader) (changed []Extent, known bool, err error) {
	ids := [2]snapshotIdentity{}
	for i, r := range []*Reader{a, b} {
		if ids[i], err = r.identity(); err != nil {
			return nil, false, err
		}
	}
	switch {
	case ids[0].image != ids[1].image || a.h.spec.ImageSpec() != b.h.spec.ImageSpec():
		return nil, false, nil
	case ids[0] == ids[1]:
		return nil, true, nil
	case ids[0].snapshot > ids[1].snapshot:
		a, b = b, a
	}
	err = b.h.call(func(*librbd.Image) error {
		changed, err = blockio.Changed(ctx, b.h.versioned(), a.h.spec.Snapshot, b.size)
		return err
	})
	return changed, err == nil, err
}

type snapshotIdentity struct {
	image    string
	snapshot uint64 // later ones have larger ones
}

func (r *Reader) identity() (s snapshotIdentity, err error) {
	err = r.h.call(func(img *librbd.Image) error {
		var errs [2]error
		s.image, errs[0] = img.GetId()
		if r.h.spec.Snapshot != "" {
			s.snapshot, errs[1] = img.GetSnapID(r.h.spec.Snapshot)
			errs[1] = translate("open", r.h.spec, ErrSnapshotNotFound, errs[1])
		}
		if err := errors.Join(errs[:]...); err != nil {
			return fmt.Errorf("read %s: %w", r.h.spec, err)
		}
		return nil
	})
	return s, err
}
