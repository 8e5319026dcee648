package target

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Read refreshes the model. It returns false where the image is proven gone. An
// image that was renamed is found by its id, and one that took its name is not
// taken for it.
func Read(ctx context.Context, d *providerdata.Data, noun string, m *Model, diags *diag.Diagnostics) bool {
	if !d.CanAsk() {
		diags.AddWarning("Not refreshed", "The provider's configuration is not known yet, so "+noun+" \""+m.Spec.ValueString()+"\" was not read.")
		return true
	}
	spec, id := m.RBDSpec(), m.ImageID.ValueString()
	img, err := d.Ceph.Image(ctx, spec)
	if id != "" && (errors.Is(err, rbd.ErrImageNotFound) || err == nil && img.ID != id) {
		img, err = d.Ceph.ImageByID(ctx, spec, id)
	}
	switch {
	case rbd.IsNotFound(err):
		return false
	case err != nil:
		report.Error(diags, "read", noun, spec.String(), err)
		return true
	}
	// Reading must also work for a user who may not write.
	if err := d.Ceph.ClaimImage(ctx, img); err != nil {
		tflog.Warn(ctx, "could not note that the image is in a state", map[string]any{"image": img.Spec.String(), "error": err.Error()})
	}
	m.SetRead(img)
	return true
}

// Update renames and grows the image as planned.
func Update(ctx context.Context, d *providerdata.Data, noun string, state Model, plan *Model, diags *diag.Diagnostics) {
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

// Delete removes the image, or lets it be, as on_destroy says.
func Delete(ctx context.Context, d *providerdata.Data, noun string, m Model, diags *diag.Diagnostics) {
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
		report.Error(diags, "delete", noun, spec.String(), err)
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
