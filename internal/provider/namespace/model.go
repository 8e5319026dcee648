// SPDX-License-Identifier: MPL-2.0

package namespace

import (
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Name      types.String   `tfsdk:"name"`
	Pool      types.String   `tfsdk:"pool"`
	OnDestroy types.String   `tfsdk:"on_destroy"`
	Spec      types.String   `tfsdk:"spec"`
	Timeouts  timeouts.Value `tfsdk:"timeouts"`
}

// place is the namespace as part of the specs of its images.
func (m model) place() rbd.Spec {
	return rbd.Spec{Pool: m.Pool.ValueString(), Namespace: m.Name.ValueString()}
}

func (m model) placeKnown() bool { return known(m.Name) && known(m.Pool) }

func known(s types.String) bool { return !s.IsNull() && !s.IsUnknown() }

// setRead is for a namespace that is there: that is all there is to read.
func (m *model) setRead() {
	m.Spec = types.StringValue(m.place().PoolSpec())
	if m.OnDestroy.IsNull() { // just imported
		m.OnDestroy = types.StringValue(ondestroy.Delete)
	}
}
