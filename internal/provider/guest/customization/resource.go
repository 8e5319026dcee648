// Package customization is the resource rbd_guest_customization.
package customization

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

const program = "virt-customize"

var (
	_ resource.ResourceWithConfigure      = &customizationResource{}
	_ resource.ResourceWithModifyPlan     = &customizationResource{}
	_ resource.ResourceWithImportState    = &customizationResource{}
	_ resource.ResourceWithValidateConfig = &customizationResource{}
)

// virt-customize gives a guest whose machine id is empty one of its own, as some
// packages need one; all that is cloned from the image would have the same.
const (
	machineID       = "/etc/machine-id"
	filledMachineID = "Setting the machine ID in " + machineID
)

func init() {
	report.Advise(errLocal, "Look for a typing error, and whether this user may read it. The image was not changed.")
	report.Advise(errPackages, "Give those that the guest's own tool installs, all .deb or all .rpm.")
}

// NewResource is rbd_guest_customization.
func NewResource() resource.Resource {
	return &customizationResource{change.Base{Type: "_guest_customization", Noun: "guest of RBD image"}}
}

type customizationResource struct{ change.Base }

func (r *customizationResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if !slices.ContainsFunc(m.work(), func(v attr.Value) bool { return !v.IsNull() }) {
		resp.Diagnostics.AddError("Nothing to do", "Give at least one of the arguments that change the guest.")
	}
	if !m.Install.IsNull() && !m.Network.IsUnknown() && !m.Network.ValueBool() {
		resp.Diagnostics.AddAttributeError(path.Root("install"), "No network to install from", "Packages are installed by name with network = true only; packages takes local files.")
	}
	if m.known(ctx) {
		if _, err := m.job(ctx, &resp.Diagnostics).packageKind(); err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("packages"), "Invalid packages", report.Detail(err))
		}
	}
}

func (r *customizationResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return // nothing is done to the guest
	}
	var plan, state model
	var before *change.Subject
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		before = state.subject()
	}
	if resp.Diagnostics.HasError() {
		return
	}
	var inputs any
	if plan.known(ctx) {
		var err error
		inputs, err = plan.job(ctx, &resp.Diagnostics).inputs()
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // which may be made in this run
			report.Error(&resp.Diagnostics, "plan a change of", r.Noun, plan.Image.ValueString(), err)
			return
		}
	}
	runs, _ := r.PlanRun(ctx, before, plan.subject(), state.Revision, inputs, resp)
	if resp.Diagnostics.HasError() {
		return
	}
	messages := state.Messages
	if runs {
		messages = types.ListUnknown(types.StringType)
	}
	change.SetPlan(ctx, resp, map[string]attr.Value{"messages": messages})
}

func (r *customizationResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if ok && r.run(ctx, &plan, req.Config, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

// Update does nothing to the guest where only the image's name or the timeouts
// changed.
func (r *customizationResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if ok && (!plan.Messages.IsUnknown() || r.run(ctx, &plan, req.Config, &resp.Diagnostics)) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

func (r *customizationResource) run(ctx context.Context, plan *model, config tfsdk.Config, diags *diag.Diagnostics) bool {
	var password types.String
	diags.Append(config.GetAttribute(ctx, path.Root("root_password_wo"), &password)...)
	j := plan.job(ctx, diags)
	if diags.HasError() {
		return false
	}
	inputs, err := j.inputs()
	if err != nil {
		report.Error(diags, "customise the", r.Noun, plan.Image.ValueString(), err)
		return false
	}
	done, ok := r.RunOnce(ctx, *plan.subject(), plan.Revision, inputs, "customise the", func(ctx context.Context, o *change.Overlay) ([]string, error) {
		args, mark, err := j.arguments(o.Dir, password.ValueString())
		if err != nil {
			return nil, err
		}
		said, err := o.RunTool(ctx, r.Data.Guests, program, mark, args...)
		if err == nil && slices.Contains(said, filledMachineID) && !slices.Contains(slices.Concat(j.Delete, j.Truncate), machineID) {
			_, err = o.RunTool(ctx, r.Data.Guests, program, "", "--no-network", "--no-logfile", "--truncate", machineID)
		}
		return slices.DeleteFunc(said, func(m string) bool { return strings.HasPrefix(m, "Running: mark-") }), err
	}, diags)
	plan.Spec, plan.ImageID, plan.Revision, plan.Messages = done.Spec, done.ImageID, done.Revision, done.Messages
	return ok
}
