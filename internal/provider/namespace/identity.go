// SPDX-License-Identifier: MPL-2.0

package namespace

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// identity is all that there is to a namespace: it has no id.
type identity struct {
	FSID types.String `tfsdk:"fsid"`
	Pool types.String `tfsdk:"pool"`
	Name types.String `tfsdk:"name"`
}

func identitySchema() identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"fsid": identityschema.StringAttribute{OptionalForImport: true, Description: "Cluster of the namespace. Default: the provider's."},
		"pool": identityschema.StringAttribute{RequiredForImport: true, Description: "Pool of the namespace."},
		"name": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the namespace."},
	}}
}

// setIdentity does nothing under a CLI that knows no identities.
func setIdentity(ctx context.Context, fsid string, m model, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to != nil {
		diags.Append(to.Set(ctx, identity{types.StringValue(fsid), m.Pool, m.Name})...)
	}
}

// keepIdentity is for a read that reads nothing, see target.
func keepIdentity(ctx context.Context, d *providerdata.Data, m model, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to == nil || !to.Raw.IsFullyNull() {
		return
	}
	var fsid string
	if d.CanAsk() {
		var err error
		if fsid, err = d.Ceph.FSID(ctx); err != nil {
			diags.AddError("Unable to read the cluster's fsid", kind.Detail(err))
			return
		}
	}
	setIdentity(ctx, fsid, m, to, diags)
}

var advice = []report.Advice{
	{Is: rbd.ErrNamespaceNotEmpty, Do: "Remove the images (`rbd rm`, `rbd trash rm`), or let the namespace stay, with on_destroy = \"retain\". " +
		"Images of this provider are destroyed before it where their namespace refers to its name."},
}

// ImportState takes pool/namespace, or an identity.
func (r *namespaceResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var m model
	if req.ID == "" && req.Identity != nil {
		m = r.importIdentity(ctx, req.Identity, resp)
	} else {
		pool, name, ok := strings.Cut(req.ID, "/")
		err := rbd.CheckNamespaceName(name)
		if !ok || pool == "" {
			err = fmt.Errorf("%q has no pool", req.ID)
		}
		if err != nil {
			resp.Diagnostics.AddError("Invalid import id", "Want pool/namespace: "+err.Error()+".")
		}
		m.Pool, m.Name = types.StringValue(pool), types.StringValue(name)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("pool"), m.Pool)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), m.Name)...)
}

func (r *namespaceResource) importIdentity(ctx context.Context, at *tfsdk.ResourceIdentity, resp *resource.ImportStateResponse) model {
	var id identity
	if resp.Diagnostics.Append(at.Get(ctx, &id)...); resp.Diagnostics.HasError() {
		return model{}
	}
	m := model{Pool: id.Pool, Name: id.Name}
	if !r.data.CanAsk() {
		kind.Unconfigured(&resp.Diagnostics, "import", m.place().PoolSpec())
		return m
	}
	fsid, err := r.data.CheckIdentity(ctx, id.FSID.ValueString())
	if err == nil {
		err = rbd.CheckNamespaceName(m.Name.ValueString())
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "import", m.place().PoolSpec(), err)
		return m
	}
	setIdentity(ctx, fsid, m, resp.Identity, &resp.Diagnostics)
	return m
}
