// SPDX-License-Identifier: MPL-2.0

// Package imagemirror is the resource rbd_image_mirror.
package imagemirror

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/mirroring"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/settle"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	readTimeout   = 10 * time.Minute
	deleteTimeout = 10 * time.Minute
	// copyTimeout is for what waits for a copy of the whole image.
	copyTimeout = 12 * time.Hour
)

var kind = report.NewKind("mirroring of RBD image", advice, target.Advice)

var (
	_ resource.ResourceWithConfigure   = &mirrorResource{}
	_ resource.ResourceWithModifyPlan  = &mirrorResource{}
	_ resource.ResourceWithImportState = &mirrorResource{}
	_ resource.ResourceWithIdentity    = &mirrorResource{}
)

// NewResource is rbd_image_mirror.
func NewResource() resource.Resource { return &mirrorResource{} }

type mirrorResource struct{ data *providerdata.Data }

func (r *mirrorResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image_mirror"
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *mirrorResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = target.IdentitySchema()
}

func (r *mirrorResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *mirrorResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, copyTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	request, err := plan.request(nil)
	if err == nil {
		err = mirroring.Enable(ctx, r.data.Ceph, request)
	}
	var img rbd.Image
	var m rbd.Mirroring
	if err == nil {
		img, m, err = r.data.Ceph.Mirroring(ctx, request.Spec)
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "enable", plan.Image.ValueString(), err)
		return
	}
	plan.setRead(img, m)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	r.noteHome(ctx, img, resp.Private, &resp.Diagnostics)
	setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
	settle.AtEnd(func(ctx context.Context) error {
		img, m, err := r.data.Ceph.Mirroring(ctx, request.Spec)
		if err == nil && m.Primary && img.OwnsMirroring() {
			err = r.data.Ceph.ClaimMirroring(ctx, img)
		}
		if rbd.IsNotFound(err) || errors.Is(err, rbd.ErrNotMirrored) {
			return nil
		}
		return err
	})
}

func (r *mirrorResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.Reading(ctx, state.Timeouts.Read, readTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	name := state.Image.ValueString()
	if !r.data.CanAsk() {
		kind.NotRefreshed(&resp.Diagnostics, name)
		keepIdentity(ctx, r.data, state, resp.Identity, &resp.Diagnostics)
		return
	}
	err := r.checkHome(ctx, state, req.Private)
	var img rbd.Image
	var m rbd.Mirroring
	if err == nil {
		img, m, err = r.find(ctx, state)
	}
	switch {
	case rbd.IsNotFound(err) || errors.Is(err, rbd.ErrNotMirrored):
		resp.State.RemoveResource(ctx)
		keepIdentity(ctx, r.data, state, resp.Identity, &resp.Diagnostics)
		return
	case err != nil:
		kind.Error(&resp.Diagnostics, "read", name, err)
		return
	}
	if m.Primary {
		// Reading must also work for a user who may not write.
		if err := r.data.Ceph.ClaimMirroring(ctx, img); err != nil {
			tflog.Warn(ctx, "could not note that the mirroring is in a state", map[string]any{"image": name, "error": err.Error()})
		}
	}
	r.noteHome(ctx, img, resp.Private, &resp.Diagnostics)
	state.setRead(img, m)
	r.readSchedules(ctx, img.Spec, &state)
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
}

// readSchedules leaves those of the state where the manager does not tell them: a
// refresh must work without one.
func (r *mirrorResource) readSchedules(ctx context.Context, spec rbd.Spec, m *model) {
	now, err := r.data.Ceph.MirrorSchedules(ctx, spec)
	if err != nil {
		tflog.Warn(ctx, "could not read the mirror snapshot schedules", map[string]any{"image": spec.String(), "error": err.Error()})
		return
	}
	m.setSchedules(now)
}

// find reads the image of a state. An image that was copied anew has another id, one
// that was renamed another name; the global id stays.
func (r *mirrorResource) find(ctx context.Context, m model) (rbd.Image, rbd.Mirroring, error) {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return rbd.Image{}, rbd.Mirroring{}, err
	}
	img, is, err := r.data.Ceph.Mirroring(ctx, spec)
	same := m.ImageID.IsNull() || img.ID == m.ImageID.ValueString() || is.GlobalID != "" && is.GlobalID == m.GlobalID.ValueString()
	if errors.Is(err, rbd.ErrImageNotFound) && !m.ImageID.IsNull() || err == nil && !same {
		var now rbd.Image
		if now, err = r.data.Ceph.ImageByID(ctx, spec, m.ImageID.ValueString()); err == nil {
			img, is, err = r.data.Ceph.Mirroring(ctx, now.Spec)
		}
	}
	if err == nil && is.GlobalID == "" {
		err = rbd.ErrNotMirrored
	}
	return img, is, err
}

