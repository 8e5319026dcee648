// SPDX-License-Identifier: MPL-2.0

package namespace

import (
	"context"
	"errors"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/nameregex"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/listing"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var listKind = report.NewKind("RBD namespaces of", advice)

var _ list.ListResourceWithConfigure = &namespaceResource{}

// NewListResource is the list resource rbd_namespace, for `terraform query`.
func NewListResource() list.ListResource { return &namespaceResource{} }

// search is the configuration of a list block.
type search struct {
	Pool      types.String `tfsdk:"pool"`
	NameRegex types.String `tfsdk:"name_regex"`
}

func (r *namespaceResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	regex := nameregex.Attribute("namespaces")
	resp.Schema = schema.Schema{
		MarkdownDescription: "The RBD namespaces of a pool, in the order of their names, to be imported. A namespace has no place for a mark: nothing tells whether some state has it.",
		Attributes: map[string]schema.Attribute{
			"pool": schema.StringAttribute{
				Optional: true, Validators: []validator.String{namecheck.Pool()},
				MarkdownDescription: "Pool. By default that of the provider's `ceph` argument.",
			},
			"name_regex": schema.StringAttribute{Optional: true, MarkdownDescription: regex.MarkdownDescription, Validators: regex.Validators},
		},
	}
}

// List offers the namespaces of a pool for import.
func (r *namespaceResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var s search
	var found []model
	var fsid string
	diags := req.Config.Get(ctx, &s)
	match := listing.Matcher(s.NameRegex, "name_regex", &diags)
	if !diags.HasError() {
		fsid, found = r.find(ctx, s, match, &diags)
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = listing.Stream(ctx, found, req.Limit, func(ctx context.Context, m model) []list.ListResult {
		out := req.NewListResult(ctx)
		out.DisplayName = m.place().PoolSpec()
		setIdentity(ctx, fsid, m, out.Identity, &out.Diagnostics)
		if req.IncludeResource {
			var whole model
			// So that what the model does not read has the types of the schema.
			out.Diagnostics.Append(out.Resource.SetAttribute(ctx, path.Root("name"), m.Name)...)
			out.Diagnostics.Append(out.Resource.Get(ctx, &whole)...)
			whole.Pool = m.Pool
			whole.setRead()
			out.Diagnostics.Append(out.Resource.Set(ctx, &whole)...)
		}
		return []list.ListResult{out}
	})
}

// find gives the namespaces of the pool that fit.
func (r *namespaceResource) find(ctx context.Context, s search, match func(string) bool, diags *diag.Diagnostics) (fsid string, out []model) {
	if !r.data.CanAsk() {
		listKind.Unconfigured(diags, "list", "")
		return "", nil
	}
	pool := r.data.Pool
	if !s.Pool.IsNull() {
		pool = s.Pool.ValueString()
	}
	if pool == "" {
		diags.AddAttributeError(path.Root("pool"), "No pool",
			"Neither this list block nor the provider's ceph argument names a pool. Set pool here, or a default pool there.")
		return "", nil
	}
	fsid, err := r.data.Ceph.FSID(ctx)
	var names []string
	if err == nil {
		names, err = r.data.Ceph.Namespaces(ctx, pool)
	}
	switch {
	case errors.Is(err, rbd.ErrPoolNotFound):
		listKind.AttributeError(diags, path.Root("pool"), "list", pool, err)
	case err != nil:
		listKind.Error(diags, "list", pool, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !match(name) })
	for _, name := range names {
		out = append(out, model{Pool: types.StringValue(pool), Name: types.StringValue(name)})
	}
	return fsid, out
}
