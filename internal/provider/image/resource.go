// Package image is the resource rbd_image, an empty RBD image, and the data
// source of the same name.
package image

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
)

const (
	noun           = "RBD image"
	defaultTimeout = 10 * time.Minute // of the creation
)

var (
	_ resource.ResourceWithConfigure   = &imageResource{}
	_ resource.ResourceWithModifyPlan  = &imageResource{}
	_ resource.ResourceWithImportState = &imageResource{}
)

// NewResource is rbd_image.
func NewResource() resource.Resource { return &imageResource{} }

type imageResource struct{ data *providerdata.Data }

func (r *imageResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image"
}

func (r *imageResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An empty RBD image, as `rbd create --size SIZE POOL/NAME` makes it. It is renamed and grown in place.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`.",
		Attributes: target.Attributes(schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "Size of the image. It is grown in place and never shrunk.",
			PlanModifiers:       []planmodifier.String{target.KeepEqualSize()},
		}, nil),
		Blocks: map[string]schema.Block{
			"timeouts": timeouts.Block(ctx, timeouts.Opts{Create: true, Read: true, Update: true, Delete: true}),
		},
	}
}

func (r *imageResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *imageResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	p := target.Planner{Data: r.data, Noun: noun}
	if !req.State.Raw.IsNull() {
		var state model
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		p.State = &state.Model
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		p.CheckDestroy(ctx, &resp.Diagnostics)
		return
	}
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	p.Model, p.Token = plan.Model, plan.token()
	p.ModifyPlan(ctx, req, resp)
}

func (r *imageResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}

	spec, token := plan.RBDSpec(), plan.token()
	finished, err := r.data.Ceph.CheckFree(ctx, spec, token)
	if err == nil && !finished {
		err = r.data.Ceph.CreateImage(ctx, spec, plan.Size.Bytes(), token)
	}
	if err != nil {
		report.Error(&resp.Diagnostics, "create", noun, spec.String(), err)
		return
	}
	target.ReadBack(ctx, r.data, noun, spec, &plan.Model, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		// Without an id in the state: the next apply finds the image by its token.
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

func (r *imageResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	target.Read[model](ctx, r.data, noun, req, resp)
	if resp.Diagnostics.HasError() || resp.State.Raw.IsNull() {
		return
	}
	var m model
	resp.Diagnostics.Append(resp.State.Get(ctx, &m)...)
	if m.Size.IsNull() && !m.SizeBytes.IsNull() { // just imported
		size := sizetype.New(uint64(m.SizeBytes.ValueInt64())) //nolint:gosec // never negative
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("size"), size)...)
	}
}

func (r *imageResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	target.Update[model](ctx, r.data, noun, req, resp)
}

func (r *imageResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	target.Delete[model](ctx, r.data, noun, req, resp)
}

func (r *imageResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	target.Import(ctx, req, resp)
}
