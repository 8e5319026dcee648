// SPDX-License-Identifier: MPL-2.0

// Package image is the resource rbd_image, an empty image or a clone, and the
// data source of the same name.
package image

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	defaultTimeout = 2 * time.Hour // of the creation, which may flatten
)

var kind = report.NewKind("RBD image", target.Advice)

var (
	_ resource.ResourceWithConfigure   = &imageResource{}
	_ resource.ResourceWithModifyPlan  = &imageResource{}
	_ resource.ResourceWithImportState = &imageResource{}
	_ resource.ResourceWithMoveState   = &imageResource{}
	_ resource.ResourceWithIdentity    = &imageResource{}

	_ resource.ResourceWithValidateConfig = &imageResource{}
)

// NewResource is rbd_image.
func NewResource() resource.Resource { return &imageResource{} }

type imageResource struct{ data *providerdata.Data }

func (r *imageResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image"
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *imageResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = target.IdentitySchema()
}

func (r *imageResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *imageResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}

	spec := plan.RBDSpec()
	if err := r.create(ctx, plan, spec); err != nil {
		kind.Error(&resp.Diagnostics, "create", spec.String(), err)
		return
	}
	img, ok := target.ReadBack(ctx, r.data, kind, "", &plan.Model, &resp.Diagnostics)
	if !ok {
		// Without an id in the state: the next apply finds the image by its token.
		return
	}
	flatten := plan.Flatten.ValueBool()
	plan.Flatten = types.BoolValue(flatten && img.Parent == nil)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	target.Created(ctx, r.data, img, resp)
	if !flatten || resp.Diagnostics.HasError() {
		return
	}
	// It takes its time: the image is in the state before.
	if err := r.flatten(ctx, spec, img.ID); err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("flatten"), "flatten", spec.String(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("flatten"), true)...)
}

func (r *imageResource) create(ctx context.Context, plan model, spec rbd.Spec) error {
	unlock, err := r.data.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	token := plan.token()
	if finished, err := r.data.Ceph.Resume(ctx, spec, token); err != nil || finished {
		return err
	}
	layout := plan.Layout()
	if plan.Parent.IsNull() {
		return r.data.Ceph.CreateImage(ctx, spec, layout, token)
	}
	from, err := r.origin(ctx, plan)
	if err != nil {
		return err
	}
	layout.AllowShrink = plan.AllowShrink.ValueBool()
	return r.data.Ceph.CloneImage(ctx, spec, from, layout, token)
}

// origin is the snapshot that has the parent's name now.
func (r *imageResource) origin(ctx context.Context, plan model) (rbd.Origin, error) {
	spec, err := rbd.ParseSpec(plan.Parent.ValueString())
	if err != nil {
		return rbd.Origin{}, err
	}
	parent, err := r.data.Ceph.Image(ctx, spec)
	if err != nil {
		return rbd.Origin{}, err
	}
	s, err := parent.Snapshot(spec.Snapshot)
	return rbd.Origin{Spec: spec, ImageID: parent.ID, SnapshotID: s.ID, CloneFormat: plan.cloneFormat()}, err
}

func (r *imageResource) flatten(ctx context.Context, spec rbd.Spec, id string) error {
	by, err := r.data.Ceph.FlattenImage(ctx, spec, id)
	if err == nil && by != "" {
		tflog.Info(ctx, "flattened", map[string]any{"image": spec.String(), "by": by})
	}
	return err
}

func (r *imageResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	target.Read[model](ctx, r.data, kind, req, resp)
}

// Refreshed puts what target does not know of into a refreshed model.
func (m *model) Refreshed(img rbd.Image) {
	if m.Size.IsNull() { // just imported
		m.Size = sizetype.New(img.SizeBytes)
	}
	m.setParent(img)
}

func (r *imageResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	target.Update[model](ctx, r.data, kind, req, resp, func(was, is *model) target.Change {
		return target.Change{
			AllowShrink: is.AllowShrink.ValueBool(),
			Also: func(ctx context.Context, spec rbd.Spec) error {
				if !is.Flatten.ValueBool() || was.Flatten.ValueBool() {
					return nil
				}
				return r.flatten(ctx, spec, was.ImageID.ValueString())
			},
		}
	})
}

func (r *imageResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	target.Delete[model](ctx, r.data, kind, req, resp)
}

func (r *imageResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	target.Import(ctx, r.data, kind, req, resp)
}

// MoveState takes over what another provider of Ceph has as an RBD image.
func (r *imageResource) MoveState(context.Context) []resource.StateMover { return target.Mover() }
