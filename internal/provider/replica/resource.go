// SPDX-License-Identifier: MPL-2.0

// Package replica is the resource rbd_image_replica.
package replica

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/replication"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	defaultTimeout = 12 * time.Hour // of the first copy
	readTimeout    = 10 * time.Minute
)

var kind = report.NewKind("RBD image", advice, target.Advice)

var (
	_ resource.ResourceWithConfigure   = &replicaResource{}
	_ resource.ResourceWithModifyPlan  = &replicaResource{}
	_ resource.ResourceWithImportState = &replicaResource{}
	_ resource.ResourceWithIdentity    = &replicaResource{}

	_ resource.ResourceWithValidateConfig = &replicaResource{}
)

// NewResource is rbd_image_replica.
func NewResource() resource.Resource { return &replicaResource{} }

type replicaResource struct{ data *providerdata.Data }

// deps is what operations work with.
func deps(d *providerdata.Data) replication.Deps {
	return replication.Deps{Ceph: d.Ceph, Log: tflog.Info}
}

func (r *replicaResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image_replica"
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *replicaResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = target.IdentitySchema()
}

func (r *replicaResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *replicaResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	if resp.Diagnostics.Append(req.Config.Get(ctx, &config)...); !resp.Diagnostics.HasError() {
		config.Validate(&resp.Diagnostics)
	}
}

func (r *replicaResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	src, _ := plan.readSource(ctx, &resp.Diagnostics)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if _, err := replication.Do(ctx, deps(r.data), plan.request(src, plan.RBDSpec())); err != nil {
		kind.Error(&resp.Diagnostics, "create", plan.RBDSpec().String(), err)
		return
	}
	img, ok := target.ReadBack(ctx, r.data, kind, "", &plan.Model, &resp.Diagnostics)
	if !ok {
		// Without an id in the state: the next apply finds the image by its token.
		return
	}
	plan.setReplica(img)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	target.Created(ctx, r.data, img, resp)
}

func (r *replicaResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	target.Read[model](ctx, r.data, kind, req, resp)
	if resp.Diagnostics.HasError() || resp.State.Raw.IsNull() || !r.data.CanAsk() {
		return
	}
	var state model
	resp.Diagnostics.Append(resp.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.Reading(ctx, state.Timeouts.Read, readTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok || state.SnapshotID.IsNull() || state.Trashed.ValueBool() {
		return
	}
	modified, err := r.data.Ceph.ReplicaModified(ctx, state.RBDSpec(), state.ImageID.ValueString())
	if err != nil && !rbd.IsNotFound(err) {
		kind.Error(&resp.Diagnostics, "read", state.Spec.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("modified"), modified)...)
}

func (r *replicaResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	target.Update[model](ctx, r.data, kind, req, resp, func(was, is *model) target.Change {
		return target.Change{Also: func(ctx context.Context, spec rbd.Spec) error {
			if was.Trashed.ValueBool() && is.Trashed.ValueBool() {
				return nil
			}
			return r.update(ctx, *was, *is, spec, &resp.Diagnostics)
		}}
	})
}

// update brings the content and the snapshots to what was planned.
func (r *replicaResource) update(ctx context.Context, was, is model, spec rbd.Spec, diags *diag.Diagnostics) error {
	src, known := is.readSource(ctx, diags)
	if diags.HasError() || !known {
		return errors.New("the source is not known")
	}
	result, err := replication.Update(ctx, deps(r.data), was.before(), is.request(src, spec))
	for _, why := range result.Kept {
		diags.AddAttributeWarning(path.Root("keep_snapshots"), "An older snapshot is kept", kind.Detail(why))
	}
	return err
}

func (r *replicaResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	target.Delete[model](ctx, r.data, kind, req, resp)
}

// ImportState takes only what has the note of a replica: what an image is a copy
// of can't be told by looking at it.
func (r *replicaResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	target.Import(ctx, r.data, kind, req, resp)
	var m struct{ pool, namespace, name string }
	for name, to := range map[string]*string{"pool": &m.pool, "namespace": &m.namespace, "name": &m.name} {
		if resp.Diagnostics.HasError() {
			return
		}
		resp.Diagnostics.Append(resp.State.GetAttribute(ctx, path.Root(name), to)...)
	}
	if resp.Diagnostics.HasError() || !r.data.CanAsk() {
		return
	}
	spec := rbd.Spec{Pool: m.pool, Namespace: m.namespace, Image: m.name}
	if err := replication.Adopt(ctx, deps(r.data), spec); err != nil {
		kind.Error(&resp.Diagnostics, "import", spec.String(), err)
	}
}
