// SPDX-License-Identifier: MPL-2.0

package snapshots

import (
	"cmp"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/nameregex"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Image     types.String    `tfsdk:"image"`
	NameRegex types.String    `tfsdk:"name_regex"`
	Snapshots []snapshotModel `tfsdk:"snapshots"`
}

type snapshotModel struct {
	Name        types.String `tfsdk:"name"`
	Spec        types.String `tfsdk:"spec"`
	SnapshotID  types.Int64  `tfsdk:"snapshot_id"`
	Kind        types.String `tfsdk:"kind"`
	SizeBytes   types.Int64  `tfsdk:"size_bytes"`
	Protected   types.Bool   `tfsdk:"protected"`
	CreatedAt   types.String `tfsdk:"created_at"`
	LocationURL types.String `tfsdk:"location_url"`
	Children    []string     `tfsdk:"children"`
	Managed     types.Bool   `tfsdk:"managed"`
}

func (m *model) set(img rbd.Details) error {
	match, err := nameregex.Matcher(m.NameRegex)
	if err != nil {
		return err
	}
	m.Snapshots = make([]snapshotModel, 0, len(img.Snapshots))
	for _, s := range slices.SortedFunc(slices.Values(img.Snapshots), func(a, b rbd.Snapshot) int { return cmp.Compare(a.ID, b.ID) }) {
		if match == nil || match(s.Name) {
			m.Snapshots = append(m.Snapshots, newSnapshot(img, s))
		}
	}
	return nil
}

func newSnapshot(img rbd.Details, s rbd.Snapshot) snapshotModel {
	out := snapshotModel{
		Name:        types.StringValue(s.Name),
		Spec:        types.StringNull(),
		SnapshotID:  types.Int64Value(int64(s.ID)), //nolint:gosec // a counter
		Kind:        types.StringValue(string(s.Kind)),
		SizeBytes:   types.Int64Value(int64(s.SizeBytes)), //nolint:gosec // signed in librbd
		Protected:   types.BoolValue(s.Protected),
		CreatedAt:   types.StringValue(s.CreatedAt.Format(time.RFC3339)),
		LocationURL: types.StringNull(),
		Children:    make([]string, 0, len(img.Children[s.ID])),
		Managed:     types.BoolValue(false),
	}
	for _, c := range img.Children[s.ID] {
		out.Children = append(out.Children, c.Spec.String())
	}
	if s.Kind == rbd.UserSnapshot {
		spec := img.Spec.WithSnapshot(s.Name)
		out.Spec = types.StringValue(spec.String())
		out.LocationURL = types.StringValue(rbd.LocationURL(img.FSID, spec))
		// The mark goes by the name, which another snapshot may have by now.
		out.Managed = types.BoolValue(img.OwnsSnapshot(s.Name))
	}
	return out
}
