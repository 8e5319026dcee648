// SPDX-License-Identifier: MPL-2.0

package imagemirror

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/mirroring"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ModifyPlan refuses what can't succeed, and says what is lost.
func (r *mirrorResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var plan, state model
	creating, destroying := req.State.Raw.IsNull(), req.Plan.Raw.IsNull()
	if !creating {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if !destroying {
		resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if r.data.CanAsk() {
		// Also while the image is not known yet: a wrong cluster stops here.
		_, err := r.data.Ceph.FSID(ctx)
		if err == nil && !creating {
			err = r.checkHome(ctx, state, req.Private)
		}
		if err != nil {
			name := plan.Image.ValueString()
			if !creating {
				name = state.Image.ValueString()
			}
			kind.Error(&resp.Diagnostics, "plan", name, err)
			return
		}
	}
	if destroying {
		r.checkDestroy(ctx, state, &resp.Diagnostics)
		return
	}
	if !creating {
		r.planImage(ctx, state, plan, resp)
		if len(resp.RequiresReplace) > 0 {
			r.checkDestroy(ctx, state, &resp.Diagnostics)
		} else {
			r.planUpdate(ctx, state, plan, resp)
		}
	}
	spec := types.StringUnknown()
	if !plan.Image.IsUnknown() {
		spec = plan.Image
		r.claimName(ctx, state, plan, req, resp)
		if (creating || len(resp.RequiresReplace) > 0) && r.data.CanAsk() && !resp.Diagnostics.HasError() {
			r.checkCreate(ctx, plan, &resp.Diagnostics)
		}
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("spec"), spec)...)
}

// planImage decides whether another name means another image.
func (r *mirrorResource) planImage(ctx context.Context, state, plan model, resp *resource.ModifyPlanResponse) {
	imageref.PlanChange(ctx, r.data, state.Image, plan.Image, state.ImageID.ValueString(), resp)
}

// claimName refuses two resources for one image.
func (r *mirrorResource) claimName(ctx context.Context, state, plan model, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.data == nil {
		return
	}
	had, diags := providerdata.Replaces(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	creating := req.State.Raw.IsNull()
	again := creating && had != ""
	if !creating {
		had = state.Image.ValueString()
		resp.Diagnostics.Append(providerdata.NoteReplaces(ctx, resp.Private, had)...)
	}
	if err := r.data.Planned.Claim("mirror "+plan.Image.ValueString(), had, again); err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root(imageref.Name), "plan", plan.Image.ValueString(), err)
	}
}

// checkCreate refuses what Create would refuse. What this run makes is not there yet.
func (r *mirrorResource) checkCreate(ctx context.Context, plan model, diags *diag.Diagnostics) {
	spec, err := rbd.ParseSpec(plan.Image.ValueString())
	if err == nil {
		err = r.data.Ceph.CheckMirrorPool(ctx, spec)
	}
	if _, planned := r.data.Planned.Find(spec); planned && rbd.IsNotFound(err) {
		return // a namespace that this run makes
	}
	if errors.Is(err, rbd.ErrMirrorPool) && r.data.Planned.AwaitMirrored(ctx, spec) {
		if _, err = r.data.Ceph.Image(ctx, spec); err == nil || !plan.Primary.ValueBool() || r.data.Planned.Explains(spec, err) {
			return // the pool's mirroring is enabled by this run
		}
	}
	left := false
	if err == nil && !plan.Primary.IsUnknown() {
		left, err = r.checkFree(ctx, spec, plan.Primary.ValueBool())
	}
	switch {
	case err != nil:
		kind.AttributeError(diags, path.Root(imageref.Name), "enable", plan.Image.ValueString(), err)
	case left:
		diags.AddAttributeWarning(path.Root(imageref.Name), "An unfinished run is taken up", fmt.Sprintf(
			"The %s %q was enabled by a run of this state that was cut off before it could write its state. It is taken up as it is.", kind, spec))
	}
}

