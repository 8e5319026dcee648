// SPDX-License-Identifier: MPL-2.0

// Package mirrorpool is the resource rbd_mirror_pool.
package mirrorpool

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/mirroring"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/destroying"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/settle"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const defaultTimeout = 10 * time.Minute

var kind = report.NewKind("mirroring of pool", advice)

var (
	_ resource.ResourceWithConfigure      = &poolResource{}
	_ resource.ResourceWithModifyPlan     = &poolResource{}
	_ resource.ResourceWithImportState    = &poolResource{}
	_ resource.ResourceWithValidateConfig = &poolResource{}
	_ resource.ResourceWithIdentity       = &poolResource{}
)

// NewResource is rbd_mirror_pool.
func NewResource() resource.Resource { return &poolResource{} }

type poolResource struct{ data *providerdata.Data }

func (r *poolResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_mirror_pool"
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *poolResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identitySchema()
}

func (r *poolResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *poolResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	diags := &resp.Diagnostics
	diags.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, diags)
	defer cancel()
	if !ok {
		return
	}
	at := plan.at()
	request, want, err := r.request(ctx, plan, nil, req.Config, diags)
	var uuid string
	if err == nil {
		uuid, err = mirroring.EnablePool(ctx, r.data.Ceph, request)
	}
	if err == nil {
		err = r.readBack(ctx, &plan, want, uuid, diags)
	}
	if err != nil {
		kind.Error(diags, "enable", plan.name(), err)
		return
	}
	diags.Append(resp.State.Set(ctx, &plan)...)
	r.noteHome(ctx, plan, resp.Private, diags)
	r.setIdentity(ctx, plan, resp.Identity, diags)
	settle.AtEnd(func(ctx context.Context) error {
		if err := r.data.Ceph.ClaimMirrorPool(ctx, at); err != nil && !rbd.IsNotFound(err) {
			return err
		}
		return nil
	})
}

// request is what an apply does, and the peer that it imports.
func (r *poolResource) request(ctx context.Context, plan model, state *model, config tfsdk.Config, diags *diag.Diagnostics) (mirroring.PoolRequest, *peerModel, error) {
	out := mirroring.PoolRequest{At: plan.at()}
	var had *peerModel
	if state != nil {
		had = state.peer(ctx, diags)
	}
	if state == nil || !plan.SiteName.Equal(state.SiteName) {
		out.SiteName = plan.SiteName.ValueString()
	}
	want := plan.peer(ctx, diags)
	switch {
	case want == nil:
		out.RemovePeer = uuidOf(had)
	case want.imports(had):
		token, _, err := tokenOf(ctx, config, diags)
		if err == nil {
			err = checkSame(token, had)
		}
		if err != nil {
			return out, nil, err
		}
		want.FSID = types.StringValue(token.FSID)
		out.Peer = &mirroring.PeerRequest{Token: token, Direction: want.Direction.ValueString(), Had: uuidOf(had)}
	}
	return out, want, nil
}

// readBack fills what is known after an apply.
func (r *poolResource) readBack(ctx context.Context, plan *model, peer *peerModel, uuid string, diags *diag.Diagnostics) error {
	planned := *plan
	if peer != nil {
		if uuid != "" {
			peer.UUID = types.StringValue(uuid)
		}
		plan.Peer = peer.object(ctx, diags)
	}
	is, fsid, err := r.ask(ctx, *plan)
	if err != nil {
		return err
	}
	plan.setRead(ctx, is, fsid, diags)
	if peer != nil && plan.Peer.IsNull() {
		return errors.New("the peer was removed as soon as it was there")
	}
	plan.keep(planned)
	return nil
}

// ask reads the mirroring.
//
// Errors: rbd.ErrPoolNotMirrored, ErrPoolNotFound, ErrNamespaceNotFound.
func (r *poolResource) ask(ctx context.Context, m model) (is rbd.MirrorPool, fsid string, err error) {
	if fsid, err = r.data.Ceph.FSID(ctx); err == nil {
		is, err = r.data.Ceph.MirrorPool(ctx, m.Pool.ValueString(), m.Namespace.ValueString())
	}
	if err == nil && is.Mode == modeDisabled {
		err = rbd.ErrPoolNotMirrored
	}
	return is, fsid, err
}

