// SPDX-License-Identifier: MPL-2.0

package snapshot

import (
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Image     types.String `tfsdk:"image"`
	Name      types.String `tfsdk:"name"`
	Protected types.Bool   `tfsdk:"protected"`
	OnDestroy types.String `tfsdk:"on_destroy"`

	OnNameChange    types.String `tfsdk:"on_name_change"`
	FlattenChildren types.Bool   `tfsdk:"flatten_children_on_destroy"`

	Spec        types.String   `tfsdk:"spec"`
	ImageID     types.String   `tfsdk:"image_id"`
	SnapshotID  types.Int64    `tfsdk:"snapshot_id"`
	SizeBytes   types.Int64    `tfsdk:"size_bytes"`
	Children    types.List     `tfsdk:"children"`
	LocationURL types.String   `tfsdk:"location_url"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`
}

// rbdSpec is the snapshot's spec. Both parts were validated with the
// configuration.
func (m model) rbdSpec() (rbd.Spec, error) {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	return spec.WithSnapshot(m.Name.ValueString()), err
}

func (m model) specKnown() bool {
	return !m.Image.IsUnknown() && !m.Name.IsUnknown()
}

// snapshotID is 0 where it is not known, as after an import.
func (m model) snapshotID() uint64 {
	return uint64(m.SnapshotID.ValueInt64()) //nolint:gosec // it came from a uint64
}

func (m *model) setRead(img rbd.Image, s rbd.Snapshot, children []rbd.Child) {
	spec := img.Spec.WithSnapshot(s.Name)
	m.Image = types.StringValue(img.Spec.String())
	m.Name = types.StringValue(s.Name)
	m.Protected = types.BoolValue(s.Protected)
	m.Spec = types.StringValue(spec.String())
	m.ImageID = types.StringValue(img.ID)
	m.SnapshotID = types.Int64Value(int64(s.ID))       //nolint:gosec // a counter
	m.SizeBytes = types.Int64Value(int64(s.SizeBytes)) //nolint:gosec // signed in librbd
	m.LocationURL = types.StringValue(rbd.LocationURL(img.FSID, spec))
	clones := make([]attr.Value, len(children))
	for i, c := range children {
		clones[i] = types.StringValue(c.String())
	}
	m.Children = types.ListValueMust(types.StringType, clones)
	if m.OnDestroy.IsNull() { // just imported, or by a version that had less
		m.OnDestroy = types.StringValue(ondestroy.Delete)
	}
	if m.OnNameChange.IsNull() {
		m.OnNameChange = types.StringValue(onNameChangeReplace)
	}
	if m.FlattenChildren.IsNull() {
		m.FlattenChildren = types.BoolValue(false)
	}
}
