// SPDX-License-Identifier: MPL-2.0

package mirrorpool

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// identity is all that there is to the mirroring of a pool.
type identity struct {
	FSID      types.String `tfsdk:"fsid"`
	Pool      types.String `tfsdk:"pool"`
	Namespace types.String `tfsdk:"namespace"`
}

func identitySchema() identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"fsid":      identityschema.StringAttribute{OptionalForImport: true, Description: "Cluster of the pool. Default: the provider's."},
		"pool":      identityschema.StringAttribute{RequiredForImport: true, Description: "The pool."},
		"namespace": identityschema.StringAttribute{OptionalForImport: true, Description: "Namespace that is mirrored. Default: the pool's default one."},
	}}
}

// setIdentity does nothing under a CLI that knows no identities.
func (r *poolResource) setIdentity(ctx context.Context, m model, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to == nil {
		return
	}
	var fsid string
	if r.data.CanAsk() {
		var err error
		if fsid, err = r.data.Ceph.FSID(ctx); err != nil {
			kind.Error(diags, "read", m.name(), err)
			return
		}
	}
	diags.Append(to.Set(ctx, identity{types.StringValue(fsid), m.Pool, types.StringValue(m.Namespace.ValueString())})...)
}

// keepIdentity is for a read that reads nothing, see target.
func (r *poolResource) keepIdentity(ctx context.Context, m model, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to != nil && to.Raw.IsFullyNull() {
		r.setIdentity(ctx, m, to, diags)
	}
}

func (r *poolResource) importIdentity(ctx context.Context, at *tfsdk.ResourceIdentity, resp *resource.ImportStateResponse) model {
	var id identity
	if resp.Diagnostics.Append(at.Get(ctx, &id)...); resp.Diagnostics.HasError() {
		return model{}
	}
	m := model{Pool: id.Pool, Namespace: types.StringNull()}
	if id.Namespace.ValueString() != "" {
		m.Namespace = id.Namespace
	}
	if !r.data.CanAsk() {
		kind.Unconfigured(&resp.Diagnostics, "import", m.name())
		return m
	}
	_, err := r.data.CheckIdentity(ctx, id.FSID.ValueString())
	if err == nil {
		err = namecheck.CheckPool(m.Pool.ValueString())
	}
	if err == nil && !m.Namespace.IsNull() {
		err = rbd.CheckNamespaceName(m.Namespace.ValueString())
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "import", m.name(), err)
		return m
	}
	r.setIdentity(ctx, m, resp.Identity, &resp.Diagnostics)
	return m
}
