// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

const shared = "shared"

// unshare ends the sharing with our members before the record is shared no
// longer: Glance lets nobody see or change them then, and shares with them
// again as soon as it is shared again.
func unshare(ctx context.Context, d Deps, rec *glance.Image, before, want Request) error {
	if rec.Visibility != shared || want.Visibility == shared || before.Members == nil {
		return nil
	}
	return d.Glance.SetMembers(ctx, rec.ID, nil)
}

func share(ctx context.Context, d Deps, id string, want Request) error {
	if want.Members == nil || want.Visibility != shared {
		return nil
	}
	return d.Glance.SetMembers(ctx, id, want.Members)
}

// readMembers are the projects that the record is shared with, and what they said;
// nil where it is not shared.
func readMembers(ctx context.Context, d Deps, rec *glance.Image) (map[string]string, error) {
	if rec.Visibility != shared {
		return nil, nil
	}
	now, err := d.Glance.Members(ctx, rec.ID)
	if err == nil && now == nil {
		now = map[string]string{}
	}
	return now, err
}
