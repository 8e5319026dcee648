// SPDX-License-Identifier: MPL-2.0

package image

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// errNoLayering is librbd's own rule.
var errNoLayering = errors.New("a clone needs the feature layering")

// ValidateConfig checks what no attribute can tell alone.
func (r *imageResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	if resp.Diagnostics.Append(req.Config.Get(ctx, &config)...); resp.Diagnostics.HasError() {
		return
	}
	config.Validate(&resp.Diagnostics)
	if config.Size.IsNull() && config.Parent.IsNull() {
		resp.Diagnostics.AddAttributeError(path.Root("size"), "No size", "An image needs a size, unless it is a clone and has that of its parent.")
	}
	if config.Parent.IsNull() && config.Flatten.ValueBool() {
		resp.Diagnostics.AddAttributeError(path.Root("flatten"), "Nothing to flatten", "Only a clone is flattened: flatten needs parent.")
	}
}

func (r *imageResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	p := target.Planner{Data: r.data, Kind: kind}
	state, plan, ok := target.Begin[model](ctx, &p, req, resp)
	if !ok {
		return
	}
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.planParent(ctx, state, plan, config, resp)
	if resp.Diagnostics.HasError() {
		return
	}
	p.Model, p.AllowShrink = plan.Model, plan.AllowShrink.ValueBool()
	p.Replacing = state != nil && !state.CloneFormat.IsNull() && !config.CloneFormat.IsNull() && !state.CloneFormat.Equal(plan.CloneFormat)
	if plan.settled() {
		p.Token = plan.token()
	}
	p.ModifyPlan(ctx, req, resp)
}

// planParent decides what a change of parent and flatten means: only another
// snapshot, or a clone that is none any more, means a new image.
func (r *imageResource) planParent(ctx context.Context, state, plan *model, config model, resp *resource.ModifyPlanResponse) {
	if config.Parent.IsNull() { // whatever it is a clone of is not managed
		plan.Parent = types.StringNull()
		if state != nil && !state.Flatten.ValueBool() {
			plan.Parent = state.Parent
		}
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("parent"), plan.Parent)...)
	if !config.Parent.IsNull() {
		if f := plan.Model.FeatureNames(); f != nil && !slices.Contains(f, "layering") {
			resp.Diagnostics.AddAttributeError(path.Root("features"), kind.Unable("plan", plan.Name.ValueString()), kind.Detail(errNoLayering))
			return
		}
		if why := r.newClone(ctx, state, *plan, &resp.Diagnostics); why != "" {
			resp.RequiresReplace = append(resp.RequiresReplace, path.Root(why))
		}
	}
	if config.Parent.IsNull() || !r.data.CanAsk() || resp.Diagnostics.HasError() || state != nil && len(resp.RequiresReplace) == 0 {
		return
	}
	size, err := r.checkParent(ctx, *plan, &resp.Diagnostics)
	if err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("parent"), "plan", plan.Name.ValueString(), err)
		return
	}
	if size == nil {
		return
	}
	if config.Size.IsNull() {
		plan.Size = sizetype.New(*size)
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("size"), plan.Size)...)
	}
	if plan.Size.Known() && plan.Size.Amount() < *size && !plan.AllowShrink.ValueBool() {
		kind.AttributeError(&resp.Diagnostics, path.Root("size"), "plan", plan.Name.ValueString(),
			fmt.Errorf("%w: its parent has %d bytes, size says %s", rbd.ErrShrink, *size, plan.Size.ValueString()))
	}
}

