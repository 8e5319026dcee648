// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func (r *conversionResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	p := target.Planner{Data: r.data, Kind: kind}
	state, plan, ok := target.Begin[model](ctx, &p, req, resp)
	if !ok {
		return
	}
	p.Model = plan.Model
	src, known := readSource(ctx, *plan, resp)
	if state != nil {
		p.Replacing = !state.Source.IsNull() && !state.Source.Equal(plan.Source)
		if known && !p.Replacing {
			r.planRevision(ctx, *state, *plan, src, resp)
		}
	}
	if known && !plan.Engine.IsUnknown() && (state == nil || p.Replacing || len(resp.RequiresReplace) > 0) {
		if plan.Settled() {
			p.Token = plan.token(src)
		}
		r.planSource(ctx, &p, plan.Engine.ValueString(), src, resp)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	p.ModifyPlan(ctx, req, resp)
}

// readSource returns false while not all of the source is known.
func readSource(ctx context.Context, m model, resp *resource.ModifyPlanResponse) (sourceModel, bool) {
	var src sourceModel
	if m.Source.IsUnknown() || m.Source.IsNull() {
		return src, false
	}
	resp.Diagnostics.Append(m.Source.As(ctx, &src, basetypes.ObjectAsOptions{})...)
	return src, src.known()
}

// planRevision makes the image anew where the source has become another one on
// its server. A server that can't be asked is no drift.
func (r *conversionResource) planRevision(ctx context.Context, state, plan model, src sourceModel, resp *resource.ModifyPlanResponse) {
	if plan.OnSourceChange.ValueString() != onSourceChangeReplace || state.SourceRevision.IsNull() || !r.data.CanAsk() {
		return
	}
	now, err := conversion.RevisionNow(ctx, src.reference(), state.SourceRevision.ValueString())
	if err != nil {
		resp.Diagnostics.AddAttributeWarning(path.Root("source"), "Unable to look for a change of the source", kind.Detail(err))
		return
	}
	if now != "" && !conversion.SameRevision(now, state.SourceRevision.ValueString()) {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("source_revision"))
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("source_revision"), types.StringUnknown())...)
	}
}

// planSource refuses a source that can't be converted, and tells the size of
// the result.
func (r *conversionResource) planSource(ctx context.Context, p *target.Planner, engine string, src sourceModel, resp *resource.ModifyPlanResponse) {
	if !r.data.CanAsk() {
		return
	}
	at, name := path.Root("source").AtName("file"), p.Model.Name.ValueString()
	if err := conversion.CheckEngine(engine, src.reference()); err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("engine"), "plan", name, err)
		return
	}
	switch {
	case !src.URL.IsNull():
		at = path.Root("source").AtName("url")
	case src.File.IsNull():
		at = path.Root("source").AtName("image")
		found, err := imageExists(ctx, r.data, src)
		if err != nil {
			kind.AttributeError(&resp.Diagnostics, at, "plan", name, err)
		}
		if !found {
			return // made in this run; creating will look again
		}
	}
	if err := conversion.CheckListed(ctx, src.reference()); err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("source").AtName("checksums_url"), "plan", name, err)
		return
	}
	found, err := conversion.InspectFor(ctx, deps(r.data), engine, src.reference())
	if err != nil {
		kind.AttributeError(&resp.Diagnostics, at, "plan", name, err)
		return
	}
	for _, text := range found.Omitted {
		resp.Diagnostics.AddAttributeWarning(at, "Not all of the source is converted", text)
	}
	if !found.Known {
		return
	}
	if err := conversion.CheckSize(p.Model.Size.Amount(), found.VirtualBytes); err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("size"), "plan", name, err)
		return
	}
	if p.Model.Size.IsNull() {
		p.SizeBytes = &found.VirtualBytes
	}
}

// imageExists tells whether a source in RBD is there.
func imageExists(ctx context.Context, d *providerdata.Data, m sourceModel) (bool, error) {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return false, err
	}
	img, err := d.Ceph.Image(ctx, spec)
	if err == nil && spec.Snapshot != "" {
		_, err = img.Snapshot(spec.Snapshot)
	}
	if d.Planned.Explains(spec, err) {
		return false, nil
	}
	return err == nil, err
}
