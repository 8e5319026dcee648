// SPDX-License-Identifier: MPL-2.0

// Package export is the resource rbd_image_export.
package export

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/export"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/settle"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/stateid"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	createTimeout  = 3 * time.Hour
	defaultTimeout = 10 * time.Minute
	hashTimeout    = time.Hour // of what may read all of the file
)

var kind = report.NewKind("export", advice)

var (
	_ resource.ResourceWithConfigure      = &exportResource{}
	_ resource.ResourceWithModifyPlan     = &exportResource{}
	_ resource.ResourceWithImportState    = &exportResource{}
	_ resource.ResourceWithValidateConfig = &exportResource{}
)

// NewResource is rbd_image_export.
func NewResource() resource.Resource { return &exportResource{} }

type exportResource struct{ data *providerdata.Data }

// thisRun is on whose behalf files are written.
func thisRun() export.Owner {
	return export.Owner{Run: rbd.Run{State: stateid.ID(), ID: stateid.RunID()}, Running: stateid.Running}
}

// deps is what operations work with.
func deps(d *providerdata.Data) export.Deps {
	return export.Deps{Ceph: d.Ceph, Log: tflog.Info, By: thisRun()}
}

func (r *exportResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image_export"
}

func (r *exportResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *exportResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, createTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	file, err := plan.path()
	var result export.Result
	if err == nil {
		result, err = export.Do(ctx, deps(r.data), plan.request(file))
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "create", plan.File.ValueString(), err)
		return
	}
	plan.set(result, mode(plan.FileMode))
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(keepRecord(ctx, result.Record, resp.Private)...)
	settle.AtEnd(func(context.Context) error { return thisRun().Settle(file) })
}

// Read needs no cluster: the file stays when the snapshot is gone.
func (r *exportResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	was := keptRecord(ctx, state, req.Private, &resp.Diagnostics)
	ctx, cancel, ok := deadline.Reading(ctx, state.Timeouts.Read, hashTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	file, err := state.exported(was)
	var is export.Record
	var fi fs.FileInfo
	if err == nil {
		is, fi, err = file.Inspect(ctx)
	}
	if errors.Is(err, fs.ErrNotExist) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err == nil {
		noteRefreshed(state)
	}
	if err == nil && is.SHA256 == was.SHA256 {
		err = file.Claim(thisRun(), fi)
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "read", state.File.ValueString(), err)
		return
	}
	state.setFile(is.SizeBytes, is.SHA256, fi.Mode().Perm())
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	is.SHA256 = was.SHA256
	resp.Diagnostics.Append(keepRecord(ctx, is, resp.Private)...)
}

// Update does what needs no new file.
func (r *exportResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	_, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	file, err := plan.path()
	if err == nil {
		err = export.SetMode(file, mode(state.FileMode), mode(plan.FileMode))
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "update", plan.File.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

func (r *exportResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	kept := keptRecord(ctx, state, req.Private, &resp.Diagnostics)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, hashTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	file, err := state.exported(kept)
	switch {
	case err != nil:
	case state.OnDestroy.ValueString() == ondestroy.Retain:
		err = file.Retain(thisRun())
	default:
		err = file.Remove(ctx, thisRun())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		kind.Error(&resp.Diagnostics, "delete", state.File.ValueString(), err)
	}
}
