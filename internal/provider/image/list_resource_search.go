// SPDX-License-Identifier: MPL-2.0

package image

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/nameregex"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/listing"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Search is what the list blocks of rbd_image and rbd_snapshot have in common.
type Search struct {
	Pool      types.String `tfsdk:"pool"`
	Namespace types.String `tfsdk:"namespace"`
	NameRegex types.String `tfsdk:"name_regex"`
	Managed   types.Bool   `tfsdk:"managed"`
}

// SearchSchema has the arguments of Search, and a type's own; what are the
// things that are listed.
func SearchSchema(what string, own map[string]schema.Attribute) schema.Schema {
	regex := nameregex.Attribute(what)
	all := map[string]schema.Attribute{
		"pool": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Pool. By default that of the provider's `ceph` argument.",
			Validators:          []validator.String{namecheck.Pool()},
		},
		"namespace": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "RBD namespace in the pool, `\"\"` for the default one. By default that of the provider's `ceph` argument.",
			Validators:          []validator.String{namecheck.Namespace()},
		},
		"name_regex": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: regex.MarkdownDescription,
			Validators:          regex.Validators,
		},
		"managed": schema.BoolAttribute{
			Optional:            true,
			MarkdownDescription: "`true`: only " + what + " that a resource of this provider holds, in whatever state; `false`: only those that none holds. By default all.",
		},
	}
	maps.Copy(all, own)
	return schema.Schema{
		MarkdownDescription: "The " + what + " of a pool and namespace, in the order of their names, to be imported.",
		Attributes:          all,
	}
}

// Picks tells whether what is held, or not, was asked for.
func (s Search) Picks(held bool) bool { return s.Managed.IsNull() || s.Managed.ValueBool() == held }

// Matcher is what name_regex picks.
func (s Search) Matcher() (match func(string) bool, diags diag.Diagnostics) {
	match = listing.Matcher(s.NameRegex, "name_regex", &diags)
	return match, diags
}

// Images are the images of the pool and namespace whose names match, sorted by
// name and not opened yet. kind is for errors.
func (s Search) Images(ctx context.Context, d *providerdata.Data, kind report.Kind, match func(string) bool) (out []rbd.Spec, diags diag.Diagnostics) {
	if diags = CanSearch(d, kind); diags.HasError() {
		return nil, diags
	}
	at := rbd.Spec{Pool: d.Pool, Namespace: d.Namespace}
	if !s.Pool.IsNull() {
		at.Pool = s.Pool.ValueString()
	}
	if !s.Namespace.IsNull() {
		at.Namespace = s.Namespace.ValueString()
	}
	if at.Pool == "" {
		diags.AddAttributeError(path.Root("pool"), "No pool",
			"Neither this list block nor the provider's ceph argument names a pool. Set pool here, or a default pool there.")
		return nil, diags
	}
	_, err := d.Ceph.Images(ctx, rbd.Listing{Pool: at.Pool, Namespace: at.Namespace, Match: func(name string) bool {
		if match(name) {
			out = append(out, at.WithImage(name))
		}
		return false // none is opened here: Stream does that, as far as it is wanted
	}})
	switch {
	case errors.Is(err, rbd.ErrPoolNotFound):
		kind.AttributeError(&diags, path.Root("pool"), "list", at.PoolSpec(), err)
	case errors.Is(err, rbd.ErrNamespaceNotFound):
		kind.AttributeError(&diags, path.Root("namespace"), "list", at.PoolSpec(), err)
	case err != nil:
		kind.Error(&diags, "list", at.PoolSpec(), err)
	}
	slices.SortFunc(out, func(a, b rbd.Spec) int { return cmp.Compare(a.Image, b.Image) })
	return out, diags
}

// CanSearch says why the cluster can't be asked.
func CanSearch(d *providerdata.Data, kind report.Kind) (diags diag.Diagnostics) {
	if !d.CanAsk() {
		kind.Unconfigured(&diags, "list", "")
	}
	return diags
}

// Offered tells whether an image is one to import: not what this provider is
// just making, nor a decoy, nor a guard, nor what has another name for a while.
func Offered(img rbd.Image) bool {
	return img.PendingToken() == "" && img.Label("guard") == "" && img.DetachedFor() == ""
}
