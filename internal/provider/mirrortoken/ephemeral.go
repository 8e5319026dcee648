// SPDX-License-Identifier: MPL-2.0

// Package mirrortoken is the ephemeral resource rbd_mirror_bootstrap_token.
package mirrortoken

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const timeout = 5 * time.Minute

var kind = report.NewKind("bootstrap token for pool", []report.Advice{
	{Is: rbd.ErrPoolNotMirrored, Do: "Enable its mirroring first, with rbd_mirror_pool or `rbd mirror pool enable`. Where the same apply does that, let pool refer to `spec` of the rbd_mirror_pool, which is not known before."},
	{Is: rbd.ErrPermission, Do: "A bootstrap token is the key of a Ceph user that is made for it: that needs mon 'allow *', as client.admin has it."},
})

var _ ephemeral.EphemeralResourceWithConfigure = &tokenResource{}

// NewEphemeralResource is rbd_mirror_bootstrap_token.
func NewEphemeralResource() ephemeral.EphemeralResource { return &tokenResource{} }

type tokenResource struct{ data *providerdata.Data }

type model struct {
	Pool  types.String `tfsdk:"pool"`
	Token types.String `tfsdk:"token"`
	FSID  types.String `tfsdk:"fsid"`
}

func (r *tokenResource) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_mirror_bootstrap_token"
}

func (r *tokenResource) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *tokenResource) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The token that lets another cluster become a peer of a mirrored pool: `rbd mirror pool peer bootstrap create`. It is for `bootstrap_token_wo` of " +
			"[`rbd_mirror_pool`](../resources/mirror_pool.md) in the other cluster, and is in no plan, state or log. " +
			"The key of the Ceph user `client.rbd-mirror-peer` is in it, which is made at the first time, and the addresses of the monitors as this cluster's ceph.conf has them: the other cluster must reach these. " +
			"It is the same every time.\n\n" +
			"Terraform opens it in each plan and apply in which the pool is known. Needs Terraform 1.10 or OpenTofu 1.11.\n\n" +
			"Caps: `mon 'allow *'`, `osd 'profile rbd pool=POOL'`.",
		Attributes: map[string]schema.Attribute{
			"pool": schema.StringAttribute{
				Required: true, Validators: []validator.String{namecheck.Pool()},
				MarkdownDescription: "The pool, which must be mirrored. `spec` of its `rbd_mirror_pool` is known once it is.",
			},
			"token": schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The token."},
			"fsid":  schema.StringAttribute{Computed: true, MarkdownDescription: "Fsid of the cluster that has made it."},
		},
	}
}

func (r *tokenResource) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m model
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	name := m.Pool.ValueString()
	if !r.data.CanAsk() {
		kind.Unconfigured(&resp.Diagnostics, "make", name)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	token, fsid, err := r.data.Ceph.BootstrapToken(ctx, name)
	if err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("pool"), "make", name, err)
		return
	}
	m.Token, m.FSID = types.StringValue(token), types.StringValue(fsid)
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}
