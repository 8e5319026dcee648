// SPDX-License-Identifier: MPL-2.0

package guestresource

import (
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Model is embedded in the model of a resource that changes a guest.
type Model struct {
	Image    types.String   `tfsdk:"image"`
	Spec     types.String   `tfsdk:"spec"`
	ImageID  types.String   `tfsdk:"image_id"`
	Revision types.String   `tfsdk:"revision"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// pointer is the pointer to a model which embeds Model.
type pointer[M any] interface {
	*M
	shared() *Model
}

func (m *Model) shared() *Model { return m }

// Ref names the image of the plan for an operation.
//
// Errors: those of rbd.ParseSpec.
func (m *Model) Ref() (guestedit.ImageRef, error) {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	return guestedit.ImageRef{Spec: spec, ID: m.ImageID.ValueString()}, err
}

// Set fills in which image an operation has changed, and to what revision.
func (m *Model) Set(spec rbd.Spec, imageID, revision string) {
	m.Spec, m.ImageID, m.Revision = types.StringValue(spec.String()), types.StringValue(imageID), types.StringValue(revision)
}
