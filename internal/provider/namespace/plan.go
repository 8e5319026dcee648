// SPDX-License-Identifier: MPL-2.0

package namespace

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ModifyPlan fills in what is already known and refuses what can't succeed.
func (r *namespaceResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var plan, state model
	creating, destroying := req.State.Raw.IsNull(), req.Plan.Raw.IsNull()
	if !creating {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if !destroying {
		resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
		r.planPool(ctx, req, &plan, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	var fsid string
	if r.data.CanAsk() {
		// Also while the name is not known yet: a wrong cluster stops here.
		var err error
		if fsid, err = r.data.Ceph.FSID(ctx); err == nil && !creating {
			err = r.data.CheckHome(ctx, req.Private, state.Pool.ValueString())
		}
		if err != nil {
			name := plan.Name.ValueString()
			if !creating {
				name = state.place().PoolSpec()
			}
			kind.Error(&resp.Diagnostics, "plan", name, err)
			return
		}
		if !creating {
			// A replacement is planned a second time, without the prior state.
			providerdata.NoteRefreshed(fsid, refreshedID(state))
		}
		if destroying || !creating && !(plan.Name.Equal(state.Name) && plan.Pool.Equal(state.Pool)) {
			r.checkDestroy(ctx, state, &resp.Diagnostics)
		}
	}
	if destroying {
		return
	}
	plan.Spec = types.StringUnknown()
	if plan.placeKnown() {
		plan.Spec = types.StringValue(plan.place().PoolSpec())
		if creating {
			r.claimName(ctx, nil, plan, req, resp)
		} else {
			r.claimName(ctx, &state, plan, req, resp)
		}
		if creating && r.data.CanAsk() && r.takesOver(ctx, plan, fsid, &resp.Diagnostics) {
			plan.Spec = types.StringUnknown()
		}
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("pool"), plan.Pool)...)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("spec"), plan.Spec)...)
}

// planPool puts the provider's pool where none is given.
func (r *namespaceResource) planPool(ctx context.Context, req resource.ModifyPlanRequest, plan *model, diags *diag.Diagnostics) {
	if !plan.Pool.IsUnknown() || !r.data.CanAsk() {
		return
	}
	var configured types.String
	diags.Append(req.Config.GetAttribute(ctx, path.Root("pool"), &configured)...)
	switch {
	case !configured.IsNull():
	case r.data.Pool != "":
		plan.Pool = types.StringValue(r.data.Pool)
	default:
		diags.AddAttributeError(path.Root("pool"), "No pool",
			"Neither this resource nor the provider's ceph argument names a pool. Set pool here, or a default pool there.")
	}
}

// refreshedID tells a namespace from images, which are noted by their ids.
func refreshedID(m model) string { return "namespace " + m.place().PoolSpec() }

// takesOver refuses a namespace that exists, unless this state has it, and tells
// whether it does: then it is about to be replaced, and whatever hangs on it must
// be planned anew. One that an unfinished run of this state made is taken up.
// Creating looks again, and strictly.
func (r *namespaceResource) takesOver(ctx context.Context, plan model, fsid string, diags *diag.Diagnostics) bool {
	place := plan.place()
	err := r.data.Ceph.CheckPool(ctx, place.Pool, place.Namespace)
	switch {
	case errors.Is(err, rbd.ErrNamespaceNotFound):
		r.data.Planned.Add(place, providerdata.PlannedID{})
		return false
	case err != nil:
		kind.AttributeError(diags, path.Root("pool"), "plan", place.PoolSpec(), err)
		return false
	case providerdata.WasRefreshed(fsid, refreshedID(plan)):
		return true
	}
	found, err := r.data.Ceph.CheckFreeNamespace(ctx, place.Pool, place.Namespace)
	switch {
	case err != nil:
		kind.AttributeError(diags, path.Root("name"), "plan", place.PoolSpec(), err)
	case found:
		diags.AddAttributeWarning(path.Root("name"), "An unfinished run is taken up", fmt.Sprintf(
			"%s %q was made by a run of this state that was cut off before it could write its state. This plan puts it into the state as it is.", kind, place.PoolSpec()))
	}
	return false
}

// claimName refuses two resources with one namespace.
func (r *namespaceResource) claimName(ctx context.Context, state *model, plan model, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.data == nil {
		return
	}
	had, diags := providerdata.Replaces(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	again := state == nil && had != ""
	if state != nil {
		had = state.place().PoolSpec()
		resp.Diagnostics.Append(providerdata.NoteReplaces(ctx, resp.Private, had)...)
	}
	place := plan.place()
	if err := r.data.Planned.Claim("namespace "+place.PoolSpec(), had, again); err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("name"), "plan", place.PoolSpec(), err)
	}
}

// checkDestroy refuses a namespace that is not empty, except for images that
// resources of this provider hold, since those go first. No refresh may have
// seen them yet.
func (r *namespaceResource) checkDestroy(ctx context.Context, state model, diags *diag.Diagnostics) {
	if state.OnDestroy.ValueString() == ondestroy.Retain {
		return
	}
	place := state.place()
	err := r.data.Ceph.CheckNamespaceEmpty(ctx, place.Pool, place.Namespace, rbd.Image.Ours)
	if err != nil && !rbd.IsNotFound(err) {
		kind.Error(diags, "delete", place.PoolSpec(), err)
	}
}
