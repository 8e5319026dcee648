// Package namespace is the resource rbd_namespace.
package namespace

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	noun           = "RBD namespace"
	defaultTimeout = 10 * time.Minute

	onDestroyDelete = "delete"
	onDestroyRetain = "retain"
)

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
		report.Error(&resp.Diagnostics, "create", noun, place.PoolSpec(), explainTaken(err))
		return
	}
	plan.setRead()
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	setIdentity(ctx, fsid, plan, resp.Identity, &resp.Diagnostics)
}

func (r *namespaceResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Read, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	place := state.place()
	if !r.data.CanAsk() {
		resp.Diagnostics.AddWarning("Not refreshed", "The provider's configuration is not known yet, so "+noun+" \""+place.PoolSpec()+"\" was not read.")
		keepIdentity(ctx, r.data, state, resp.Identity, &resp.Diagnostics)
		return
	}
	fsid, err := r.data.Ceph.FSID(ctx)
	if err == nil {
		err = r.data.Ceph.CheckPool(ctx, place.Pool, place.Namespace)
	}
	switch {
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		keepIdentity(ctx, r.data, state, resp.Identity, &resp.Diagnostics)
		return
	case err != nil:
		report.Error(&resp.Diagnostics, "read", noun, place.PoolSpec(), err)
		return
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
	if !ok || state.OnDestroy.ValueString() == onDestroyRetain {
		return
	}
	place := state.place()
	if err := r.data.Ceph.RemoveNamespace(ctx, place.Pool, place.Namespace); err != nil {
		report.Error(&resp.Diagnostics, "delete", noun, place.PoolSpec(), err)
	}
}
