// Package fileedit is the resource rbd_guest_file_edit.
package fileedit

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const noun = "files in RBD image"

var (
	_ resource.ResourceWithConfigure   = &fileEditResource{}
	_ resource.ResourceWithModifyPlan  = &fileEditResource{}
	_ resource.ResourceWithImportState = &fileEditResource{}
)

func init() {
	report.Advise(errMissing, "Look for a typing error, or give content to make the file. The image was not changed.")
	report.Advise(errType, "Only regular files are edited. The image was not changed.")
	report.Advise(errSamePath, "Upper and lower case in a path are the same there. The image was not changed.")
	report.Advise(errUnsettled, "Write the patterns so that they do not match what they lead to. The image was not changed.")
}

// NewResource is rbd_guest_file_edit.
func NewResource() resource.Resource {
	return &fileEditResource{change.Base{Type: "_guest_file_edit", Noun: noun}}
}

type fileEditResource struct{ change.Base }

func (r *fileEditResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if ok && r.edit(ctx, &plan, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

func (r *fileEditResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if ok && r.edit(ctx, &plan, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

// edit makes the plan hold in the image.
func (r *fileEditResource) edit(ctx context.Context, plan *model, diags *diag.Diagnostics) bool {
	edits := plan.edits(ctx, diags)
	if diags.HasError() {
		return false
	}
	img, err := change.ApplyImage(ctx, r.Data, *plan.subject())
	if err == nil {
		err = job{data: r.Data, spec: img.Spec, tree: plan.tree(), edits: edits}.run(ctx, img.ID)
	}
	if err != nil {
		report.Error(diags, "edit", noun, plan.Image.ValueString(), err)
		return false
	}
	plan.Spec, plan.ImageID = types.StringValue(img.Spec.String()), types.StringValue(img.ID)
	plan.Revision = types.StringValue(revision(img.ID, edits))
	plan.Drift = noDrift
	return true
}

func (r *fileEditResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Read, change.DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	subject := state.subject()
	img, ok := change.ReadImage(ctx, r.Data, noun, subject, resp)
	if !ok {
		return
	}
	state.Image, state.Spec, state.ImageID = subject.Image, subject.Image, subject.ImageID
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
	err := r.Data.Ceph.CheckUnused(ctx, img.Spec, img.ID)
	if errors.Is(err, rbd.ErrInUse) {
		diags.AddWarning("Files not compared", "The guest was not looked at, as what is written to it now may be half there: "+err.Error()+".")
		return state.Drift
	}
	var pending []outcome
	if err == nil {
		j := job{data: r.Data, spec: img.Spec, tree: state.tree(), edits: edits}
		pending, err = j.look(ctx)
	}
	if err != nil {
		report.Error(diags, "read", noun, img.Spec.String(), err)
	}
	return driftOf(ctx, pending, diags)
}