// newClone names the attribute that asks for a new clone, empty where the image
// that is there will do.
func (r *imageResource) newClone(ctx context.Context, state *model, plan model, diags *diag.Diagnostics) string {
	switch {
	case state == nil:
		return ""
	case plan.Parent.IsUnknown():
		return "parent" // one that is still to be made
	case state.Parent.IsNull() && !plan.Flatten.ValueBool():
		diags.AddAttributeWarning(path.Root("parent"), "Not a clone any more", fmt.Sprintf(
			"%s %q does not depend on a parent: it was flattened, or never was a clone. This plan makes a new clone in its place, and what was written to the image is lost. "+
				"To keep it as it is, set flatten = true, or take parent out.", kind, state.RBDSpec()))
		return "parent"
	case state.Parent.IsNull():
		return ""
	case !state.Parent.Equal(plan.Parent) && !r.sameParent(ctx, state, plan, diags):
		return "parent"
	case state.Flatten.ValueBool() && !plan.Flatten.IsUnknown() && !plan.Flatten.ValueBool():
		diags.AddAttributeWarning(path.Root("flatten"), "A flattened image is no clone again", fmt.Sprintf(
			"%s %q was flattened. This plan makes a new clone in its place, and what was written to the image is lost.", kind, state.RBDSpec()))
		return "flatten"
	}
	return ""
}

// sameParent tells whether another spec is another name of the snapshot that
// the image depends on, now or when this plan was carried out.
func (r *imageResource) sameParent(ctx context.Context, state *model, plan model, diags *diag.Diagnostics) bool {
	if !r.data.CanAsk() {
		return false
	}
	fail := func(err error) bool {
		kind.AttributeError(diags, path.Root("parent"), "plan", plan.Name.ValueString(), err)
		return true
	}
	img, err := r.data.Ceph.FindImage(ctx, state.RBDSpec(), state.ImageID.ValueString())
	if err != nil {
		return fail(err)
	}
	spec, err := rbd.ParseSpec(plan.Parent.ValueString())
	if err != nil {
		return fail(err)
	}
	if id, ok := r.data.Planned.Find(spec); ok {
		return img.Parent.Is(id.ImageID, id.SnapshotID)
	}
	parent, err := r.data.Ceph.Image(ctx, spec)
	var s rbd.Snapshot
	if err == nil {
		s, err = parent.Snapshot(spec.Snapshot)
	}
	if rbd.IsNotFound(err) { // a name that it will get back in the same run?
		if id, ok := r.data.Planned.Await(ctx, spec); ok {
			return img.Parent.Is(id.ImageID, id.SnapshotID)
		}
	}
	if err != nil {
		return fail(err)
	}
	return img.Parent.Is(parent.ID, s.ID)
}

// checkParent refuses a parent that can't be cloned, and tells its size, nil
// where that is not known yet.
func (r *imageResource) checkParent(ctx context.Context, plan model, diags *diag.Diagnostics) (*uint64, error) {
	if plan.Parent.IsUnknown() {
		return nil, nil //nolint:nilnil // not known yet
	}
	spec, err := rbd.ParseSpec(plan.Parent.ValueString())
	if err != nil {
		return nil, err
	}
	if !plan.CloneFormat.IsUnknown() && !plan.Namespace.IsUnknown() {
		if err := r.data.Ceph.CheckClone(ctx, plan.RBDSpec(), spec, plan.cloneFormat()); err != nil {
			return nil, err
		}
	}
	parent, err := r.data.Ceph.Image(ctx, spec)
	var s rbd.Snapshot
	if err == nil {
		s, err = parent.Snapshot(spec.Snapshot)
	}
	if _, ok := r.data.Planned.Find(spec); ok && rbd.IsNotFound(err) || err == nil && r.data.Planned.Anew(spec, parent.ID, s.ID) {
		return nil, nil //nolint:nilnil // made in this run
	}
	if err != nil {
		return nil, err
	}
	if s.Protected || plan.CloneFormat.IsUnknown() {
		return &s.SizeBytes, nil
	}
	format, err := r.data.Ceph.CloneFormat(ctx, plan.cloneFormat())
	if err != nil || format == 2 {
		return &s.SizeBytes, err
	}
	if !parent.OwnsSnapshot(s.Name) {
		return nil, fmt.Errorf("%w: %s: %w", rbd.ErrV1Parent, spec, rbd.ErrNotProtected)
	}
	// Its own resource may be about to protect it.
	diags.AddAttributeWarning(path.Root("parent"), "The parent is not protected",
		fmt.Sprintf("A v1 clone needs a protected parent, and %s is not protected now. Cloning fails unless it is by then.", spec))
	return &s.SizeBytes, nil
}
