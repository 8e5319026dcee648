// SPDX-License-Identifier: MPL-2.0

package guestinspect

import (
	"context"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/snapshotcache"
)

// asked is the question whose answers are Findings. Its number changes with their
// fields, and with what is looked for.
const asked = "guest inspection 1, packages %t"

// keptOrFound are the findings in a snapshot, without an appliance where they were
// kept on this machine before.
func keptOrFound(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, packages bool, find func() (Findings, error)) (f Findings, err error) {
	img, err := b.Ceph.Image(ctx, spec.ImageSpec())
	if err != nil {
		return f, err
	}
	s, err := img.Snapshot(spec.Snapshot)
	if err != nil {
		return f, err
	}
	cache := snapshotcache.Open()
	q := snapshotcache.Question{FSID: img.FSID, Pool: spec.Pool, ImageID: img.ID, SnapshotID: s.ID, Asked: fmt.Sprintf(asked, packages)}
	if cache.Get(q, &f) {
		b.Debug(ctx, "the snapshot was inspected before", map[string]any{"snapshot": spec.String()})
		return f, nil
	}
	if f, err = find(); err != nil {
		return f, err
	}
	// It may have been renamed meanwhile, and another have its name: then who knows
	// which one was read.
	now, err := b.Ceph.Image(ctx, spec.ImageSpec())
	if err != nil || now.ID != img.ID {
		return f, nil //nolint:nilerr // what was found was found
	}
	if again, err := now.Snapshot(spec.Snapshot); err != nil || again.ID != s.ID {
		return f, nil //nolint:nilerr // as above
	}
	if err := cache.Put(q, f); err != nil {
		b.Debug(ctx, "the findings were not kept", map[string]any{"snapshot": spec.String(), "error": err.Error()})
	}
	return f, nil
}
