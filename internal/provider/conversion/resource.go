// SPDX-License-Identifier: MPL-2.0

// Package conversion is the resource rbd_image_conversion.
package conversion

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
)

const defaultTimeout = 3 * time.Hour // of the creation

var kind = report.NewKind("RBD image", advice, target.Advice)

var (
	_ resource.ResourceWithConfigure   = &conversionResource{}
	_ resource.ResourceWithModifyPlan  = &conversionResource{}
	_ resource.ResourceWithImportState = &conversionResource{}
	_ resource.ResourceWithIdentity    = &conversionResource{}

	_ resource.ResourceWithValidateConfig = &conversionResource{}
)

// NewResource is rbd_image_conversion.
func NewResource() resource.Resource { return &conversionResource{} }

type conversionResource struct{ data *providerdata.Data }

// deps is what operations work with.
func deps(d *providerdata.Data) conversion.Deps {
	return conversion.Deps{Ceph: d.Ceph, Log: tflog.Info}
}

func (r *conversionResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image_conversion"
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *conversionResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = target.IdentitySchema()
}

func (r *conversionResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	if resp.Diagnostics.Append(req.Config.Get(ctx, &config)...); resp.Diagnostics.HasError() {
		return
	}
	config.Validate(&resp.Diagnostics)
	if config.Source.IsUnknown() || config.Source.IsNull() {
		return
	}
	var src sourceModel
	resp.Diagnostics.Append(config.Source.As(ctx, &src, basetypes.ObjectAsOptions{})...)
	if src.known() {
		if err := conversion.CheckEngine(config.Engine.ValueString(), src.reference()); err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("engine"), "Invalid Attribute Combination", kind.Detail(err))
		}
	}
	if src.AllowAnyContent.ValueBool() && !src.Format.IsUnknown() && src.Format.ValueString() != formatRaw {
		resp.Diagnostics.AddAttributeError(path.Root("source").AtName("allow_any_content"), "Invalid Attribute Combination",
			"allow_any_content is for raw sources, which have no header to be recognized by; format is \""+src.Format.ValueString()+"\". Leave it out.")
	}
	if src.InternalSnapshot.ValueString() != "" && !src.Format.IsUnknown() && src.Format.ValueString() != "qcow2" {
		resp.Diagnostics.AddAttributeError(path.Root("source").AtName("internal_snapshot"), "Invalid Attribute Combination",
			"Only a qcow2 has internal snapshots, format is \""+src.Format.ValueString()+"\".")
	}
	if src.AllowBackingChain.ValueBool() && !src.Format.IsUnknown() && src.Format.ValueString() != "qcow2" {
		resp.Diagnostics.AddAttributeError(path.Root("source").AtName("allow_backing_chain"), "Invalid Attribute Combination",
			"A backing chain is converted of a qcow2 only, format is \""+src.Format.ValueString()+"\".")
	}
}

func (r *conversionResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *conversionResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	var src sourceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(plan.Source.As(ctx, &src, basetypes.ObjectAsOptions{})...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	result, err := conversion.Do(ctx, deps(r.data), plan.request(src))
	if err != nil {
		kind.Error(&resp.Diagnostics, "create", plan.RBDSpec().String(), err)
		return
	}
	plan.set(result)
	img, ok := target.ReadBack(ctx, r.data, kind, "", &plan.Model, &resp.Diagnostics)
	if !ok {
		// Without an id in the state: the next apply finds the image by its token.
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	target.Created(ctx, r.data, img, resp)
}

func (r *conversionResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	target.Read[model](ctx, r.data, kind, req, resp)
}

func (r *conversionResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	target.Update[model](ctx, r.data, kind, req, resp, nil)
}

func (r *conversionResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	target.Delete[model](ctx, r.data, kind, req, resp)
}

func (r *conversionResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	target.Import(ctx, r.data, kind, req, resp)
}