func (r *mirrorResource) checkFree(ctx context.Context, spec rbd.Spec, primary bool) (left bool, err error) {
	img, m, err := r.data.Ceph.Mirroring(ctx, spec)
	switch {
	case errors.Is(err, rbd.ErrImageNotFound):
		if _, planned := r.data.Planned.Find(spec); planned || !primary {
			return false, nil
		}
		return false, err
	case err != nil:
		return false, err
	case primary:
		return r.data.Ceph.CheckFreeMirror(ctx, img)
	}
	if err := mirroring.CheckSecondary(img, m); errors.Is(err, rbd.ErrNotMirrored) || errors.Is(err, rbd.ErrPrimary) {
		return false, err
	}
	return false, nil
}

// planUpdate refuses what Update would refuse.
func (r *mirrorResource) planUpdate(ctx context.Context, state, plan model, resp *resource.ModifyPlanResponse) {
	resyncs := plan.resyncs(state)
	if resyncs {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("image_id"), types.StringUnknown())...)
	}
	if plan.Primary.IsUnknown() || plan.Resync.IsUnknown() || !r.data.CanAsk() || plan.Primary.Equal(state.Primary) && !resyncs {
		return
	}
	_, m, err := r.find(ctx, state)
	if rbd.IsNotFound(err) || errors.Is(err, rbd.ErrNotMirrored) {
		return // the next refresh sees it
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "plan", state.Image.ValueString(), err)
		return
	}
	r.planRole(m, state, plan, &resp.Diagnostics)
	if !resyncs {
		return
	}
	if plan.Primary.ValueBool() {
		err = rbd.ErrPrimary
	} else if !m.Primary { // else it is demoted first
		err = mirroring.CheckResync(m)
	}
	if err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("resync"), "resync", state.Image.ValueString(), err)
		return
	}
	resp.Diagnostics.AddAttributeWarning(path.Root("resync"), "The secondary is copied anew", fmt.Sprintf(
		"What was written to %q in this cluster and is not in the primary is lost.", state.Image.ValueString()))
}

// planRole is about promotion and demotion.
func (r *mirrorResource) planRole(m rbd.Mirroring, state, plan model, diags *diag.Diagnostics) {
	name, at, force := state.Image.ValueString(), path.Root("primary"), plan.Force.ValueBool()
	switch {
	case plan.Primary.ValueBool() && !m.Primary:
		if err := mirroring.CheckPromote(m, force); err != nil {
			kind.AttributeError(diags, at, "promote", name, err)
		} else if !m.Demoted() && force {
			diags.AddAttributeWarning(at, "Promoted by force", fmt.Sprintf(
				"%q becomes what its primary was at %s. What the primary got since then is lost, and must not be written to any more.", name, m.Synced().Format(time.RFC3339)))
		} else if !m.Demoted() {
			diags.AddAttributeWarning(at, "The promotion waits for a demotion", fmt.Sprintf(
				"%q is primary in another cluster, as far as is known here. The apply waits up to ten minutes for its demotion to arrive, which the same apply may make there (primary = false).", name))
		}
	case !plan.Primary.ValueBool() && m.Primary:
		if err := mirroring.CheckDemote(m, force); err != nil && !mirroring.Unreported(err) {
			kind.AttributeError(diags, at, "demote", name, err)
		} else if mirroring.TwoPrimaries(m) {
			diags.AddAttributeWarning(at, "Two primaries", fmt.Sprintf(
				"%q was promoted by force elsewhere. Once demoted here it stays as it is, until another resync gives up what only this cluster has.", name))
		}
	}
}

// checkDestroy says what goes with the mirroring.
func (r *mirrorResource) checkDestroy(ctx context.Context, state model, diags *diag.Diagnostics) {
	if !r.data.CanAsk() || state.OnDestroy.ValueString() == ondestroy.Retain {
		return
	}
	_, m, err := r.find(ctx, state)
	switch {
	case rbd.IsNotFound(err) || errors.Is(err, rbd.ErrNotMirrored):
	case err != nil:
		kind.Error(diags, "disable", state.Image.ValueString(), err)
	case m.Primary && len(m.Peers) > 0:
		diags.AddWarning("The secondaries are removed", fmt.Sprintf("When the mirroring of %q is disabled, rbd-mirror removes its copies in other clusters. on_destroy = \"retain\" keeps the mirroring.", state.Image.ValueString()))
	}
}
