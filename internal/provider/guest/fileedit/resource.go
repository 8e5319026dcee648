// Package fileedit is the resource rbd_guest_file_edit.
package fileedit

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	noun           = "files in RBD image"
	defaultTimeout = 20 * time.Minute
)

var (
	_ resource.ResourceWithConfigure   = &fileEditResource{}
	_ resource.ResourceWithModifyPlan  = &fileEditResource{}
	_ resource.ResourceWithImportState = &fileEditResource{}
)

func init() {
	report.Advise(errMissing, "Look for a typing error, or give content to make the file. The image was not changed.")
	report.Advise(errType, "Only regular files are edited. The image was not changed.")
	report.Advise(errUnsettled, "Write the patterns so that they do not match what they lead to. The image was not changed.")
}

// NewResource is rbd_guest_file_edit.
func NewResource() resource.Resource { return &fileEditResource{} }

type fileEditResource struct{ data *providerdata.Data }

func (r *fileEditResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_guest_file_edit"
}

func (r *fileEditResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *fileEditResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	r.edit(ctx, &plan, "", &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

func (r *fileEditResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	r.edit(ctx, &plan, state.ImageID.ValueString(), &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

// edit makes the plan hold in the image, which must have imageID where that is
// given.
func (r *fileEditResource) edit(ctx context.Context, plan *model, imageID string, diags *diag.Diagnostics) {
	edits := plan.edits(ctx, diags)
	if diags.HasError() {
		return
	}
	spec, err := rbd.ParseSpec(plan.Image.ValueString())
	var img rbd.Image
	if err == nil {
		img, err = r.data.Ceph.Image(ctx, spec)
	}
	if imageID == "" {
		imageID = img.ID
	}
	if err == nil {
		j := job{data: r.data, spec: spec, rootDevice: plan.RootDevice.ValueString(), edits: edits}
		err = j.run(ctx, imageID)
	}
	if err != nil {
		report.Error(diags, "edit", noun, plan.Image.ValueString(), err)
		return
	}
	plan.Spec = types.StringValue(spec.String())
	plan.ImageID = types.StringValue(imageID)
	plan.Revision = types.StringValue(revision(imageID, edits))
	plan.Drift = noDrift
}

func (r *fileEditResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Read, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if !r.data.CanAsk() {
		resp.Diagnostics.AddWarning("Not refreshed", "The provider's configuration is not known yet, so the "+noun+" \""+state.Image.ValueString()+"\" were not read.")
		return
	}
	img, err := imageref.Find(ctx, r.data, state.Image.ValueString(), state.ImageID.ValueString())
	switch {
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		report.Error(&resp.Diagnostics, "read", noun, state.Image.ValueString(), err)
		return
	}
	state.Image = types.StringValue(img.Spec.String())
	state.Spec = state.Image
	state.ImageID = types.StringValue(img.ID)
	state.Drift = r.drift(ctx, img, state, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	}
}

// drift compares the guest with what the state wants. The content of an image
// that is being written to can't be told.
func (r *fileEditResource) drift(ctx context.Context, img rbd.Image, state model, diags *diag.Diagnostics) types.Map {
	edits := state.edits(ctx, diags)
	if len(edits) == 0 || diags.HasError() {
		return noDrift // just imported
	}
	if img.ContentInDoubt() {
		var all []outcome
		for _, e := range edits {
			all = append(all, outcome{edit: e, Unmet: []string{"an edit was interrupted; its beginning is taken back first"}})
		}
		return driftOf(ctx, all, diags)
	}
	err := r.data.Ceph.CheckUnused(ctx, img.Spec, img.ID)
	if errors.Is(err, rbd.ErrInUse) {
		diags.AddWarning("Files not compared", "The guest was not looked at, as what is written to it now may be half there: "+err.Error()+".")
		return state.Drift
	}
	var pending []outcome
	if err == nil {
		j := job{data: r.data, spec: img.Spec, rootDevice: state.RootDevice.ValueString(), edits: edits}
		pending, err = j.look(ctx)
	}
	if err != nil {
		report.Error(diags, "read", noun, img.Spec.String(), err)
	}
	return driftOf(ctx, pending, diags)
}

// Delete leaves the guest as it is, but not in the middle of an edit.
func (r *fileEditResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if err := change.Recover(ctx, r.data, state.Image.ValueString(), state.ImageID.ValueString()); err != nil {
		report.Error(&resp.Diagnostics, "delete", noun, state.Image.ValueString(), err)
	}
}

// ImportState takes pool[/namespace]/image; the files come from the
// configuration with the first apply, which edits only what does not hold.
func (r *fileEditResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	change.ImportImage(ctx, req, resp)
}
