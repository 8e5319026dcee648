// SPDX-License-Identifier: MPL-2.0

package image

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/listing"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var listKind = report.NewKind("RBD images of", target.Advice)

var _ list.ListResourceWithConfigure = &imageResource{}

// NewListResource is the list resource rbd_image, for `terraform query`.
func NewListResource() list.ListResource { return &imageResource{} }

func (r *imageResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = SearchSchema("images", nil)
}

// List offers the images of a pool and namespace for import.
func (r *imageResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var s Search
	var images []rbd.Spec
	diags := req.Config.Get(ctx, &s)
	match, errs := s.Matcher()
	if diags.Append(errs...); !diags.HasError() {
		images, diags = s.Images(ctx, r.data, listKind, match)
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = listing.Stream(ctx, images, req.Limit, func(ctx context.Context, spec rbd.Spec) []list.ListResult {
		img, err := r.data.Ceph.Details(ctx, spec, 0)
		switch {
		case err != nil:
			return listing.Unread(kind, spec.String(), err)
		case !Offered(img.Image) || !s.Picks(img.Held()):
			return nil
		}
		return []list.ListResult{listed(ctx, req, img.Image)}
	})
}

// listed is an image as the Read after its import gives it.
func listed(ctx context.Context, req list.ListRequest, img rbd.Image) list.ListResult {
	out := req.NewListResult(ctx)
	out.DisplayName = img.Spec.String()
	out.Diagnostics.Append(out.Identity.Set(ctx, target.IdentityOf(img))...)
	if !req.IncludeResource || out.Diagnostics.HasError() {
		return out
	}
	var m model
	// So that what the model does not read has the types of the schema.
	out.Diagnostics.Append(out.Resource.SetAttribute(ctx, path.Root("image_id"), img.ID)...)
	if out.Diagnostics.Append(out.Resource.Get(ctx, &m)...); out.Diagnostics.HasError() {
		return out
	}
	m.SetRead(img)
	m.Refreshed(img)
	out.Diagnostics.Append(out.Resource.Set(ctx, &m)...)
	return out
}
