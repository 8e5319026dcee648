// SPDX-License-Identifier: MPL-2.0

// Package sysprep is the resource rbd_guest_sysprep.
package sysprep

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/sysprep"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var kind = report.NewKind("guest of RBD image", advice, guestresource.Advice)

var advice = []report.Advice{
	{Is: sysprep.ErrUnknown, Do: "`virt-sysprep --list-operations` lists them."},
}

// NewResource is rbd_guest_sysprep.
func NewResource() resource.Resource {
	return &guestresource.Resource[model, *model]{Type: "_guest_sysprep", Kind: kind, Action: "prepare the", Work: work{}}
}

// work is the preparation of a guest.
type work struct{}

// Plan plans whether virt-sysprep runs, and the revision.
func (work) Plan(ctx context.Context, p *guestresource.Planning[model]) {
	plan := &p.Plan
	if err := sysprep.CheckNames(ctx, plan.names()); err != nil {
		kind.AttributeError(p.Diagnostics(), path.Root("operations"), "plan a change of", plan.Image.ValueString(), err)
		return
	}
	var inputs any
	if guestresource.Known(ctx, plan.Operations, plan.Disabled, plan.Triggers) {
		inputs = plan.job(ctx, p.Diagnostics()).Inputs()
	}
	performed := p.State.Performed
	if p.Once(ctx, inputs) {
		performed = types.ListUnknown(types.StringType)
	}
	if !p.Diagnostics().HasError() {
		p.Set(ctx, map[string]attr.Value{"performed": performed})
	}
}

// Apply does nothing to the guest where only the image's name or the timeouts
// changed.
func (work) Apply(ctx context.Context, b guestoverlay.Backends, plan *model, _ tfsdk.Config, diags *diag.Diagnostics) error {
	if !plan.Performed.IsUnknown() {
		return nil
	}
	request, err := plan.request(ctx, diags)
	if err != nil || diags.HasError() {
		return err
	}
	done, err := sysprep.Do(ctx, b, request)
	if err != nil {
		return err
	}
	plan.set(ctx, done, diags)
	return nil
}

// Read finds nothing more: the work leaves no other trace.
func (work) Read(context.Context, guestoverlay.Backends, rbd.Image, *model, *diag.Diagnostics) {}
