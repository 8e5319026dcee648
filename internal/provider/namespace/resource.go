// SPDX-License-Identifier: MPL-2.0

// Package namespace is the resource rbd_namespace.
package namespace

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/destroying"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/settle"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	defaultTimeout = 10 * time.Minute
)

var kind = report.NewKind("RBD namespace", advice)

var (
	_ resource.ResourceWithConfigure   = &namespaceResource{}
	_ resource.ResourceWithModifyPlan  = &namespaceResource{}
	_ resource.ResourceWithImportState = &namespaceResource{}
	_ resource.ResourceWithIdentity    = &namespaceResource{}
)

// NewResource is rbd_namespace.
func NewResource() resource.Resource { return &namespaceResource{} }

type namespaceResource struct{ data *providerdata.Data }

func (r *namespaceResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_namespace"
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *namespaceResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identitySchema()
}

func (r *namespaceResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *namespaceResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	place := plan.place()
	fsid, err := r.data.Ceph.FSID(ctx)
	if err == nil {
		err = r.data.Ceph.CreateNamespace(ctx, place.Pool, place.Namespace)
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "create", place.PoolSpec(), err)
		return
	}
	plan.setRead()
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	setIdentity(ctx, fsid, plan, resp.Identity, &resp.Diagnostics)
	if err := r.data.NoteHome(ctx, resp.Private, place.Pool); err != nil {
		kind.Error(&resp.Diagnostics, "read", place.PoolSpec(), err)
	}
	settle.AtEnd(func(ctx context.Context) error { return r.data.Ceph.SettleNamespace(ctx, place.Pool, place.Namespace) })
}

func (r *namespaceResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.Reading(ctx, state.Timeouts.Read, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	place := state.place()
	if !r.data.CanAsk() {
		kind.NotRefreshed(&resp.Diagnostics, place.PoolSpec())
		keepIdentity(ctx, r.data, state, resp.Identity, &resp.Diagnostics)
		return
	}
	fsid, err := r.data.Ceph.FSID(ctx)
	if err == nil {
		err = r.data.CheckHome(ctx, req.Private, place.Pool)
	}
	if err == nil {
		err = r.data.Ceph.CheckPool(ctx, place.Pool, place.Namespace)
	}
	if err == nil {
		err = r.data.NoteHome(ctx, resp.Private, place.Pool)
	}
	switch {
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		keepIdentity(ctx, r.data, state, resp.Identity, &resp.Diagnostics)
		return
	case err != nil:
		kind.Error(&resp.Diagnostics, "read", place.PoolSpec(), err)
		return
	}
	// Reading must also work for a user who may not write.
	if err := r.data.Ceph.ClaimNamespace(ctx, place.Pool, place.Namespace); err != nil {
		tflog.Warn(ctx, "could not note that the namespace is in a state", map[string]any{"namespace": place.PoolSpec(), "error": err.Error()})
	}
	providerdata.NoteRefreshed(fsid, refreshedID(state))
	state.setRead()
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	setIdentity(ctx, fsid, state, resp.Identity, &resp.Diagnostics)
}

// Update is for what is in the state only: all else makes a new namespace.
func (r *namespaceResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan model
	if resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...); resp.Diagnostics.HasError() {
		return
	}
	plan.setRead()
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	keepIdentity(ctx, r.data, plan, resp.Identity, &resp.Diagnostics)
}

func (r *namespaceResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok || state.OnDestroy.ValueString() == ondestroy.Retain {
		return
	}
	place := state.place()
	// Images that are destroyed by the same run may still be there.
	ours := func(err error) bool {
		return errors.Is(err, rbd.ErrNamespaceNotEmpty) && r.data.Ceph.CheckNamespaceEmpty(ctx, place.Pool, place.Namespace, rbd.Image.Ours) == nil
	}
	err := r.data.CheckHome(ctx, req.Private, place.Pool)
	if err == nil {
		err = destroying.Await(ctx, ours, func() error { return r.data.Ceph.RemoveNamespace(ctx, place.Pool, place.Namespace) })
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "delete", place.PoolSpec(), err)
	}
}
