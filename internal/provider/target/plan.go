// SPDX-License-Identifier: MPL-2.0

package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Planner plans the image part of a resource.
type Planner struct {
	Data *providerdata.Data
	// Kind is the kind of thing in messages.
	Kind report.Kind
	// Token is that of the creation; empty where it is not known yet.
	Token string
	// Model and State are those parts of the plan and the state; State is nil
	// when the resource is to be created.
	Model Model
	State *Model
	// SizeBytes is what the image will have where the size attribute does not
	// say it.
	SizeBytes *uint64
	// Replacing tells that an attribute which Model does not have asks for a new
	// image: what a schema's plan modifiers ask for is not told to ModifyPlan.
	Replacing bool
	// Own picks the snapshots that go with the image.
	Own rbd.Own
	// AllowShrink lets the image lose its end.
	AllowShrink bool
}

// Begin is the beginning of a ModifyPlan: it reads state and plan, the former nil
// when the resource is to be created, refuses a state of another cluster, and
// plans a destroy. It returns false where nothing is left to be planned.
func Begin[M any, P holder[M]](ctx context.Context, p *Planner, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) (state, plan *M, ok bool) {
	if !req.State.Raw.IsNull() {
		state = new(M)
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
		p.State = P(state).Base()
		CheckHome(ctx, p.Data, p.Kind, *p.State, req.Private, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return state, nil, false
	}
	if req.Plan.Raw.IsNull() {
		p.CheckDestroy(ctx, &resp.Diagnostics)
		return state, nil, false
	}
	plan = new(M)
	resp.Diagnostics.Append(req.Plan.Get(ctx, plan)...)
	return state, plan, !resp.Diagnostics.HasError()
}

// ModifyPlan fills in what is already known and refuses what can't succeed.
func (p Planner) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	m := p.Model
	var pool, namespace types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("pool"), &pool)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("namespace"), &namespace)...)
	m.withDefaults(p.Data, pool, namespace)
	if m.Pool.IsUnknown() && pool.IsNull() && p.Data.CanAsk() {
		resp.Diagnostics.AddAttributeError(path.Root("pool"), "No pool",
			"Neither this resource nor the provider's ceph argument names a pool. Set pool here, or a default pool there.")
		return
	}
	p.planFeatures(m, resp)
	if was, diags := req.Private.GetKey(ctx, removingKey); p.State != nil && was != nil {
		resp.Diagnostics.Append(diags...)
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("image_id"))
	}
	replacing := p.Replacing || len(resp.RequiresReplace) > 0 || p.State != nil && p.State.otherImage(m)
	replaces := p.replaces(ctx, req, resp)
	if resp.Diagnostics.HasError() {
		return
	}
	p.fill(&m, replacing || replaces != "" || p.State == nil && p.takesOver(ctx, m))
	for name, v := range map[string]any{
		"pool": m.Pool, "namespace": m.Namespace, "spec": m.Spec,
		"image_id": m.ImageID, "size_bytes": m.SizeBytes, "revision": m.Revision,
	} {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), v)...)
	}
	if resp.Diagnostics.HasError() || !p.Data.CanAsk() {
		return
	}
	if err := p.claim(m, replaces, replacing); err != nil {
		p.Kind.AttributeError(&resp.Diagnostics, path.Root("name"), "plan", m.RBDSpec().String(), err)
		return
	}
	p.checkSize(ctx, m, &resp.Diagnostics)
	switch {
	case p.State == nil:
		p.checkCreate(ctx, m, replaces, &resp.Diagnostics)
	case replacing:
		p.checkDestroy(ctx, false, &resp.Diagnostics)
	default:
		p.checkUpdate(ctx, m, &resp.Diagnostics)
	}
}

