// SPDX-License-Identifier: MPL-2.0

// Package glancelocation is the resource rbd_glance_image_location.
package glancelocation

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/destroying"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/settle"
)

const (
	defaultTimeout = 10 * time.Minute
	// hashTimeout is enough for some 4 TiB with SHA-512, and for copies.
	hashTimeout = 2 * time.Hour
)

var kind = report.NewKind("Glance image", advice)

var (
	_ resource.ResourceWithConfigure      = &locationResource{}
	_ resource.ResourceWithModifyPlan     = &locationResource{}
	_ resource.ResourceWithImportState    = &locationResource{}
	_ resource.ResourceWithMoveState      = &locationResource{}
	_ resource.ResourceWithIdentity       = &locationResource{}
	_ resource.ResourceWithValidateConfig = &locationResource{}
)

// NewResource is rbd_glance_image_location.
func NewResource() resource.Resource { return &locationResource{} }

type locationResource struct{ data *providerdata.Data }

func (r *locationResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_glance_image_location"
}

func (r *locationResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *locationResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, plan.defaultTimeout(), &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	deps := r.deps(&resp.Diagnostics)
	res, err := create(ctx, deps, &plan)
	if err != nil {
		kind.Error(&resp.Diagnostics, "create", plan.Name.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	setIdentity(ctx, plan, resp.Identity, &resp.Diagnostics)
	plan.writePrivate(ctx, resp.Private, &resp.Diagnostics)
	settle.AtEnd(func(ctx context.Context) error { return registration.Confirm(ctx, deps, res.Ref) })
}

func create(ctx context.Context, deps registration.Deps, plan *model) (registration.Result, error) {
	request, err := plan.request()
	if err != nil {
		return registration.Result{}, err
	}
	res, err := registration.Register(ctx, deps, request)
	if err == nil {
		plan.set(res)
	}
	return res, err
}

func (r *locationResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	state.readPrivate(ctx, req.Private, &resp.Diagnostics)
	ctx, cancel, ok := deadline.Reading(ctx, state.Timeouts.Read, state.defaultTimeout(), &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	setIdentity(ctx, state, resp.Identity, &resp.Diagnostics)
	if !r.data.CanAsk() {
		kind.NotRefreshed(&resp.Diagnostics, state.ImageID.ValueString())
		return
	}
	there, err := read(ctx, r.deps(&resp.Diagnostics), &state)
	switch {
	case err != nil:
		kind.Error(&resp.Diagnostics, "read", state.ImageID.ValueString(), err)
	case !there:
		resp.State.RemoveResource(ctx)
	default:
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
		state.writePrivate(ctx, resp.Private, &resp.Diagnostics)
	}
}

// read refreshes the model. It returns false where the record is not there, as far
// as the caller can see.
func read(ctx context.Context, deps registration.Deps, m *model) (there bool, err error) {
	imported := m.Snapshot.IsNull()
	if imported {
		ref, err := registration.Adopt(ctx, deps, m.ImageID.ValueString())
		if err != nil {
			return false, err
		}
		m.setAdopted(ref)
	}
	return ask(ctx, deps, m, registration.Question{Adopted: imported, Eager: m.Hash.ValueString() == hashEager})
}

// ask asks about the record of the model, and puts what it finds there.
func ask(ctx context.Context, deps registration.Deps, m *model, q registration.Question) (there bool, err error) {
	if q.Ref, err = m.ref(); err != nil {
		return false, err
	}
	answer, err := registration.Read(ctx, deps, q)
	if err != nil {
		return false, err
	}
	return m.setAnswer(answer, q.Adopted), nil
}

func (r *locationResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	state.readPrivate(ctx, req.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, plan.defaultTimeout(), &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	setIdentity(ctx, state, resp.Identity, &resp.Diagnostics)
	if err := update(ctx, r.deps(&resp.Diagnostics), state, &plan); err != nil {
		kind.Error(&resp.Diagnostics, "update", state.ImageID.ValueString(), err)
		state.expectCopies(plan)
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

func update(ctx context.Context, deps registration.Deps, state model, plan *model) error {
	change, err := plan.change(state)
	if err != nil {
		return err
	}
	res, err := registration.Update(ctx, deps, change)
	if err == nil {
		plan.set(res)
	}
	return err
}

func (r *locationResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	state.readPrivate(ctx, req.Private, &resp.Diagnostics)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	defer destroying.Begin()()
	if err := destroy(ctx, r.deps(&resp.Diagnostics), state); err != nil {
		kind.Error(&resp.Diagnostics, "delete", state.ImageID.ValueString(), err)
	}
}

func destroy(ctx context.Context, deps registration.Deps, state model) error {
	ref, err := state.ref()
	if err != nil {
		return err
	}
	return registration.Destroy(ctx, deps, ref, state.onDestroy())
}
