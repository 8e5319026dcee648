package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// replacesKey is where the plan notes which image the state has. The plan of a
// replacement is asked for a second time without the prior state, and would
// otherwise look like that of a first image.
const replacesKey = "replaces"

// Planner plans the image part of a resource.
type Planner struct {
	Data *providerdata.Data
	// Noun is the kind of thing in messages.
	Noun string
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
	// AllowShrink lets the image lose its end.
	AllowShrink bool
}

// ModifyPlan fills in what is already known and refuses what can't succeed.
func (p Planner) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	m := p.Model
	m.withDefaults(p.Data)
	if m.Pool.IsUnknown() && p.Data.CanAsk() && p.Data.Pool == "" {
		var configured types.String
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("pool"), &configured)...)
		if configured.IsNull() {
			resp.Diagnostics.AddAttributeError(path.Root("pool"), "No pool",
				"Neither this resource nor the provider's ceph block names a pool. Set pool here, or a default pool there.")
			return
		}
	}
	p.planFeatures(m, resp)
	replacing := p.Replacing || len(resp.RequiresReplace) > 0 || p.State != nil && p.State.otherImage(m)
	replaces := ""
	if b, d := req.Private.GetKey(ctx, replacesKey); d.HasError() {
		resp.Diagnostics.Append(d...)
		return
	} else if b != nil && p.State == nil {
		if err := json.Unmarshal(b, &replaces); err != nil {
			resp.Diagnostics.AddError("Unable to read the private state", err.Error())
			return
		}
	}
	if p.State != nil {
		note := fmt.Sprintf("%q", p.State.ImageID.ValueString())
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, replacesKey, []byte(note))...)
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
	if m.placeKnown() {
		id := providerdata.PlannedID{SizeBytes: uint64(max(0, m.SizeBytes.ValueInt64()))}
		if p.State != nil && !replacing {
			id.ImageID = p.State.ImageID.ValueString()
		}
		p.Data.Planned.Add(m.RBDSpec(), id)
	}
	switch {
	case p.State == nil:
		p.checkCreate(ctx, m, replaces, &resp.Diagnostics)
	case replacing:
		p.CheckDestroy(ctx, &resp.Diagnostics)
	default:
		p.checkUpdate(ctx, m, &resp.Diagnostics)
	}
}

// otherImage tells whether a change asks for a new image, as the schema says.
func (m Model) otherImage(o Model) bool {
	return !m.Pool.Equal(o.Pool) || !m.Namespace.Equal(o.Namespace) || !m.DataPool.Equal(o.DataPool) ||
		m.ObjectSize.Bytes() != o.ObjectSize.Bytes() || m.StripeUnit.Bytes() != o.StripeUnit.Bytes() || !m.StripeCount.Equal(o.StripeCount)
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
		m.SizeBytes = types.Int64Value(int64(m.Size.Bytes())) //nolint:gosec // Parse bounds it
	}
}

