package namespace

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
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
		if fsid, err = r.data.Ceph.FSID(ctx); err != nil {
			report.Error(&resp.Diagnostics, "plan", noun, plan.Name.ValueString(), err)
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
			"Neither this resource nor the provider's ceph block names a pool. Set pool here, or a default pool there.")
	}
}

// refreshedID tells a namespace from images, which are noted by their ids.
func refreshedID(m model) string { return "namespace " + m.place().PoolSpec() }

// takesOver refuses a namespace that exists, unless this state has it, and tells
// whether it does: then it is about to be replaced, and whatever hangs on it must
// be planned anew. Creating looks again, and strictly.
func (r *namespaceResource) takesOver(ctx context.Context, plan model, fsid string, diags *diag.Diagnostics) bool {
	place := plan.place()
	err := r.data.Ceph.CheckPool(ctx, place.Pool, place.Namespace)
	switch {
	case errors.Is(err, rbd.ErrNamespaceNotFound):
		r.data.Planned.Add(place, providerdata.PlannedID{})
		return false
	case err != nil:
		report.AttributeError(diags, path.Root("pool"), "plan", noun, place.PoolSpec(), err)
		return false
	case providerdata.WasRefreshed(fsid, refreshedID(plan)):
		return true
	}
	err = explainTaken(fmt.Errorf("namespace %s: %w", place.PoolSpec(), rbd.ErrExists))
	report.AttributeError(diags, path.Root("name"), "plan", noun, place.PoolSpec(), err)
	return false
}

// explainTaken says why not even our own leftovers are taken over.
func explainTaken(err error) error {
	if !errors.Is(err, rbd.ErrExists) {
		return err
	}
	return fmt.Errorf("%w; nothing on a namespace tells who made it, so that one which an interrupted run made must be imported too", err)
}

// checkDestroy refuses a namespace that is not empty, except for images that
// resources of this provider hold, since those go first.
func (r *namespaceResource) checkDestroy(ctx context.Context, state model, diags *diag.Diagnostics) {
	if state.OnDestroy.ValueString() == onDestroyRetain {
		return
	}
	place := state.place()
	err := r.data.Ceph.CheckNamespaceEmpty(ctx, place.Pool, place.Namespace, held)
	if err != nil && !rbd.IsNotFound(err) {
		report.Error(diags, "delete", noun, place.PoolSpec(), err)
	}
}

// held tells whether a resource of this provider has the image, also one that no
// refresh has seen yet: a namespace is planned before the images in it are read.
// What has a temporary name is in no state.
func held(img rbd.Image) bool {
	temporary := strings.HasSuffix(img.Spec.Image, rbd.PendingName(""))
	return img.Held() || img.PendingToken() != "" && !temporary
}
