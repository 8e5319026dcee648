// SPDX-License-Identifier: MPL-2.0

package sysprep

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/sysprep"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
)

type model struct {
	guestresource.Model

	Operations types.Set  `tfsdk:"operations"`
	Disabled   types.Set  `tfsdk:"disabled_operations"`
	Triggers   types.Map  `tfsdk:"triggers"`
	Performed  types.List `tfsdk:"performed"`
}

// request is what the plan asks of the image.
func (m *model) request(ctx context.Context, diags *diag.Diagnostics) (r sysprep.Request, err error) {
	r = sysprep.Request{Planned: m.Revision.ValueString(), Job: m.job(ctx, diags)}
	r.Image, err = m.Ref()
	return r, err
}

// set fills in what was done to the image.
func (m *model) set(ctx context.Context, done guestedit.Done, diags *diag.Diagnostics) {
	m.Set(done.Spec, done.ImageID, done.Revision)
	list, errs := types.ListValueFrom(ctx, types.StringType, done.Messages)
	diags.Append(errs...)
	m.Performed = list
}

// job is the configuration as plain Go.
func (m *model) job(ctx context.Context, diags *diag.Diagnostics) sysprep.Job {
	j := sysprep.Job{Operations: []string{sysprep.Defaults}, Triggers: map[string]string{}}
	if !m.Operations.IsNull() {
		j.Operations = nil
		diags.Append(m.Operations.ElementsAs(ctx, &j.Operations, false)...)
	}
	diags.Append(m.Disabled.ElementsAs(ctx, &j.Disabled, false)...)
	diags.Append(m.Triggers.ElementsAs(ctx, &j.Triggers, false)...)
	return j
}

// names are those of the operations that the configuration names, as far as they
// are known.
func (m *model) names() (names []string) {
	for _, set := range []types.Set{m.Operations, m.Disabled} {
		names = append(names, values.Strings(set.Elements())...)
	}
	return names
}
