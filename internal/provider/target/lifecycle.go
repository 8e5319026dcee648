package target

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// defaultTimeout bounds all but the creation.
const defaultTimeout = 10 * time.Minute

// holder is the model of a resource that makes an image: it embeds Model.
type holder[M any] interface {
	*M
	Base() *Model
}

// Read is the Read of a resource that makes an image. An image that was renamed
// is found by its id, and one that took its name is not taken for it.
func Read[M any, P holder[M]](ctx context.Context, d *providerdata.Data, noun string, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	m := P(&state).Base()
	ctx, cancel, ok := deadline.With(ctx, m.Timeouts.Read, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	spec, id := m.RBDSpec(), m.ImageID.ValueString()
	if !d.CanAsk() {
		resp.Diagnostics.AddWarning("Not refreshed", "The provider's configuration is not known yet, so "+noun+" \""+spec.String()+"\" was not read.")
		return
	}
	img, err := d.Ceph.Image(ctx, spec)
	if id != "" && (errors.Is(err, rbd.ErrImageNotFound) || err == nil && img.ID != id) {
		img, err = d.Ceph.ImageByID(ctx, spec, id)
	}
	switch {
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		report.Error(&resp.Diagnostics, "read", noun, spec.String(), err)
		return
	}
	// Reading must also work for a user who may not write.
	if err := d.Ceph.ClaimImage(ctx, img); err != nil {
		tflog.Warn(ctx, "could not note that the image is in a state", map[string]any{"image": img.Spec.String(), "error": err.Error()})
	}
	m.SetRead(img)
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
}

// Update is the Update of a resource that makes an image: it renames and grows
// as planned.
func Update[M any, P holder[M]](ctx context.Context, d *providerdata.Data, noun string, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var was, is M
	resp.Diagnostics.Append(req.State.Get(ctx, &was)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &is)...)
	state, plan := P(&was).Base(), P(&is).Base()
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	update(ctx, d, noun, *state, plan, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &is)...)
	}
}

func update(ctx context.Context, d *providerdata.Data, noun string, state Model, plan *Model, diags *diag.Diagnostics) {
	spec, id := state.RBDSpec(), state.ImageID.ValueString()
	unlock, err := d.Ceph.LockImage(ctx, spec)
	if err != nil {
		report.Error(diags, "update", noun, spec.String(), err)
		return
	}
	defer unlock()
	if name := plan.Name.ValueString(); name != spec.Image {
		if err := d.Ceph.RenameImage(ctx, spec, id, name); err != nil {
			report.AttributeError(diags, path.Root("name"), "rename", noun, spec.String(), err)
			return
		}
		spec = spec.WithImage(name)
	}
	if plan.Size.Known() {
		if err := d.Ceph.GrowImage(ctx, spec, id, plan.Size.Bytes()); err != nil {
			report.AttributeError(diags, path.Root("size"), "grow", noun, spec.String(), err)
			return
		}
	}
	ReadBack(ctx, d, noun, spec, plan, diags)
}

// ReadBack puts what the cluster says now into the model.
func ReadBack(ctx context.Context, d *providerdata.Data, noun string, spec rbd.Spec, m *Model, diags *diag.Diagnostics) {
	img, err := d.Ceph.Image(ctx, spec)
	if err != nil {
		report.Error(diags, "read back", noun, spec.String(), err)
		return
	}
	m.SetRead(img)
}

// Delete is the Delete of a resource that makes an image: it removes the image,
// or lets it be, as on_destroy says.
func Delete[M any, P holder[M]](ctx context.Context, d *providerdata.Data, noun string, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	m := P(&state).Base()
	ctx, cancel, ok := deadline.With(ctx, m.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	spec := m.RBDSpec()
	unlock, err := d.Ceph.LockImage(ctx, spec)
	if err == nil {
		defer unlock()
		if m.OnDestroy.ValueString() == OnDestroyRetain {
			err = d.Ceph.DisownImage(ctx, spec, m.ImageID.ValueString())
		} else {
			err = d.Ceph.RemoveImage(ctx, spec, m.ImageID.ValueString())
		}
	}
	if err != nil && !rbd.IsNotFound(err) {
		report.Error(&resp.Diagnostics, "delete", noun, spec.String(), err)
	}
}

// Import takes pool[/namespace]/image.
func Import(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	spec, err := rbd.ParseSpec(req.ID)
	if err == nil && spec.Snapshot != "" {
		err = errors.New("the spec of a snapshot, an image is wanted")
	}
	if err != nil {
		resp.Diagnostics.AddError("Invalid import id", "Want pool[/namespace]/image: "+err.Error()+".")
		return
	}
	for name, v := range map[string]string{"name": spec.Image, "pool": spec.Pool, "namespace": spec.Namespace} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), v)...)
	}
}
