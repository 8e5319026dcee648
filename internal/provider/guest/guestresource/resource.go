// SPDX-License-Identifier: MPL-2.0

// Package guestresource is what all resources that change a guest have in common:
// the image, its plan, and the way from a plan to an operation and back.
package guestresource

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// defaultTimeout bounds all operations where the configuration says nothing.
const defaultTimeout = 30 * time.Minute

// Work is what tells one resource that changes a guest, with the model M, from the
// others.
type Work[M any] interface {
	Schema(ctx context.Context) schema.Schema
	// Plan plans the computed attributes. Nothing is planned for a destroy.
	Plan(ctx context.Context, p *Planning[M])
	// Apply makes the plan hold in the image, and fills in what is computed. Its
	// error completes "Unable to …" with Action; config has what is in no plan.
	Apply(ctx context.Context, b guestoverlay.Backends, plan *M, config tfsdk.Config, diags *diag.Diagnostics) error
	// Read brings into the state what the guest of its image, which was found, has.
	Read(ctx context.Context, b guestoverlay.Backends, img rbd.Image, state *M, diags *diag.Diagnostics)
}

// forgetter is a Work that has noted something on the image.
type forgetter[M any] interface {
	// Forget removes it, when the resource is destroyed.
	Forget(ctx context.Context, b guestoverlay.Backends, img rbd.Image, state *M, diags *diag.Diagnostics) error
}

// keeper is a model that keeps something in the private state.
type keeper interface {
	ReadPrivate(ctx context.Context, from PrivateReader, diags *diag.Diagnostics)
	WritePrivate(ctx context.Context, to PrivateWriter, diags *diag.Diagnostics)
}

// PrivateReader reads a private state.
type PrivateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// PrivateWriter writes a private state; values are JSON.
type PrivateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// Resource is a resource that changes a guest.
type Resource[M any, P pointer[M]] struct {
	// Type is the resource's without the provider's name.
	Type string
	Kind report.Kind
	// Action completes the summary of an error, "Unable to …".
	Action string
	Work   Work[M]

	data *providerdata.Data
}

// Metadata is that of resource.Resource.
func (r *Resource[M, P]) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + r.Type
}

// Schema is that of resource.Resource.
func (r *Resource[M, P]) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = r.Work.Schema(ctx)
}

// Configure is that of resource.ResourceWithConfigure.
func (r *Resource[M, P]) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

// ImportState takes pool[/namespace]/image.
func (r *Resource[M, P]) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	spec, err := rbd.ParseSpec(req.ID)
	if err != nil || spec.Snapshot != "" {
		resp.Diagnostics.AddError("Invalid import id", "Want pool[/namespace]/image, got \""+req.ID+"\".")
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(imageref.Name), spec.String())...)
}

// ModifyPlan has the work planned.
func (r *Resource[M, P]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return // nothing is done to the guest
	}
	p := Planning[M]{Config: req.Config, Data: r.data, Kind: r.Kind, resp: resp}
	resp.Diagnostics.Append(req.Plan.Get(ctx, &p.Plan)...)
	p.plan = P(&p.Plan).shared()
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &p.State)...)
		p.state = P(&p.State).shared()
	}
	if !resp.Diagnostics.HasError() {
		r.Work.Plan(ctx, &p)
	}
}

// Create does the work for the first time.
func (r *Resource[M, P]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	a := application{plan: req.Plan, config: req.Config, limit: timeouts.Value.Create, to: &resp.State, private: resp.Private}
	r.apply(ctx, a, &resp.Diagnostics)
}

// Update does the work again, where it has changed.
func (r *Resource[M, P]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	a := application{plan: req.Plan, config: req.Config, limit: timeouts.Value.Update, to: &resp.State, private: resp.Private}
	r.apply(ctx, a, &resp.Diagnostics)
}

// application is what Create and Update have in common. private has what was kept
// before, and takes what is to be kept.
type application struct {
	plan   tfsdk.Plan
	config tfsdk.Config
	limit  func(timeouts.Value, context.Context, time.Duration) (time.Duration, diag.Diagnostics)
	to     *tfsdk.State

	private interface {
		PrivateReader
		PrivateWriter
	}
}

func (r *Resource[M, P]) apply(ctx context.Context, a application, diags *diag.Diagnostics) {
	var plan M
	diags.Append(a.plan.Get(ctx, &plan)...)
	shared := P(&plan).shared()
	ctx, cancel, ok := deadline.With(ctx, func(ctx context.Context, standard time.Duration) (time.Duration, diag.Diagnostics) {
		return a.limit(shared.Timeouts, ctx, standard)
	}, defaultTimeout, diags)
	defer cancel()
	if !ok {
		return
	}
	k, keeps := any(&plan).(keeper)
	if keeps {
		k.ReadPrivate(ctx, a.private, diags)
	}
	if err := r.Work.Apply(ctx, r.data.Guest(), &plan, a.config, diags); err != nil {
		r.Kind.Error(diags, r.Action, shared.Image.ValueString(), err)
	}
	if diags.HasError() {
		return
	}
	diags.Append(a.to.Set(ctx, &plan)...)
	if keeps {
		k.WritePrivate(ctx, a.private, diags)
	}
}

// Read finds the image of the state; where it is gone, so is the resource.
func (r *Resource[M, P]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	shared := P(&state).shared()
	ctx, cancel, ok := deadline.Reading(ctx, shared.Timeouts.Read, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	img, ok := r.find(ctx, shared, resp)
	if !ok {
		return
	}
	if k, keeps := any(&state).(keeper); keeps {
		k.ReadPrivate(ctx, req.Private, &resp.Diagnostics)
	}
	r.Work.Read(ctx, r.data.Guest(), img, &state, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	}
}

// find finds the image of a state, and says what it is called now. It returns false
// where there is nothing more to read.
func (r *Resource[M, P]) find(ctx context.Context, state *Model, resp *resource.ReadResponse) (rbd.Image, bool) {
	if !r.data.CanAsk() {
		resp.Diagnostics.AddWarning("Not refreshed", fmt.Sprintf("The provider's configuration is not known yet, so the %s %q was not read.", r.Kind, state.Image.ValueString()))
		return rbd.Image{}, false
	}
	img, err := imageref.Find(ctx, r.data, state.Image.ValueString(), state.ImageID.ValueString())
	switch {
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		return img, false
	case err != nil:
		r.Kind.Error(&resp.Diagnostics, "read", state.Image.ValueString(), err)
		return img, false
	}
	state.Image, state.ImageID = types.StringValue(img.Spec.String()), types.StringValue(img.ID)
	state.Spec = state.Image
	return img, true
}

// Delete leaves the guest as it is, but not in the middle of a change.
func (r *Resource[M, P]) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	shared := P(&state).shared()
	ctx, cancel, ok := deadline.With(ctx, shared.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	img, err := imageref.Find(ctx, r.data, shared.Image.ValueString(), shared.ImageID.ValueString())
	if rbd.IsNotFound(err) {
		return
	}
	if err == nil {
		err = guestedit.Recover(ctx, r.data.Ceph, img)
	}
	if f, ok := r.Work.(forgetter[M]); ok && err == nil {
		err = f.Forget(ctx, r.data.Guest(), img, &state, &resp.Diagnostics)
	}
	if err != nil {
		r.Kind.Error(&resp.Diagnostics, "delete", shared.Image.ValueString(), err)
	}
}
