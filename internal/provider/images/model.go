// SPDX-License-Identifier: MPL-2.0

package images

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/nameregex"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Pool      types.String `tfsdk:"pool"`
	Namespace types.String `tfsdk:"namespace"`
	NameRegex types.String `tfsdk:"name_regex"`
	Trash     types.Bool   `tfsdk:"trash"`
	Used      types.Bool   `tfsdk:"used"`
	Images    []imageModel `tfsdk:"images"`
}

type imageModel struct {
	Spec            types.String `tfsdk:"spec"`
	Name            types.String `tfsdk:"name"`
	ImageID         types.String `tfsdk:"image_id"`
	SizeBytes       types.Int64  `tfsdk:"size_bytes"`
	UsedBytes       types.Int64  `tfsdk:"used_bytes"`
	ObjectSizeBytes types.Int64  `tfsdk:"object_size_bytes"`
	Features        []string     `tfsdk:"features"`
	Parent          types.String `tfsdk:"parent"`
	SnapshotCount   types.Int64  `tfsdk:"snapshot_count"`
	DataPool        types.String `tfsdk:"data_pool"`
	Managed         types.Bool   `tfsdk:"managed"`
	Trashed         types.Bool   `tfsdk:"trashed"`
	CreatedAt       types.String `tfsdk:"created_at"`
	ModifiedAt      types.String `tfsdk:"modified_at"`
	AccessedAt      types.String `tfsdk:"accessed_at"`
}

func (m *model) withDefaults(pool, namespace string) {
	if m.Pool.IsNull() {
		m.Pool = types.StringValue(pool)
	}
	if m.Namespace.IsNull() {
		m.Namespace = types.StringValue(namespace)
	}
}

func (m *model) listing() (rbd.Listing, error) {
	match, err := nameregex.Matcher(m.NameRegex)
	l := rbd.Listing{Pool: m.Pool.ValueString(), Namespace: m.Namespace.ValueString(), Match: match, Trash: m.Trash.ValueBool()}
	if m.Used.ValueBool() {
		l.What = rbd.ReadUsed
	}
	return l, err
}

func (m *model) set(found []rbd.Details) {
	m.Images = make([]imageModel, len(found))
	for i, d := range found {
		m.Images[i] = imageModel{
			Spec:            types.StringValue(d.Spec.String()),
			Name:            types.StringValue(d.Spec.Image),
			ImageID:         types.StringValue(d.ID),
			SizeBytes:       number(d.SizeBytes),
			UsedBytes:       types.Int64Null(),
			ObjectSizeBytes: number(d.ObjectSizeBytes),
			Features:        append([]string{}, d.Features...),
			Parent:          types.StringNull(),
			SnapshotCount:   number(uint64(len(d.Snapshots))),
			DataPool:        types.StringValue(d.DataPool),
			Managed:         types.BoolValue(d.Held()),
			Trashed:         types.BoolValue(d.Trash != nil),
			CreatedAt:       timestamp(d.CreatedAt),
			ModifiedAt:      timestamp(d.ModifiedAt),
			AccessedAt:      timestamp(d.AccessedAt),
		}
		if d.Parent != nil {
			m.Images[i].Parent = types.StringValue(d.Parent.Spec.String())
		}
		if m.Used.ValueBool() {
			m.Images[i].UsedBytes = number(d.UsedBytes)
		}
	}
}

func number(n uint64) types.Int64 {
	return types.Int64Value(int64(n)) //nolint:gosec // sizes are signed in librbd
}

func timestamp(t time.Time) types.String { return types.StringValue(t.Format(time.RFC3339)) }