func (p Planner) checkCreate(ctx context.Context, m Model, replaces string, diags *diag.Diagnostics) {
	if !m.placeKnown() {
		if _, err := p.Data.Ceph.FSID(ctx); err != nil {
			report.Error(diags, "plan", p.Noun, m.Name.ValueString(), err)
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
		report.AttributeError(diags, at, "plan", p.Noun, spec.String(), err)
		return
	}
	if pool := m.DataPool.ValueString(); pool != "" {
		if err := p.Data.Ceph.CheckPool(ctx, pool, ""); err != nil {
			report.AttributeError(diags, path.Root("data_pool"), "plan", p.Noun, spec.String(), err)
		}
	}
	if m.Trashed.ValueBool() {
		report.AttributeError(diags, path.Root("trashed"), "plan", p.Noun, spec.String(), errors.New("a new image can't be in the trash"))
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
// about to be replaced. Creating looks again, and strictly.
func (p Planner) checkName(ctx context.Context, spec rbd.Spec, replaces string, diags *diag.Diagnostics) {
	img, err := p.Data.Ceph.Image(ctx, spec)
	if err == nil && p.State != nil && img.ID == p.State.ImageID.ValueString() {
		return // a rename that was cut off has given it both names
	}
	if err == nil && p.State == nil {
		// Also one that an interrupted run made, while it can't be told whether
		// with these arguments.
		if img.Owned() && providerdata.WasRefreshed(img.FSID, img.ID) || img.ID == replaces || p.Token == "" && img.PendingToken() != "" {
			return
		}
	}
	if _, err := p.Data.Ceph.CheckFree(ctx, spec, p.Token); err != nil {
		if img.Owned() {
			err = fmt.Errorf("%w: a state has it, another one or, without a refresh, maybe this one", err)
		}
		report.AttributeError(diags, path.Root("name"), "plan", p.Noun, spec.String(), err)
	}
}

func (p Planner) checkUpdate(ctx context.Context, m Model, diags *diag.Diagnostics) {
	spec := m.RBDSpec().String()
	if was := uint64(p.State.SizeBytes.ValueInt64()); m.Size.Known() && m.Size.Bytes() < was { //nolint:gosec // never negative
		if p.AllowShrink {
			diags.AddAttributeWarning(path.Root("size"), "The image will shrink", fmt.Sprintf(
				"%s %q has %d bytes and will have %d: what lies beyond is lost. File systems inside are not shrunk.", p.Noun, spec, was, m.Size.Bytes()))
		} else {
			report.AttributeError(diags, path.Root("size"), "plan", p.Noun, spec,
				fmt.Errorf("%w: it has %d bytes, size says %s", rbd.ErrShrink, was, m.Size.ValueString()))
		}
	}
	p.checkTrashed(ctx, m, diags)
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
		err = p.Data.Ceph.CheckUnused(ctx, p.State.RBDSpec(), p.State.ImageID.ValueString())
	}
	if err != nil {
		report.AttributeError(diags, path.Root("trashed"), "plan", p.Noun, p.State.RBDSpec().String(), err)
	}
}

// sameBut compares what an update changes in the cluster, but for trashed.
func (m Model) sameBut(o Model) bool {
	return m.Name.Equal(o.Name) && m.Features.Equal(o.Features) && m.Metadata.Equal(o.Metadata) && m.Conf.Equal(o.Conf) &&
		(!o.Size.Known() || o.Size.Bytes() == uint64(m.SizeBytes.ValueInt64())) //nolint:gosec // never negative
}

// CheckDestroy says at plan time what would keep the image from being deleted.
// Snapshots of ours are no obstacle: their own resources remove them first.
func (p Planner) CheckDestroy(ctx context.Context, diags *diag.Diagnostics) {
	if p.State == nil || !p.Data.CanAsk() {
		return
	}
	spec, id := p.State.RBDSpec(), p.State.ImageID.ValueString()
	// Where it is now: the state may not have been refreshed.
	img, err := p.Data.Ceph.FindImage(ctx, spec, id)
	if err != nil {
		if !rbd.IsNotFound(err) {
			report.Error(diags, "delete", p.Noun, spec.String(), err)
		}
		return
	}
	spec = img.Spec
	verb := "delete"
	switch trashed := img.Trash != nil; {
	case p.State.OnDestroy.ValueString() == OnDestroyRetain:
	case p.State.OnDestroy.ValueString() == OnDestroyTrash && trashed:
	case p.State.OnDestroy.ValueString() == OnDestroyTrash:
		verb, err = "move to the trash", p.Data.Ceph.CheckUnused(ctx, spec, id)
	case trashed:
		err = p.Data.Ceph.CheckTrashRemovable(ctx, spec, id)
	default:
		err = p.Data.Ceph.CheckRemovable(ctx, spec, id)
	}
	var snaps *rbd.SnapshotsError
	if errors.As(err, &snaps) {
		err = p.foreign(ctx, img, snaps)
	}
	if errors.Is(err, rbd.ErrInUse) && img.EditInterrupted() {
		return // deleting waits for the watch of an edit that was cut off
	}
	if err != nil && !rbd.IsNotFound(err) {
		report.Error(diags, verb, p.Noun, spec.String(), err)
	}
}

// foreign leaves those snapshots that no resource of this provider made, and
// those clones that none has: all others go before the image does.
func (p Planner) foreign(ctx context.Context, img rbd.Image, e *rbd.SnapshotsError) error {
	out := &rbd.SnapshotsError{Spec: e.Spec}
	for _, c := range e.Children {
		if child, err := p.Data.Ceph.FindImage(ctx, c.Spec, c.ID); err != nil || !child.Held() {
			out.Children = append(out.Children, c)
		}
	}
	for _, s := range e.Snapshots {
		if s.Kind == rbd.TrashSnapshot && len(out.Children) > 0 || s.Kind != rbd.TrashSnapshot && !img.OwnsSnapshot(s.Name) {
			out.Snapshots = append(out.Snapshots, s)
		}
	}
	if len(out.Snapshots) == 0 {
		return nil
	}
	return fmt.Errorf("%w; none of them is managed by this provider", out)
}