func (r *mirrorResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, copyTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	request, err := plan.request(&state)
	var img rbd.Image
	var m rbd.Mirroring
	if err == nil {
		if img, m, err = r.find(ctx, plan.at(state)); err == nil && img.Spec != request.Spec {
			err = rbd.ErrOtherImage
		}
	}
	if err == nil {
		err = mirroring.Update(ctx, r.data.Ceph, request)
	}
	if err == nil {
		img, m, err = r.data.Ceph.Mirroring(ctx, request.Spec)
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "update", plan.Image.ValueString(), err)
		return
	}
	plan.setRead(img, m)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
}

func (r *mirrorResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, deleteTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	err := r.checkHome(ctx, state, req.Private)
	if err == nil {
		err = r.remove(ctx, state)
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "disable", state.Image.ValueString(), err)
	}
}

// remove leaves a secondary: it goes when its primary does.
func (r *mirrorResource) remove(ctx context.Context, state model) error {
	img, m, err := r.find(ctx, state)
	switch {
	case rbd.IsNotFound(err) || errors.Is(err, rbd.ErrNotMirrored):
		return nil
	case err != nil || !m.Primary:
		return err
	case state.OnDestroy.ValueString() == ondestroy.Retain:
		return r.data.Ceph.DisownMirroring(ctx, img)
	}
	return mirroring.Disable(ctx, r.data.Ceph, img.Spec, img.ID)
}

// ImportState takes pool[/namespace]/image, or an identity.
func (r *mirrorResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	name := req.ID
	if name == "" && req.Identity != nil {
		if !r.data.CanAsk() {
			kind.Unconfigured(&resp.Diagnostics, "import", "")
			return
		}
		img, err := target.FindIdentity(ctx, r.data, req.Identity)
		if err != nil {
			kind.Error(&resp.Diagnostics, "import", "", err)
			return
		}
		name = img.Spec.String()
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("image_id"), img.ID)...)
		setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
	}
	spec, err := rbd.ParseSpec(name)
	if err == nil && spec.Snapshot != "" {
		err = errors.New("the spec of a snapshot, an image is wanted")
	}
	if err != nil {
		resp.Diagnostics.AddError("Invalid import id", "Want pool[/namespace]/image: "+err.Error()+".")
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("image"), spec.String())...)
	if r.data.CanAsk() {
		if _, _, err := r.find(ctx, model{Image: stringValue(spec.String())}); err != nil {
			kind.Error(&resp.Diagnostics, "import", spec.String(), err)
		}
	}
}

// noteHome keeps where the image is.
func (r *mirrorResource) noteHome(ctx context.Context, img rbd.Image, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, diags *diag.Diagnostics) {
	if err := r.data.NoteHome(ctx, to, img.Spec.Pool); err != nil {
		kind.Error(diags, "read", img.Spec.String(), err)
	}
}

// checkHome makes sure that the state's cluster and pool are the ones at hand.
func (r *mirrorResource) checkHome(ctx context.Context, m model, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}) error {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return err
	}
	return r.data.CheckHome(ctx, from, spec.Pool)
}