func (r *poolResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	diags := &resp.Diagnostics
	diags.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.Reading(ctx, state.Timeouts.Read, defaultTimeout, diags)
	defer cancel()
	if !ok {
		return
	}
	if !r.data.CanAsk() {
		kind.NotRefreshed(diags, state.name())
		r.keepIdentity(ctx, state, resp.Identity, diags)
		return
	}
	err := r.data.CheckHome(ctx, req.Private, state.Pool.ValueString())
	var is rbd.MirrorPool
	var fsid string
	if err == nil {
		is, fsid, err = r.ask(ctx, state)
	}
	switch {
	case rbd.IsNotFound(err) || errors.Is(err, rbd.ErrPoolNotMirrored):
		resp.State.RemoveResource(ctx)
		r.keepIdentity(ctx, state, resp.Identity, diags)
		return
	case err != nil:
		kind.Error(diags, "read", state.name(), err)
		return
	}
	// Reading must also work for a user who may not write.
	if err := r.data.Ceph.ClaimMirrorPool(ctx, state.at()); err != nil {
		tflog.Warn(ctx, "could not note that the mirroring is in a state", map[string]any{"pool": state.name(), "error": err.Error()})
	}
	r.noteHome(ctx, state, resp.Private, diags)
	state.setRead(ctx, is, fsid, diags)
	diags.Append(resp.State.Set(ctx, &state)...)
	r.setIdentity(ctx, state, resp.Identity, diags)
}

func (r *poolResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	diags := &resp.Diagnostics
	diags.Append(req.State.Get(ctx, &state)...)
	diags.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, defaultTimeout, diags)
	defer cancel()
	if !ok {
		return
	}
	err := r.data.CheckHome(ctx, req.Private, state.Pool.ValueString())
	var request mirroring.PoolRequest
	var want *peerModel
	if err == nil {
		request, want, err = r.request(ctx, plan, &state, req.Config, diags)
	}
	var uuid string
	if err == nil {
		uuid, err = mirroring.UpdatePool(ctx, r.data.Ceph, request)
	}
	if err == nil {
		err = r.readBack(ctx, &plan, want, uuid, diags)
	}
	if err != nil {
		kind.Error(diags, "update", plan.name(), err)
		return
	}
	diags.Append(resp.State.Set(ctx, &plan)...)
	r.setIdentity(ctx, plan, resp.Identity, diags)
}

func (r *poolResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	diags := &resp.Diagnostics
	diags.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, defaultTimeout, diags)
	defer cancel()
	if !ok || state.OnDestroy.ValueString() == ondestroy.Retain {
		return
	}
	// Images whose mirroring the same run ends may still have it.
	ours := func(err error) bool {
		var mirrored *rbd.MirrorsImagesError
		return errors.As(err, &mirrored) && len(mirrored.Primaries) > 0 && mirrored.AllOwned()
	}
	err := r.data.CheckHome(ctx, req.Private, state.Pool.ValueString())
	if err == nil {
		err = destroying.Await(ctx, ours, func() error { return mirroring.DisablePool(ctx, r.data.Ceph, state.at()) })
	}
	if err != nil {
		kind.Error(diags, "disable", state.name(), err)
	}
}

// ImportState takes pool[/namespace], or an identity.
func (r *poolResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var m model
	diags := &resp.Diagnostics
	if req.ID == "" && req.Identity != nil {
		m = r.importIdentity(ctx, req.Identity, resp)
	} else {
		pool, namespace, ok := strings.Cut(req.ID, "/")
		m.Pool, m.Namespace = types.StringValue(pool), types.StringNull()
		err := namecheck.CheckPool(pool)
		if err == nil && ok {
			m.Namespace = types.StringValue(namespace)
			err = rbd.CheckNamespaceName(namespace)
		}
		if err != nil {
			diags.AddError("Invalid import id", "Want pool[/namespace]: "+err.Error()+".")
		}
	}
	if diags.HasError() {
		return
	}
	if r.data.CanAsk() {
		if _, _, err := r.ask(ctx, m); err != nil {
			kind.Error(diags, "import", m.name(), err)
			return
		}
	}
	diags.Append(resp.State.SetAttribute(ctx, path.Root("pool"), m.Pool)...)
	diags.Append(resp.State.SetAttribute(ctx, path.Root("namespace"), m.Namespace)...)
}

func (r *poolResource) noteHome(ctx context.Context, m model, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, diags *diag.Diagnostics) {
	if err := r.data.NoteHome(ctx, to, m.Pool.ValueString()); err != nil {
		kind.Error(diags, "read", m.name(), err)
	}
}
