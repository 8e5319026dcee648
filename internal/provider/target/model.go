// SPDX-License-Identifier: MPL-2.0

// Package target is what resources that make an RBD image have in common: its
// name and place, its size, and what happens to it on destroy.
package target

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Model is embedded in the model of a resource that makes an image.
type Model struct {
	Name      types.String   `tfsdk:"name"`
	Pool      types.String   `tfsdk:"pool"`
	Namespace types.String   `tfsdk:"namespace"`
	Size      sizetype.Value `tfsdk:"size"`

	Features    types.Set      `tfsdk:"features"`
	ObjectSize  sizetype.Value `tfsdk:"object_size"`
	StripeUnit  sizetype.Value `tfsdk:"stripe_unit"`
	StripeCount types.Int64    `tfsdk:"stripe_count"`
	DataPool    types.String   `tfsdk:"data_pool"`
	Metadata    types.Map      `tfsdk:"metadata"`
	Conf        types.Map      `tfsdk:"conf"`

	OnDestroy  types.String       `tfsdk:"on_destroy"`
	TrashDelay durationtype.Value `tfsdk:"trash_delay"`
	Trashed    types.Bool         `tfsdk:"trashed"`

	Spec      types.String `tfsdk:"spec"`
	ImageID   types.String `tfsdk:"image_id"`
	SizeBytes types.Int64  `tfsdk:"size_bytes"`
	Revision  types.String `tfsdk:"revision"`

	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// Base is the part of a resource's model that is embedded in it.
func (m *Model) Base() *Model { return m }

// RBDSpec is the image's spec.
func (m Model) RBDSpec() rbd.Spec {
	return rbd.Spec{Pool: m.Pool.ValueString(), Namespace: m.Namespace.ValueString(), Image: m.Name.ValueString()}
}

// Pools are those that the image's data goes to, and what is known about it.
func (m Model) Pools() []string {
	pools := []string{m.Pool.ValueString()}
	if data := m.DataPool.ValueString(); data != "" {
		pools = append(pools, data)
	}
	return pools
}

// placeKnown tells whether the image's spec can be told.
func (m Model) placeKnown() bool {
	return known(m.Name) && known(m.Pool) && !m.Namespace.IsUnknown()
}

func known(s types.String) bool { return !s.IsNull() && !s.IsUnknown() }

// withDefaults puts the provider's pool and namespace where none is configured. An
// unknown one is neither: it may turn out to be anything.
func (m *Model) withDefaults(d *providerdata.Data, pool, namespace types.String) {
	if d == nil || d.Unknown {
		return
	}
	if m.Pool.IsUnknown() && pool.IsNull() && d.Pool != "" {
		m.Pool = types.StringValue(d.Pool)
	}
	if m.Namespace.IsUnknown() && namespace.IsNull() {
		m.Namespace = types.StringValue(d.Namespace)
	}
}

// SetRead puts what was read into the model. The size keeps its wording as
// long as it means the same.
func (m *Model) SetRead(img rbd.Image) {
	m.Name = types.StringValue(img.Spec.Image)
	m.Pool = types.StringValue(img.Spec.Pool)
	m.Namespace = types.StringValue(img.Spec.Namespace)
	m.Spec = types.StringValue(img.Spec.String())
	m.ImageID = types.StringValue(img.ID)
	m.SizeBytes = types.Int64Value(int64(img.SizeBytes)) //nolint:gosec // librbd's sizes are signed 64 bit
	// The RBD image id is new for every image that is made, and stays with it.
	m.Revision = types.StringValue(img.ID)
	m.Size = sameSizeOr(m.Size, img.SizeBytes)
	m.Features = stringSet(rbd.SettableFeatures(img.Features))
	m.ObjectSize = sizeOr(m.ObjectSize, img.ObjectSizeBytes)
	m.StripeUnit = sizeOr(m.StripeUnit, img.StripeUnitBytes)
	m.StripeCount = types.Int64Value(int64(img.StripeCount)) //nolint:gosec // small
	m.DataPool = types.StringValue(img.DataPool)
	m.Metadata = managed(m.Metadata, img.UserMetadata())
	m.Conf = managed(m.Conf, img.Conf())
	m.Trashed = types.BoolValue(img.Trash != nil)
	if !known(m.OnDestroy) {
		m.OnDestroy = types.StringValue(ondestroy.Delete)
	}
	if !m.TrashDelay.Known() {
		m.TrashDelay = durationtype.New(defaultTrashDelay)
	}
}

// sameSizeOr is sizeOr for a size that may be left out.
func sameSizeOr(was sizetype.Value, n uint64) sizetype.Value {
	if was.IsNull() {
		return was
	}
	return sizeOr(was, n)
}

// sizeOr keeps the wording as long as it means the same.
func sizeOr(was sizetype.Value, n uint64) sizetype.Value {
	if was.Known() && was.Amount() == n {
		return was
	}
	return sizetype.New(n)
}

func stringSet(all []string) types.Set {
	values := make([]attr.Value, len(all))
	for i, s := range all {
		values[i] = types.StringValue(s)
	}
	return types.SetValueMust(types.StringType, values)
}

// managed are those entries that was has, as they are now. All others are other
// people's.
func managed(was types.Map, now map[string]string) types.Map {
	if was.IsNull() || was.IsUnknown() {
		return types.MapNull(types.StringType)
	}
	values := map[string]attr.Value{}
	for k := range was.Elements() {
		if v, ok := now[k]; ok {
			values[k] = types.StringValue(v)
		}
	}
	return types.MapValueMust(types.StringType, values)
}

// FeatureNames are the features, sorted; nil where they are not known.
func (m Model) FeatureNames() []string {
	if m.Features.IsNull() || m.Features.IsUnknown() {
		return nil
	}
	out := []string{}
	for _, v := range m.Features.Elements() {
		s, ok := v.(types.String)
		if !ok || s.IsUnknown() {
			return nil
		}
		out = append(out, s.ValueString())
	}
	slices.Sort(out)
	return out
}

// Layout is how the image is to be made.
func (m Model) Layout() rbd.Layout {
	return rbd.Layout{
		SizeBytes:       m.Size.Amount(),
		Features:        m.FeatureNames(),
		ObjectSizeBytes: m.ObjectSize.Amount(),
		StripeUnitBytes: m.StripeUnit.Amount(),
		StripeCount:     uint64(m.StripeCount.ValueInt64()), //nolint:gosec // validated
		DataPool:        m.DataPool.ValueString(),
		Metadata:        rbd.MetadataEntries(values.Map(m.Metadata.Elements()), values.Map(m.Conf.Elements())),
	}
}

// Settled tells whether all arguments of the model are known, so that Token is
// what it will be when the image is made.
func (m Model) Settled() bool {
	if !m.placeKnown() || m.Size.IsUnknown() {
		return false
	}
	for _, all := range []types.Map{m.Metadata, m.Conf} {
		for _, v := range all.Elements() {
			if v.IsUnknown() {
				return false
			}
		}
		if all.IsUnknown() {
			return false
		}
	}
	return true
}

// Token tells a creation apart from others, so that a run that was interrupted
// before it wrote its state finds its own image again, and no other's. parts are
// what the image is made of beyond Model.
func (m Model) Token(kind string, parts ...any) string {
	b, err := json.Marshal(append([]any{kind, m.RBDSpec().String(), m.Layout()}, parts...))
	if err != nil {
		panic(fmt.Sprintf("token of plain values: %v", err))
	}
	sum := sha256.Sum256(b)
	return kind + ":" + hex.EncodeToString(sum[:16])
}
