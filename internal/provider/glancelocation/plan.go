// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
)

func (r *locationResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var config, plan, state model
	creating, destroying := req.State.Raw.IsNull(), req.Plan.Raw.IsNull()
	if !creating {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		state.readPrivate(ctx, req.Private, &resp.Diagnostics)
	}
	if !destroying {
		resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
		resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if destroying {
		r.checkDestroy(ctx, state, &resp.Diagnostics)
		return
	}
	planAliasPool(&plan, config)
	replacing := !creating && r.planReplace(ctx, plan, config, state, resp)
	if creating || replacing {
		fillNew(&plan, config)
		if replacing {
			r.checkDestroy(ctx, state, &resp.Diagnostics)
		}
		if !creating && config.ImageID.Equal(state.ImageID) {
			kind.AttributeError(&resp.Diagnostics, path.Root("image_id"), "plan", plan.Name.ValueString(),
				fmt.Errorf("%w: the new record can't have that of the old one, %q", registration.ErrTaken, state.ImageID.ValueString()))
		}
	} else {
		plan.MinDisk = config.MinDisk
		if config.MinDisk.IsNull() {
			plan.MinDisk = types.Int64Value(registration.MinDiskGiB(state.SizeBytes.ValueInt64(), plan.DiskFormat.ValueString()))
		}
	}
	r.claimID(ctx, state, plan, req, resp)
	planHashes(&plan, config, state, creating || replacing, resp)
	planSharing(&plan, config, state, creating || replacing)
	r.planCopies(ctx, &plan, state, creating || replacing, &resp.Diagnostics)
	plan.Status = types.StringValue(glance.StatusActive)
	planProtection(&plan)
	plan.LocationURL = types.StringUnknown()
	if r.data.CanAsk() {
		r.planLocation(ctx, &plan, creating, &resp.Diagnostics)
	}
	if creating && r.data.CanAsk() && !resp.Diagnostics.HasError() {
		r.checkCreate(ctx, plan, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// errTwice says that two resources of a configuration have one record.
var errTwice = errors.New("another rbd_glance_image_location of this configuration has the same image_id")

// claimID refuses two resources with one record. Without an image_id each makes
// a record of its own, be it of the same snapshot and name.
func (r *locationResource) claimID(ctx context.Context, state, plan model, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	creating := req.State.Raw.IsNull()
	had, diags := providerdata.Replaces(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	again := creating && had != ""
	if !creating {
		had = state.ImageID.ValueString()
		resp.Diagnostics.Append(providerdata.NoteReplaces(ctx, resp.Private, had)...)
	}
	if plan.ImageID.IsUnknown() || plan.ImageID.IsNull() || !r.data.CanAsk() {
		return
	}
	at, err := r.data.Glance.Identity(ctx)
	if err != nil {
		return // said by what needs it
	}
	id := strings.ToLower(plan.ImageID.ValueString())
	if r.data.Planned.Claim("Glance image "+id+" "+at.Endpoint, had, again) != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("image_id"), "plan", plan.Name.ValueString(), fmt.Errorf("%w, %q", errTwice, id))
	}
}

// fillNew: nothing of an earlier record is known of a new one, even what will
// turn out equal.
func fillNew(plan *model, config model) {
	plan.ImageID, plan.NovaBaseFileName = config.ImageID, types.StringUnknown()
	if config.ImageID.IsNull() {
		plan.ImageID = types.StringUnknown()
	} else if !config.ImageID.IsUnknown() {
		plan.NovaBaseFileName = types.StringValue(novaBaseFileName(config.ImageID.ValueString()))
	}
	plan.MinDisk = config.MinDisk
	if config.MinDisk.IsNull() {
		plan.MinDisk = types.Int64Unknown()
	}
	plan.Owner, plan.Store, plan.RBDImageID = config.Owner, config.Store, types.StringUnknown()
	if config.Owner.IsNull() {
		plan.Owner = types.StringUnknown()
	}
	if config.Store.IsNull() {
		plan.Store = types.StringUnknown()
	}
	plan.SizeBytes, plan.SnapshotID = types.Int64Unknown(), types.Int64Unknown()
}
