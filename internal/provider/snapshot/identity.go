// SPDX-License-Identifier: MPL-2.0

package snapshot

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// identity is what stays of a snapshot whatever it and its image are called.
type identity struct {
	target.Identity
	SnapshotID int64 `tfsdk:"snapshot_id"`
}

func identitySchema() identityschema.Schema {
	all := target.IdentityAttributes()
	all["snapshot_id"] = identityschema.Int64Attribute{RequiredForImport: true, Description: "Snapshot id (`rbd snap ls`). It survives a rename."}
	return identityschema.Schema{Attributes: all}
}

func setIdentity(ctx context.Context, img rbd.Image, s rbd.Snapshot, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to != nil {
		diags.Append(to.Set(ctx, identity{target.IdentityOf(img), int64(s.ID)})...) //nolint:gosec // a counter
	}
}

// keepIdentity is for a read that reads nothing, see target.
func keepIdentity(ctx context.Context, d *providerdata.Data, m model, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to == nil || !to.Raw.IsFullyNull() {
		return
	}
	spec, err := m.rbdSpec()
	var fsid string
	if err == nil && d.CanAsk() {
		fsid, err = d.Ceph.FSID(ctx)
	}
	if err != nil {
		kind.Error(diags, "read", m.Spec.ValueString(), err)
		return
	}
	img := rbd.Image{Spec: spec, FSID: fsid, ID: m.ImageID.ValueString()}
	setIdentity(ctx, img, rbd.Snapshot{ID: m.snapshotID()}, to, diags)
}

// ImportState takes pool[/namespace]/image@snapshot, or an identity.
func (r *snapshotResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if req.ID == "" && req.Identity != nil {
		r.importIdentity(ctx, req.Identity, resp)
		return
	}
	spec, err := rbd.ParseSpec(req.ID)
	if err == nil && spec.Snapshot == "" {
		err = errors.New("the spec of an image, a snapshot is wanted")
	}
	if err != nil {
		resp.Diagnostics.AddError("Invalid import id", "Want pool[/namespace]/image@snapshot: "+err.Error()+".")
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(imageref.Name), spec.ImageSpec().String())...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), spec.Snapshot)...)
}

func (r *snapshotResource) importIdentity(ctx context.Context, at *tfsdk.ResourceIdentity, resp *resource.ImportStateResponse) {
	var id int64
	if resp.Diagnostics.Append(at.GetAttribute(ctx, path.Root("snapshot_id"), &id)...); resp.Diagnostics.HasError() {
		return
	}
	name := fmt.Sprintf("with id %d", id)
	if !r.data.CanAsk() {
		kind.Unconfigured(&resp.Diagnostics, "import", name)
		return
	}
	img, err := target.FindIdentity(ctx, r.data, at)
	var s rbd.Snapshot
	if err == nil {
		s, err = img.SnapshotByID(uint64(id)) //nolint:gosec // a counter
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "import", name, err)
		return
	}
	for attribute, v := range map[string]any{
		imageref.Name: img.Spec.String(), "name": s.Name, "image_id": img.ID, "snapshot_id": id,
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(attribute), v)...)
	}
	setIdentity(ctx, img, s, resp.Identity, &resp.Diagnostics)
}