// replaces is the id of the image whose place a new one takes in this plan; empty
// where there is none. The plan of the old one notes it for that of the new one.
func (p Planner) replaces(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) string {
	if p.State != nil {
		resp.Diagnostics.Append(providerdata.NoteReplaces(ctx, resp.Private, p.State.ImageID.ValueString())...)
		return ""
	}
	id, diags := providerdata.Replaces(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	return id
}

// claim notes which image will have the spec, for whatever else is planned here.
// The error says that another resource of this plan has it.
func (p Planner) claim(m Model, replaces string, replacing bool) error {
	if !m.placeKnown() {
		return nil
	}
	id := providerdata.PlannedID{SizeBytes: uint64(max(0, m.SizeBytes.ValueInt64()))}
	if p.State != nil && !replacing {
		id.ImageID = p.State.ImageID.ValueString()
	}
	p.Data.Planned.Add(m.RBDSpec(), id)
	had := replaces
	if p.State != nil {
		had = p.State.ImageID.ValueString()
	}
	return p.Data.Planned.Claim("image "+m.RBDSpec().String(), had, p.State == nil && replaces != "")
}

// otherImage tells whether a change asks for a new image, as the schema says.
func (m Model) otherImage(o Model) bool {
	return !m.Pool.Equal(o.Pool) || !m.Namespace.Equal(o.Namespace) || !m.DataPool.Equal(o.DataPool) ||
		m.ObjectSize.Amount() != o.ObjectSize.Amount() || m.StripeUnit.Amount() != o.StripeUnit.Amount() || !m.StripeCount.Equal(o.StripeCount)
}

// planFeatures asks for a new image where librbd can't switch a feature.
func (p Planner) planFeatures(m Model, resp *resource.ModifyPlanResponse) {
	if want := m.FeatureNames(); p.State != nil && want != nil {
		if change := rbd.ChangeFeatures(p.State.FeatureNames(), want); len(change.Fixed) > 0 {
			resp.RequiresReplace = append(resp.RequiresReplace, path.Root("features"))
		}
	}
}

// fill sets the computed attributes as far as they are known. Those of an image
// that takes another's place are unknown even where they will be equal, since
// whatever hangs on the old image must be planned anew.
func (p Planner) fill(m *Model, replacement bool) {
	m.Spec = types.StringUnknown()
	if m.placeKnown() && !replacement {
		m.Spec = types.StringValue(m.RBDSpec().String())
	}
	if p.State == nil || replacement {
		m.ImageID, m.Revision, m.SizeBytes = types.StringUnknown(), types.StringUnknown(), types.Int64Unknown()
	}
	if p.SizeBytes != nil {
		m.SizeBytes = types.Int64Value(int64(*p.SizeBytes)) //nolint:gosec // signed in qemu and librbd
	}
	if m.Size.IsUnknown() {
		m.SizeBytes = types.Int64Unknown()
	} else if m.Size.Known() {
		m.SizeBytes = types.Int64Value(int64(m.Size.Amount())) //nolint:gosec // Parse bounds it
	}
}

// checkSize refuses what librbd can't make. Of an image that is there, with
// features that are not managed, it asks which it has.
func (p Planner) checkSize(ctx context.Context, m Model, diags *diag.Diagnostics) {
	size := uint64(max(0, m.SizeBytes.ValueInt64()))
	if p.State != nil && size <= uint64(max(0, p.State.SizeBytes.ValueInt64())) {
		return
	}
	layout := m.Layout()
	err := p.Data.Ceph.CheckSize(ctx, layout, size)
	if errors.Is(err, rbd.ErrTooLarge) && layout.Features == nil && p.State != nil {
		if img, found := p.Data.Ceph.FindImage(ctx, p.State.RBDSpec(), p.State.ImageID.ValueString()); found == nil {
			layout.Features = img.Features
			err = p.Data.Ceph.CheckSize(ctx, layout, size)
		}
	}
	if errors.Is(err, rbd.ErrTooLarge) { // what else is wrong is told with more
		p.Kind.AttributeError(diags, path.Root("size"), "plan", m.Name.ValueString(), err)
	}
}

func (p Planner) checkCreate(ctx context.Context, m Model, replaces string, diags *diag.Diagnostics) {
	if !m.placeKnown() {
		if _, err := p.Data.Ceph.FSID(ctx); err != nil {
			p.Kind.Error(diags, "plan", m.Name.ValueString(), err)
		}
		return
	}
	spec := m.RBDSpec()
	err, planned := p.Data.Ceph.CheckPool(ctx, spec.Pool, spec.Namespace), false
	if errors.Is(err, rbd.ErrNamespaceNotFound) {
		_, planned = p.Data.Planned.Find(rbd.Spec{Pool: spec.Pool, Namespace: spec.Namespace})
	}
	if err != nil && !planned {
		at := path.Root("pool")
		if errors.Is(err, rbd.ErrNamespaceNotFound) {
			at = path.Root("namespace")
		}
		p.Kind.AttributeError(diags, at, "plan", spec.String(), err)
		return
	}
	if pool := m.DataPool.ValueString(); pool != "" {
		if err := p.Data.Ceph.CheckPool(ctx, pool, ""); err != nil {
			p.Kind.AttributeError(diags, path.Root("data_pool"), "plan", spec.String(), err)
		}
	}
	if m.Trashed.ValueBool() {
		p.Kind.AttributeError(diags, path.Root("trashed"), "plan", spec.String(), errors.New("a new image can't be in the trash"))
	}
	if !planned { // nothing is in a namespace that this run will make
		p.checkName(ctx, spec, replaces, diags)
	}
}

// takesOver tells whether an image of this state has the name already. That of a
// tainted resource is planned like a first one, with nothing that says so.
func (p Planner) takesOver(ctx context.Context, m Model) bool {
	if !p.Data.CanAsk() || !m.placeKnown() {
		return false
	}
	img, err := p.Data.Ceph.Image(ctx, m.RBDSpec())
	return err == nil && img.Owned() && providerdata.WasRefreshed(img.FSID, img.ID)
}

// checkName refuses a name that is taken by anything but an image which may be
// about to be replaced, or which an unfinished run of this state made. Creating
// looks again, and strictly.
func (p Planner) checkName(ctx context.Context, spec rbd.Spec, replaces string, diags *diag.Diagnostics) {
	token := ""
	if p.State == nil {
		token = p.Token
	}
	img, err := p.Data.Ceph.Image(ctx, spec)
	switch {
	case err != nil:
	case p.State != nil && img.ID == p.State.ImageID.ValueString():
		return // a rename that was cut off has given it both names
	case p.State == nil && (img.ID == replaces || img.Owned() && providerdata.WasRefreshed(img.FSID, img.ID)):
		p.checkTemporary(ctx, spec, diags)
		return
	}
	found, err := p.Data.Ceph.CheckFree(ctx, spec, token)
	if errors.Is(err, rbd.ErrOtherArguments) && p.State == nil && token == "" {
		return // it can't be told yet whether with these
	}
	switch {
	case found:
		diags.AddAttributeWarning(path.Root("name"), "An unfinished run is taken up", fmt.Sprintf(
			"%s %q was made by a run of this state that was cut off before it could write its state. This plan puts it into the state as it is.", p.Kind, spec))
	case err == nil && p.State == nil:
		p.checkTemporary(ctx, spec, diags)
	case err != nil:
		p.Kind.AttributeError(diags, path.Root("name"), "plan", spec.String(), err)
	}
}

// checkTemporary refuses a name that another run is about to give, or was.
func (p Planner) checkTemporary(ctx context.Context, spec rbd.Spec, diags *diag.Diagnostics) {
	left, err := p.Data.Ceph.CheckTemporary(ctx, spec)
	if err != nil {
		p.Kind.AttributeError(diags, path.Root("name"), "plan", spec.String(), err)
	} else if left {
		diags.AddAttributeWarning(path.Root("name"), "An unfinished run is taken up", fmt.Sprintf(
			"A run of this state was cut off while it made %s %q, or is still at work on it. What it left under the temporary name %q is removed, and the image made anew.",
			p.Kind, spec, rbd.PendingName(spec.Image)))
	}
}

func (p Planner) checkUpdate(ctx context.Context, m Model, diags *diag.Diagnostics) {
	spec := m.RBDSpec().String()
	if was := uint64(p.State.SizeBytes.ValueInt64()); m.Size.Known() && m.Size.Amount() < was { //nolint:gosec // never negative
		if p.AllowShrink {
			diags.AddAttributeWarning(path.Root("size"), "The image will shrink", fmt.Sprintf(
				"%s %q has %d bytes and will have %d: what lies beyond is lost. File systems inside are not shrunk.", p.Kind, spec, was, m.Size.Amount()))
		} else {
			p.Kind.AttributeError(diags, path.Root("size"), "plan", spec,
				fmt.Errorf("%w: it has %d bytes, size says %s", rbd.ErrShrink, was, m.Size.ValueString()))
		}
	}
	p.checkTrashed(ctx, m, diags)
	if !p.State.sameBut(m) || !p.State.Trashed.Equal(m.Trashed) {
		if err := p.Data.Ceph.CheckChangeable(ctx, p.State.RBDSpec(), p.State.ImageID.ValueString()); err != nil {
			p.Kind.Error(diags, "plan", spec, err)
		}
	}
	if !m.placeKnown() {
		return
	}
	restored := p.State.Trashed.ValueBool() && !m.Trashed.ValueBool()
	if restored || m.Name.ValueString() != p.State.Name.ValueString() {
		p.checkName(ctx, m.RBDSpec(), "", diags)
	}
}

// checkTrashed refuses what can't be done to or with the trash.
func (p Planner) checkTrashed(ctx context.Context, m Model, diags *diag.Diagnostics) {
	if m.Trashed.IsUnknown() || !m.Trashed.ValueBool() {
		return
	}
	var err error
	if p.State.Trashed.ValueBool() {
		if !p.State.sameBut(m) {
			err = errors.New("an image in the trash can't be changed: restore it first, with trashed = false")
		}
	} else {
		err = p.Data.Ceph.CheckTrash(ctx, p.State.RBDSpec(), p.State.ImageID.ValueString())
	}
	if err != nil {
		p.Kind.AttributeError(diags, path.Root("trashed"), "plan", p.State.RBDSpec().String(), err)
	}
}

// sameBut compares what an update changes in the cluster, but for trashed.
func (m Model) sameBut(o Model) bool {
	return m.Name.Equal(o.Name) && m.Features.Equal(o.Features) && m.Metadata.Equal(o.Metadata) && m.Conf.Equal(o.Conf) &&
		(!o.Size.Known() || o.Size.Amount() == uint64(m.SizeBytes.ValueInt64())) //nolint:gosec // never negative
}

// CheckDestroy says at plan time what would keep the image from being deleted.
// What is ours is no obstacle where the same plan has it: its own resource
// removes it first.
func (p Planner) CheckDestroy(ctx context.Context, diags *diag.Diagnostics) {
	p.checkDestroy(ctx, true, diags)
}

// checkDestroy is also for an image that is replaced, for which planned is
// false: Terraform plans what refers to it afterwards.
func (p Planner) checkDestroy(ctx context.Context, planned bool, diags *diag.Diagnostics) {
	if p.State == nil || !p.Data.CanAsk() {
		return
	}
	spec, id := p.State.RBDSpec(), p.State.ImageID.ValueString()
	// Where it is now: the state may not have been refreshed.
	img, err := p.Data.Ceph.FindImage(ctx, spec, id)
	if err != nil {
		if !rbd.IsNotFound(err) {
			p.Kind.Error(diags, "delete", spec.String(), err)
		}
		return
	}
	verb := "delete"
	switch p.State.OnDestroy.ValueString() {
	case ondestroy.Retain:
	case ondestroy.Trash:
		verb, err = "move to the trash", p.Data.Ceph.CheckTrash(ctx, spec, id)
	default:
		err = p.Data.Ceph.CheckDelete(ctx, spec, id, p.Own)
	}
	if errors.Is(err, rbd.ErrInUse) && img.EditInterrupted() {
		return // deleting waits for the watch of an edit that was cut off
	}
	why := err
	if err = Foreign(ctx, p.Data, why); err == nil && planned {
		err = checkHere(ctx, why)
	}
	if err != nil && !rbd.IsNotFound(err) {
		p.Kind.Error(diags, verb, img.Spec.String(), err)
	}
}
