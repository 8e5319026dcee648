// Package sysprep is the resource rbd_guest_sysprep.
package sysprep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

const program = "virt-sysprep"

var (
	_ resource.ResourceWithConfigure   = &sysprepResource{}
	_ resource.ResourceWithModifyPlan  = &sysprepResource{}
	_ resource.ResourceWithImportState = &sysprepResource{}
)

var errUnknown = errors.New("virt-sysprep has no such operation")

func init() {
	report.Advise(errUnknown, "`virt-sysprep --list-operations` lists them.")
}

// NewResource is rbd_guest_sysprep.
func NewResource() resource.Resource {
	return &sysprepResource{change.Base{Type: "_guest_sysprep", Noun: "guest of RBD image"}}
}

type sysprepResource struct{ change.Base }

func (r *sysprepResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if ok && r.run(ctx, &plan, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

// Update does nothing to the guest where only the image's name or the timeouts
// changed.
func (r *sysprepResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if ok && (!plan.Performed.IsUnknown() || r.run(ctx, &plan, &resp.Diagnostics)) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

func (r *sysprepResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
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
	if err := checkNames(ctx, plan); err != nil {
		report.AttributeError(&resp.Diagnostics, path.Root("operations"), "plan a change of", r.Noun, plan.Image.ValueString(), err)
		return
	}
	runs, _ := r.PlanRun(ctx, before, plan.subject(), state.Revision, plan.inputs(ctx, &resp.Diagnostics), resp)
	if resp.Diagnostics.HasError() {
		return
	}
	performed := state.Performed
	if runs {
		performed = types.ListUnknown(types.StringType)
	}
	change.SetPlan(ctx, resp, map[string]attr.Value{"performed": performed})
}

// checkNames refuses operations that do not exist. Where the program is not
// installed, as on a machine that only plans, the apply will say so.
func checkNames(ctx context.Context, m model) error {
	var names []string
	for _, set := range []types.Set{m.Operations, m.Disabled} {
		for _, v := range set.Elements() {
			if s, ok := v.(types.String); ok && !s.IsUnknown() && !s.IsNull() {
				names = append(names, s.ValueString())
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	all, err := guestfs.Operations(ctx)
	if errors.Is(err, command.ErrNotInstalled) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		if _, ok := all[n]; !ok && n != defaults {
			return fmt.Errorf("%w: %q; it has %s", errUnknown, n, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
		}
	}
	return nil
}

// performing is virt-sysprep's message when it begins an operation.
var performing = regexp.MustCompile(`^Performing "([^"]+)"`)

func (r *sysprepResource) run(ctx context.Context, plan *model, diags *diag.Diagnostics) bool {
	operations := plan.operations(ctx, diags)
	inputs := plan.inputs(ctx, diags)
	if diags.HasError() {
		return false
	}
	done, ok := r.RunOnce(ctx, *plan.subject(), plan.Revision, inputs, "prepare the", func(ctx context.Context, o *change.Overlay) (performed []string, err error) {
		messages, err := o.RunTool(ctx, r.Data.Guests, program, "", "--operations", operations, "--no-network")
		for _, m := range messages {
			if p := performing.FindStringSubmatch(m); p != nil {
				performed = append(performed, p[1])
			}
		}
		return performed, err
	}, diags)
	plan.Spec, plan.ImageID, plan.Revision, plan.Performed = done.Spec, done.ImageID, done.Revision, done.Messages
	return ok
}
