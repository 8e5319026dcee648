// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// planLocation tells the location, and refuses a snapshot that can't be
// registered, or that neither is there nor made in this run.
func (r *locationResource) planLocation(ctx context.Context, plan *model, creating bool, diags *diag.Diagnostics) {
	fsid, err := r.data.Ceph.FSID(ctx)
	if err != nil {
		kind.Error(diags, "plan", plan.Name.ValueString(), err)
		return
	}
	if plan.Snapshot.IsUnknown() {
		return
	}
	at := path.Root("snapshot")
	request, err := plan.request()
	if err != nil {
		kind.AttributeError(diags, at, "plan", plan.Name.ValueString(), err)
		return
	}
	url, undecided := request.PlannedURL(fsid), plan.Protection.IsUnknown()
	if undecided {
		url = "" // it may be that of an alias
	} else if !plan.wantsAlias() || !plan.ImageID.IsUnknown() && !plan.AliasPool.IsUnknown() {
		plan.LocationURL = types.StringValue(url)
	}
	spec := request.Snapshot
	img, err := r.data.Ceph.Image(ctx, spec)
	var snap rbd.Snapshot
	if err == nil {
		snap, err = img.Snapshot(spec.Snapshot)
	}
	switch {
	case err == nil && r.data.Planned.Anew(spec, img.ID, snap.ID):
		return
	case err == nil:
		err = registration.CheckRegistrable(url, spec, snap, creating && !undecided && !plan.unprotected())
	case rbd.IsNotFound(err) && (!creating || r.data.Planned.Explains(spec, err)):
		return // what a record that is there lost is told when it was read
	}
	if err != nil {
		kind.AttributeError(diags, at, "plan", plan.Name.ValueString(), err)
	}
}

// checkCreate asks whether Glance is there, and a given ID free.
func (r *locationResource) checkCreate(ctx context.Context, plan model, diags *diag.Diagnostics) {
	if _, err := r.data.Glance.Caller(ctx); err != nil {
		kind.Error(diags, "plan", plan.Name.ValueString(), err)
		return
	}
	r.checkStore(ctx, plan, diags)
	r.checkAliasPool(ctx, plan, diags)
	resumed, err := unfinished(ctx, r.deps(diags), plan)
	if err != nil {
		kind.Error(diags, "plan", plan.Name.ValueString(), err)
		return
	}
	if resumed != "" {
		diags.AddWarning("An unfinished registration is taken up",
			fmt.Sprintf("A run for this state that did not come to its end was making image %q (ID %s). This one goes on with it.", plan.Name.ValueString(), resumed))
	}
	if plan.ImageID.IsUnknown() {
		return
	}
	id := plan.ImageID.ValueString()
	there, err := r.data.Glance.Exists(ctx, id)
	if err == nil && there && resumed != id {
		err = fmt.Errorf("%w: image %q exists", registration.ErrTaken, id)
	}
	if err != nil {
		kind.AttributeError(diags, path.Root("image_id"), "plan", plan.Name.ValueString(), err)
	}
}

// unfinished is the record that an interrupted run for this state was making of
// what is planned; empty where there is none.
func unfinished(ctx context.Context, deps registration.Deps, plan model) (string, error) {
	request, err := plan.request()
	if err != nil {
		return "", nil //nolint:nilerr // not known yet, or refused elsewhere
	}
	return registration.Unfinished(ctx, deps, request)
}

// checkDestroy refuses what would be refused later.
func (r *locationResource) checkDestroy(ctx context.Context, state model, diags *diag.Diagnostics) {
	if !r.data.CanAsk() || state.onDestroy().Retires() {
		return
	}
	ref, err := state.ref()
	if err == nil {
		err = registration.CheckDestroy(ctx, r.deps(diags), ref)
	}
	if err != nil {
		kind.Error(diags, "delete", ref.ImageID, err)
	}
}
