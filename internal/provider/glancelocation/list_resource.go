// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/nameregex"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/listing"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var listKind = report.NewKind("Glance images", advice)

var _ list.ListResourceWithConfigure = &locationResource{}

// NewListResource is the list resource rbd_glance_image_location, for `terraform
// query`.
func NewListResource() list.ListResource { return &locationResource{} }

// search is the configuration of a list block.
type search struct {
	NameRegex  types.String `tfsdk:"name_regex"`
	Pool       types.String `tfsdk:"pool"`
	Visibility types.String `tfsdk:"visibility"`
	Owner      types.String `tfsdk:"owner"`
	Tags       types.List   `tfsdk:"tags"`
	Managed    types.Bool   `tfsdk:"managed"`
}

func (r *locationResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	regex := nameregex.Attribute("images")
	resp.Schema = schema.Schema{
		MarkdownDescription: "The active images of Glance whose location is a snapshot in the provider's cluster, in the order of their names, to be imported. " +
			"Hidden ones are among them. Of an image whose locations Glance does not show to this user, nothing tells where its data is: it is left out, and a warning counts those.",
		Attributes: map[string]schema.Attribute{
			"name_regex": schema.StringAttribute{Optional: true, MarkdownDescription: regex.MarkdownDescription, Validators: regex.Validators},
			"pool": schema.StringAttribute{
				Optional: true, Validators: []validator.String{namecheck.Pool()},
				MarkdownDescription: "Only images whose location is in this pool. By default those in all pools.",
			},
			"visibility": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.OneOf("private", "shared", "community", "public")},
				MarkdownDescription: "Only images with this visibility: `private`, `shared`, `community` or `public`. By default all that this user can see.",
			},
			"owner": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 255)},
				MarkdownDescription: "Only images that the project with this ID owns. By default those of all projects.",
			},
			"tags": schema.ListAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Only images that have all of these tags.",
				Validators:          []validator.List{listvalidator.NoNullValues(), listvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 255))},
			},
			"managed": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "`true`: only images that a resource of this provider holds, in whatever state; `false`: only those that none holds. By default all.",
			},
		},
	}
}

// List offers the records whose data is in the provider's cluster for import.
func (r *locationResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var s search
	var records []glance.Image
	diags := req.Config.Get(ctx, &s)
	match := listing.Matcher(s.NameRegex, "name_regex", &diags)
	if !diags.HasError() {
		records = r.records(ctx, s, match, &diags)
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	results := listing.Stream(ctx, records, req.Limit, func(ctx context.Context, rec glance.Image) []list.ListResult {
		return r.listed(ctx, req, s, rec)
	})
	stream.Results = func(push func(list.ListResult) bool) {
		if len(diags) > 0 && !push(list.ListResult{Diagnostics: diags}) {
			return
		}
		results(push)
	}
}

// records are those that fit, sorted by name. Of those whose locations are not shown
// it warns.
func (r *locationResource) records(ctx context.Context, s search, match func(string) bool, diags *diag.Diagnostics) (out []glance.Image) {
	if !r.data.CanAsk() {
		listKind.Unconfigured(diags, "list", "")
		return nil
	}
	fsid, err := r.data.Ceph.FSID(ctx)
	var all []glance.Image
	if err == nil {
		all, err = r.data.Glance.ListLocated(ctx, glance.Filter{
			Visibility: cmp.Or(s.Visibility.ValueString(), "all"), Owner: s.Owner.ValueString(),
			Status: glance.StatusActive, Tags: values.Sorted(s.Tags.Elements()),
		})
	}
	if err != nil {
		listKind.Error(diags, "list", s.NameRegex.ValueString(), err)
		return nil
	}
	unseen := 0
	for _, rec := range all {
		switch {
		case !match(rec.Name), s.Owner.ValueString() != "" && rec.Owner != s.Owner.ValueString():
		case len(rec.LocationURLs()) == 0:
			unseen++
		case slices.ContainsFunc(rec.LocationURLs(), func(u string) bool { return s.isIn(u, fsid) }):
			out = append(out, rec)
		}
	}
	if unseen > 0 {
		diags.AddWarning("Locations not shown", fmt.Sprintf("Of %d images Glance does not show where their data is: %s. They are left out of the list.", unseen, r.data.Glance.WhyHidden(ctx)))
	}
	slices.SortFunc(out, func(a, b glance.Image) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out
}

// isIn tells whether a location is in the cluster, and in the pool that is wanted.
func (s search) isIn(location, fsid string) bool {
	at, spec, err := rbd.ParseLocationURL(location)
	return err == nil && at == fsid && (s.Pool.IsNull() || spec.Pool == s.Pool.ValueString())
}

// listed is a record as the Read after its import gives it, but that nothing is
// noted about it. One whose snapshot is gone is not silently left out: it is there.
func (r *locationResource) listed(ctx context.Context, req list.ListRequest, s search, rec glance.Image) []list.ListResult {
	name := fmt.Sprintf("%s (%s)", rec.Name, rec.ID)
	out := req.NewListResult(ctx)
	deps := r.deps(&out.Diagnostics)
	ref, held, err := registration.AdoptRecord(ctx, deps, &rec)
	switch {
	case err != nil:
		return listing.LeftOut(kind, name, err)
	case !s.Managed.IsNull() && s.Managed.ValueBool() != held:
		return nil
	}
	out.DisplayName = name
	m := model{ImageID: types.StringValue(rec.ID)}
	setIdentity(ctx, m, out.Identity, &out.Diagnostics)
	if !req.IncludeResource || out.Diagnostics.HasError() {
		return []list.ListResult{out}
	}
	// So that what the model does not read has the types of the schema.
	out.Diagnostics.Append(out.Resource.SetAttribute(ctx, path.Root("image_id"), rec.ID)...)
	if out.Diagnostics.Append(out.Resource.Get(ctx, &m)...); out.Diagnostics.HasError() {
		return []list.ListResult{out}
	}
	m.setAdopted(ref)
	there, err := ask(ctx, deps, &m, registration.Question{Adopted: true, Unnoted: true})
	if err != nil {
		return listing.LeftOut(kind, name, err)
	}
	if !there {
		return nil // removed meanwhile
	}
	out.Diagnostics.Append(out.Resource.Set(ctx, &m)...)
	return []list.ListResult{out}
}
