// SPDX-License-Identifier: MPL-2.0

// Package customization is the resource rbd_guest_customization.
package customization

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/customization"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var kind = report.NewKind("guest of RBD image", advice, guestresource.Advice)

var advice = []report.Advice{
	{Is: customization.ErrLocal, Do: "Look for a typing error, and whether this user may read it. The image was not changed."},
	{Is: customization.ErrPackages, Do: "Give those that the guest's own tool installs, all .deb or all .rpm."},
}

var _ resource.ResourceWithValidateConfig = &customizationResource{}

// NewResource is rbd_guest_customization.
func NewResource() resource.Resource {
	return &customizationResource{guestresource.Resource[model, *model]{
		Type: "_guest_customization", Kind: kind, Action: "customise the", Work: work{},
	}}
}

type customizationResource struct {
	guestresource.Resource[model, *model]
}

func (r *customizationResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m model
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	if !slices.ContainsFunc(m.work(), func(v attr.Value) bool { return !v.IsNull() }) {
		resp.Diagnostics.AddAttributeError(path.Root("run"), "Nothing to do",
			"Give at least one of the arguments that change the guest, run = [\"systemctl enable chrony\"] for example.")
	}
	if !m.Install.IsNull() && !m.Network.IsUnknown() && !m.Network.ValueBool() {
		resp.Diagnostics.AddAttributeError(path.Root("install"), "No network to install from", "Packages are installed by name with network = true only; packages takes local files.")
	}
	if m.known(ctx) {
		if _, err := m.job(ctx, &resp.Diagnostics).PackageKind(); err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("packages"), "Invalid packages", kind.Detail(err))
		}
	}
}

// work is the customization of a guest.
type work struct{}

// Plan plans whether virt-customize runs, and the revision.
func (work) Plan(ctx context.Context, p *guestresource.Planning[model]) {
	var inputs any
	if p.Plan.known(ctx) {
		var err error
		inputs, err = p.Plan.job(ctx, p.Diagnostics()).Inputs()
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // which may be made in this run
			kind.AttributeError(p.Diagnostics(), path.Root(customization.LocalArgument(err)), "plan a change of", p.Plan.Image.ValueString(), err)
			return
		}
	}
	messages := p.State.Messages
	if p.Once(ctx, inputs) {
		messages = types.ListUnknown(types.StringType)
	}
	if !p.Diagnostics().HasError() {
		p.Set(ctx, map[string]attr.Value{"messages": messages})
	}
}

// Apply does nothing to the guest where only the image's name or the timeouts
// changed.
func (work) Apply(ctx context.Context, b guestoverlay.Backends, plan *model, config tfsdk.Config, diags *diag.Diagnostics) error {
	if !plan.Messages.IsUnknown() {
		return nil
	}
	var password types.String
	diags.Append(config.GetAttribute(ctx, path.Root("root_password_wo"), &password)...)
	request, err := plan.request(ctx, password, diags)
	if err != nil || diags.HasError() {
		return err
	}
	done, err := customization.Do(ctx, b, request)
	if err != nil {
		return err
	}
	plan.set(ctx, done, diags)
	return nil
}

// Read finds nothing more: the work leaves no other trace.
func (work) Read(context.Context, guestoverlay.Backends, rbd.Image, *model, *diag.Diagnostics) {}
