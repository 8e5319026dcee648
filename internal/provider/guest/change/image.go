package change

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Atomic is the part of a resource's description that is the same for all.
const Atomic = "The work is done in an overlay, and put into the image under a snapshot to go back to (`terraform-undo`), which is removed at the end: " +
	"an interrupted run leaves the image with its old content, or the next run puts that back. " +
	"An image that anything else has open or locked is refused: the disk of a running machine is never written. " +
	"Snapshots that exist already keep the old content.\n\n"

// Caps is the part of a resource's description that names the Ceph caps.
const Caps = "Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`."

// Schema is a resource's schema with what all have in common: the image, and
// what became of it.
func Schema(ctx context.Context, description, what, revision string, attributes map[string]schema.Attribute) schema.Schema {
	all := map[string]schema.Attribute{
		imageref.Name: imageref.Attribute(what),
		"spec":        schema.StringAttribute{Computed: true, MarkdownDescription: "The image's spec, for what must come after this."},
		"image_id": schema.StringAttribute{
			Computed: true, MarkdownDescription: "RBD image id of the image.",
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"revision": schema.StringAttribute{Computed: true, MarkdownDescription: revision + " For the name of the snapshot that follows."},
	}
	for name, a := range attributes {
		all[name] = a
	}
	return schema.Schema{
		MarkdownDescription: description,
		Attributes:          all,
		Blocks: map[string]schema.Block{
			"timeouts": timeouts.Block(ctx, timeouts.Opts{Create: true, Read: true, Update: true, Delete: true}),
		},
	}
}

// Subject is the image of a state or a plan.
type Subject struct{ Image, ImageID types.String }

// PlanImage is the beginning of every plan. It asks for a new resource where
// another image is meant, and sets spec and image_id as far as they are known.
//
// willChange has an image refused that is in use. The image is nil where it is
// not there, or not to be asked for yet; same is false where it is not the
// state's.
func PlanImage(ctx context.Context, d *providerdata.Data, noun string, state *Subject, plan *Subject, willChange bool, resp *resource.ModifyPlanResponse) (img *rbd.Image, same bool) {
	if d.CanAsk() {
		// Also while the image is not known yet: a wrong cluster stops here.
		if _, err := d.Ceph.FSID(ctx); err != nil {
			report.Error(&resp.Diagnostics, "plan a change of", noun, plan.Image.ValueString(), err)
			return nil, false
		}
	}
	if state != nil {
		imageref.PlanChange(ctx, d, state.Image, plan.Image, state.ImageID.ValueString(), resp)
	}
	same = state != nil && len(resp.RequiresReplace) == 0
	if !same {
		plan.ImageID = types.StringUnknown()
	}
	if !plan.Image.IsUnknown() && d.CanAsk() {
		var err error
		if img, err = findPlanned(ctx, d, plan.Image.ValueString(), state, same, willChange); err != nil {
			report.AttributeError(&resp.Diagnostics, path.Root(imageref.Name), "plan a change of", noun, plan.Image.ValueString(), err)
			return nil, same
		}
	}
	if img != nil && state == nil {
		plan.ImageID = types.StringValue(img.ID)
	}
	SetPlan(ctx, resp, map[string]attr.Value{"spec": plan.Image, "image_id": plan.ImageID})
	return img, same
}

// findPlanned finds the image that a plan means, nil where this run makes it.
func findPlanned(ctx context.Context, d *providerdata.Data, image string, state *Subject, same, willChange bool) (*rbd.Image, error) {
	spec, err := rbd.ParseSpec(image)
	if err != nil {
		return nil, err
	}
	img, err := Planned(ctx, d, spec, willChange || !same)
	if same && rbd.IsNotFound(err) { // this run renames it
		img, err = imageref.Find(ctx, d, state.Image.ValueString(), state.ImageID.ValueString())
	}
	if rbd.IsNotFound(err) {
		return nil, nil //nolint:nilnil // made in this run
	}
	if id, ok := d.Planned.Find(spec); ok && id.ImageID != img.ID {
		return nil, err // another one will have the name
	}
	return &img, err
}

// SetPlan sets computed attributes.
func SetPlan(ctx context.Context, resp *resource.ModifyPlanResponse, values map[string]attr.Value) {
	for name, v := range values {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), v)...)
	}
}

// ReadImage finds the image of a state; where it is gone, so is the resource.
// It returns false where there is nothing more to read.
func ReadImage(ctx context.Context, d *providerdata.Data, noun string, state *Subject, resp *resource.ReadResponse) (rbd.Image, bool) {
	if !d.CanAsk() {
		resp.Diagnostics.AddWarning("Not refreshed", fmt.Sprintf("The provider's configuration is not known yet, so the %s %q was not read.", noun, state.Image.ValueString()))
		return rbd.Image{}, false
	}
	img, err := imageref.Find(ctx, d, state.Image.ValueString(), state.ImageID.ValueString())
	switch {
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		return img, false
	case err != nil:
		report.Error(&resp.Diagnostics, "read", noun, state.Image.ValueString(), err)
		return img, false
	}
	state.Image, state.ImageID = types.StringValue(img.Spec.String()), types.StringValue(img.ID)
	return img, true
}

// ApplyImage finds the image that is to be changed, which must have the id of
// the plan where that is known.
func ApplyImage(ctx context.Context, d *providerdata.Data, plan Subject) (rbd.Image, error) {
	if id := plan.ImageID.ValueString(); id != "" {
		return imageref.Same(ctx, d, plan.Image.ValueString(), id)
	}
	return imageref.Find(ctx, d, plan.Image.ValueString(), "")
}

// ImportImage takes pool[/namespace]/image.
func ImportImage(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	spec, err := rbd.ParseSpec(req.ID)
	if err != nil || spec.Snapshot != "" {
		resp.Diagnostics.AddError("Invalid import id", "Want pool[/namespace]/image, got \""+req.ID+"\".")
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(imageref.Name), spec.String())...)
}
