package snapshot

import (
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Image     types.String `tfsdk:"image"`
	Name      types.String `tfsdk:"name"`
	Protected types.Bool   `tfsdk:"protected"`
	OnDestroy types.String `tfsdk:"on_destroy"`

	Spec        types.String   `tfsdk:"spec"`
	ImageID     types.String   `tfsdk:"image_id"`
	SnapshotID  types.Int64    `tfsdk:"snapshot_id"`
	SizeBytes   types.Int64    `tfsdk:"size_bytes"`
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

func (m *model) setRead(img rbd.Image, s rbd.Snapshot) {
	spec := img.Spec.WithSnapshot(s.Name)
	m.Image = types.StringValue(img.Spec.String())
	m.Name = types.StringValue(s.Name)
	m.Protected = types.BoolValue(s.Protected)
	m.Spec = types.StringValue(spec.String())
	m.ImageID = types.StringValue(img.ID)
	m.SnapshotID = types.Int64Value(int64(s.ID))       //nolint:gosec // a counter
	m.SizeBytes = types.Int64Value(int64(s.SizeBytes)) //nolint:gosec // signed in librbd
	m.LocationURL = types.StringValue(rbd.LocationURL(img.FSID, spec))
	if m.OnDestroy.IsNull() { // just imported
		m.OnDestroy = types.StringValue(onDestroyDelete)
	}
}
