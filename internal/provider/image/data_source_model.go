// SPDX-License-Identifier: MPL-2.0

package image

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type dataModel struct {
	Spec            types.String        `tfsdk:"spec"`
	Used            types.Bool          `tfsdk:"used"`
	Name            types.String        `tfsdk:"name"`
	Pool            types.String        `tfsdk:"pool"`
	Namespace       types.String        `tfsdk:"namespace"`
	ImageID         types.String        `tfsdk:"image_id"`
	FSID            types.String        `tfsdk:"fsid"`
	Size            sizetype.Value      `tfsdk:"size"`
	SizeBytes       types.Int64         `tfsdk:"size_bytes"`
	UsedBytes       types.Int64         `tfsdk:"used_bytes"`
	ObjectSizeBytes types.Int64         `tfsdk:"object_size_bytes"`
	StripeUnitBytes types.Int64         `tfsdk:"stripe_unit_bytes"`
	StripeCount     types.Int64         `tfsdk:"stripe_count"`
	DataPool        types.String        `tfsdk:"data_pool"`
	BlockNamePrefix types.String        `tfsdk:"block_name_prefix"`
	Features        []string            `tfsdk:"features"`
	Parent          types.String        `tfsdk:"parent"`
	Snapshots       []dataSnapshotModel `tfsdk:"snapshots"`
	Metadata        map[string]string   `tfsdk:"metadata"`
	Conf            map[string]string   `tfsdk:"conf"`
	Watchers        []string            `tfsdk:"watchers"`
	CreatedAt       types.String        `tfsdk:"created_at"`
	ModifiedAt      types.String        `tfsdk:"modified_at"`
	AccessedAt      types.String        `tfsdk:"accessed_at"`
}

type dataSnapshotModel struct {
	Name        types.String `tfsdk:"name"`
	SnapshotID  types.Int64  `tfsdk:"snapshot_id"`
	Kind        types.String `tfsdk:"kind"`
	SizeBytes   types.Int64  `tfsdk:"size_bytes"`
	Protected   types.Bool   `tfsdk:"protected"`
	CreatedAt   types.String `tfsdk:"created_at"`
	LocationURL types.String `tfsdk:"location_url"`
}

func (m *dataModel) set(img rbd.Details) {
	m.Name = types.StringValue(img.Spec.Image)
	m.Pool = types.StringValue(img.Spec.Pool)
	m.Namespace = types.StringValue(img.Spec.Namespace)
	m.ImageID = types.StringValue(img.ID)
	m.FSID = types.StringValue(img.FSID)
	m.Size = sizetype.New(img.SizeBytes)
	m.SizeBytes = dataNumber(img.SizeBytes)
	if m.Used.ValueBool() {
		m.UsedBytes = dataNumber(img.UsedBytes)
	}
	m.ObjectSizeBytes = dataNumber(img.ObjectSizeBytes)
	m.StripeUnitBytes = dataNumber(img.StripeUnitBytes)
	m.StripeCount = dataNumber(img.StripeCount)
	m.DataPool = types.StringValue(img.DataPool)
	m.BlockNamePrefix = types.StringValue(img.BlockNamePrefix)
	m.Features = append([]string{}, img.Features...)
	m.Metadata = img.UserMetadata()
	m.Conf = img.Conf()
	m.Watchers = make([]string, len(img.Watchers))
	for i, w := range img.Watchers {
		m.Watchers[i] = w.String()
	}
	m.CreatedAt = dataTime(img.CreatedAt)
	m.ModifiedAt = dataTime(img.ModifiedAt)
	m.AccessedAt = dataTime(img.AccessedAt)
	if img.Parent != nil {
		m.Parent = types.StringValue(img.Parent.String())
	}
	m.Snapshots = make([]dataSnapshotModel, len(img.Snapshots))
	for i, s := range img.Snapshots {
		m.Snapshots[i] = dataSnapshotModel{
			Name:       types.StringValue(s.Name),
			SnapshotID: dataNumber(s.ID),
			Kind:       types.StringValue(string(s.Kind)),
			SizeBytes:  dataNumber(s.SizeBytes),
			Protected:  types.BoolValue(s.Protected),
			CreatedAt:  dataTime(s.CreatedAt),
		}
		if s.Kind == rbd.UserSnapshot {
			m.Snapshots[i].LocationURL = types.StringValue(rbd.LocationURL(img.FSID, img.Spec.WithSnapshot(s.Name)))
		}
	}
}

func dataNumber(n uint64) types.Int64 {
	return types.Int64Value(int64(n)) //nolint:gosec // sizes are signed in librbd, ids are counters
}

func dataTime(t time.Time) types.String { return types.StringValue(t.Format(time.RFC3339)) }
