// Package target is what resources that make an RBD image have in common: its
// name and place, its size, and what happens to it on destroy.
package target

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// What happens to the image when the resource is destroyed.
const (
	OnDestroyDelete = "delete"
	OnDestroyRetain = "retain"
)

// Model is embedded in the model of a resource that makes an image.
type Model struct {
	Name      types.String   `tfsdk:"name"`
	Pool      types.String   `tfsdk:"pool"`
	Namespace types.String   `tfsdk:"namespace"`
	Size      sizetype.Value `tfsdk:"size"`
	OnDestroy types.String   `tfsdk:"on_destroy"`

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

// placeKnown tells whether the image's spec can be told.
func (m Model) placeKnown() bool {
	return known(m.Name) && known(m.Pool) && !m.Namespace.IsUnknown()
}

func known(s types.String) bool { return !s.IsNull() && !s.IsUnknown() }

// withDefaults puts the provider's pool and namespace where none is given.
func (m *Model) withDefaults(d *providerdata.Data) {
	if d == nil {
		return
	}
	if m.Pool.IsUnknown() && d.Pool != "" {
		m.Pool = types.StringValue(d.Pool)
	}
	if m.Namespace.IsUnknown() {
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
	if m.Size.Known() && m.Size.Bytes() != img.SizeBytes {
		m.Size = sizetype.New(img.SizeBytes)
	}
	if !known(m.OnDestroy) {
		m.OnDestroy = types.StringValue(OnDestroyDelete)
	}
}

// Token tells a creation apart from others, so that a run that was interrupted
// before it wrote its state finds its own image again, and no other's.
func Token(kind string, spec rbd.Spec, parts ...any) string {
	b, err := json.Marshal(append([]any{kind, spec.String()}, parts...))
	if err != nil {
		panic(fmt.Sprintf("token of plain values: %v", err))
	}
	sum := sha256.Sum256(b)
	return kind + ":" + hex.EncodeToString(sum[:16])
}
