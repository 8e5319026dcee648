// SPDX-License-Identifier: MPL-2.0

package guestresource

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Planning is the plan of one resource.
type Planning[M any] struct {
	// Plan is what Terraform proposes, State what is there: the zero model where
	// Exists is false.
	Plan, State M
	Config      tfsdk.Config
	Data        *providerdata.Data
	Kind        report.Kind

	plan, state *Model // within Plan and State; state is nil where there is none
	resp        *resource.ModifyPlanResponse
}

// Exists tells whether there is a state.
func (p *Planning[M]) Exists() bool { return p.state != nil }

// Diagnostics are those of the plan.
func (p *Planning[M]) Diagnostics() *diag.Diagnostics { return &p.resp.Diagnostics }

// Set sets computed attributes.
func (p *Planning[M]) Set(ctx context.Context, values map[string]attr.Value) {
	SetPlan(ctx, p.resp, values)
}

// SetPlan sets computed attributes of a plan.
func SetPlan(ctx context.Context, resp *resource.ModifyPlanResponse, values map[string]attr.Value) {
	for name, v := range values {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), v)...)
	}
}

// Image is the beginning of every plan. It asks for a new resource where another
// image is meant, and sets spec and image_id as far as they are known. Where it
// fails, the diagnostics have an error.
//
// willChange has an image refused that is in use. The image is nil where it is
// not there, or not to be asked for yet; same is false where it is not the
// state's.
func (p *Planning[M]) Image(ctx context.Context, willChange bool) (img *rbd.Image, same bool) {
	image := p.plan.Image.ValueString()
	if p.Data.CanAsk() {
		// Also while the image is not known yet: a wrong cluster stops here.
		if _, err := p.Data.Ceph.FSID(ctx); err != nil {
			p.Kind.Error(p.Diagnostics(), "plan a change of", image, err)
			return nil, false
		}
	}
	if p.state != nil {
		imageref.PlanChange(ctx, p.Data, p.state.Image, p.plan.Image, p.state.ImageID.ValueString(), p.resp)
	}
	same = p.state != nil && len(p.resp.RequiresReplace) == 0
	if !same {
		p.plan.ImageID = types.StringUnknown()
	}
	if !p.plan.Image.IsUnknown() && p.Data.CanAsk() {
		var err error
		if img, err = p.findImage(ctx, same, willChange); err != nil {
			p.Kind.AttributeError(p.Diagnostics(), path.Root(imageref.Name), "plan a change of", image, err)
			return nil, same
		}
	}
	if img != nil && p.state == nil {
		p.plan.ImageID = types.StringValue(img.ID)
	}
	p.Set(ctx, map[string]attr.Value{"spec": p.plan.Image, "image_id": p.plan.ImageID})
	return img, same
}

// findImage finds the image that a plan means, nil where this run makes it. One
// that neither is there nor will be is an error.
func (p *Planning[M]) findImage(ctx context.Context, same, willChange bool) (*rbd.Image, error) {
	spec, err := rbd.ParseSpec(p.plan.Image.ValueString())
	if err != nil {
		return nil, err
	}
	img, err := guestedit.CheckPlanned(ctx, p.Data.Ceph, spec, willChange || !same)
	if same && rbd.IsNotFound(err) { // this run renames it
		img, err = imageref.Find(ctx, p.Data, p.state.Image.ValueString(), p.state.ImageID.ValueString())
	}
	if p.Data.Planned.Explains(spec, err) {
		return nil, nil //nolint:nilnil // made in this run
	}
	if err != nil {
		return nil, err
	}
	if id, ok := p.Data.Planned.Find(spec); ok && id.ImageID != img.ID {
		return nil, nil //nolint:nilnil // another one will have the name
	}
	return &img, nil
}

// Once plans work that is done once for each revision, with its image: inputs,
// which must be fit for JSON, are all that the result depends on; nil stands for
// what is not known yet. It returns whether the apply will do the work. Where it
// fails, the diagnostics have an error.
func (p *Planning[M]) Once(ctx context.Context, inputs any) (runs bool) {
	img, same := p.Image(ctx, false)
	if p.resp.Diagnostics.HasError() {
		return false
	}
	revision := types.StringUnknown()
	if inputs != nil && !p.plan.ImageID.IsUnknown() {
		revision = types.StringValue(guestedit.Revision(p.plan.ImageID.ValueString(), inputs))
	}
	runs = !same || !revision.Equal(p.state.Revision) || img != nil && img.EditInterrupted()
	if runs && img != nil {
		p.Data.Planned.NoteEdit(img.ID)
	}
	if runs && img != nil && !img.ContentInDoubt() {
		if err := guestinspect.CheckUsable(ctx, p.Data.Guest(), img.Spec); err != nil && !errors.Is(err, rbd.ErrInUse) {
			p.Kind.AttributeError(p.Diagnostics(), path.Root(imageref.Name), "plan a change of", img.Spec.String(), err)
			return runs
		}
	}
	if runs && same && img != nil {
		if _, err := guestedit.CheckPlanned(ctx, p.Data.Ceph, img.Spec, true); err != nil {
			p.Kind.AttributeError(p.Diagnostics(), path.Root(imageref.Name), "plan a change of", img.Spec.String(), err)
		}
	}
	p.Set(ctx, map[string]attr.Value{"revision": revision})
	return runs
}

// Known tells whether values are known as a whole.
func Known(ctx context.Context, values ...attr.Value) bool {
	for _, v := range values {
		if tv, err := v.ToTerraformValue(ctx); err != nil || !tv.IsFullyKnown() {
			return false
		}
	}
	return true
}
