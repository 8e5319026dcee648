// SPDX-License-Identifier: MPL-2.0

package snapshot

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/image"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/listing"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var listKind = report.NewKind("RBD snapshots of", target.Advice)

var _ list.ListResourceWithConfigure = &snapshotResource{}

// NewListResource is the list resource rbd_snapshot, for `terraform query`.
func NewListResource() list.ListResource { return &snapshotResource{} }

// search is the configuration of a list block.
type search struct {
	image.Search
	Image      types.String `tfsdk:"image"`
	ImageRegex types.String `tfsdk:"image_regex"`
}

func (r *snapshotResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = image.SearchSchema("snapshots", map[string]schema.Attribute{
		imageref.Name: schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Only the snapshots of this image: `pool[/namespace]/image`. By default those of all images of the pool and namespace.",
			Validators: []validator.String{
				namecheck.ImageSpec(),
				siblings.Conflict("pool", "namespace", "image_regex"),
			},
		},
		"image_regex": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Only the snapshots of images whose name matches this regular expression. By default those of all images of the pool and namespace.",
			Validators:          []validator.String{namecheck.Pattern()},
		},
	})
}

// List offers the snapshots of an image, or of all images of a pool and
// namespace, for import: those that `rbd snap ls` shows.
func (r *snapshotResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var s search
	var images []rbd.Spec
	diags := req.Config.Get(ctx, &s)
	match, errs := s.Matcher()
	if diags.Append(errs...); !diags.HasError() {
		images, diags = r.images(ctx, s)
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = listing.Stream(ctx, images, req.Limit, func(ctx context.Context, spec rbd.Spec) (out []list.ListResult) {
		img, err := r.data.Ceph.Details(ctx, spec, 0)
		if err != nil {
			return listing.Unread(listKind, spec.String(), err)
		}
		if !image.Offered(img.Image) {
			return nil
		}
		for _, snap := range slices.SortedFunc(slices.Values(img.Snapshots), func(a, b rbd.Snapshot) int { return cmp.Compare(a.Name, b.Name) }) {
			if snap.Kind == rbd.UserSnapshot && match(snap.Name) && offered(img.Image, snap) && s.Picks(img.OwnsSnapshot(snap.Name)) {
				out = append(out, r.listed(ctx, req, img.Image, snap)...)
			}
		}
		return out
	})
}

// images are those whose snapshots are wanted.
func (r *snapshotResource) images(ctx context.Context, s search) ([]rbd.Spec, diag.Diagnostics) {
	if s.Image.IsNull() {
		var diags diag.Diagnostics
		match := listing.Matcher(s.ImageRegex, "image_regex", &diags)
		if diags.HasError() {
			return nil, diags
		}
		return s.Images(ctx, r.data, listKind, match)
	}
	diags := image.CanSearch(r.data, listKind)
	if diags.HasError() {
		return nil, diags
	}
	spec, err := rbd.ParseSpec(s.Image.ValueString())
	if err == nil {
		// One that is named must be there.
		_, err = r.data.Ceph.Image(ctx, spec)
	}
	if err != nil {
		listKind.AttributeError(&diags, path.Root(imageref.Name), "list", s.Image.ValueString(), err)
	}
	return []rbd.Spec{spec}, diags
}

// offered tells whether a snapshot is one to import: not what this provider is
// just making, or goes back to when an edit fails.
func offered(img rbd.Image, s rbd.Snapshot) bool {
	return !img.SnapshotPending(s.Name) && (s.Name != rbd.UndoSnapshot || !img.ContentInDoubt())
}

// listed is a snapshot as the Read after its import gives it.
func (r *snapshotResource) listed(ctx context.Context, req list.ListRequest, img rbd.Image, s rbd.Snapshot) []list.ListResult {
	spec := img.Spec.WithSnapshot(s.Name)
	out := req.NewListResult(ctx)
	out.DisplayName = spec.String()
	setIdentity(ctx, img, s, out.Identity, &out.Diagnostics)
	if !req.IncludeResource || out.Diagnostics.HasError() {
		return []list.ListResult{out}
	}
	img, s, children, err := r.data.Ceph.ReadSnapshot(ctx, spec, img.ID, s.ID)
	unknown := errors.Is(err, rbd.ErrChildrenUnknown)
	if err != nil && !unknown {
		return listing.Unread(kind, spec.String(), err)
	}
	var m model
	// So that what the model does not read has the types of the schema.
	out.Diagnostics.Append(out.Resource.SetAttribute(ctx, path.Root("image_id"), img.ID)...)
	if out.Diagnostics.Append(out.Resource.Get(ctx, &m)...); !out.Diagnostics.HasError() {
		m.setRead(img, s, children)
		if unknown {
			m.Children = types.ListNull(types.StringType)
		}
		out.Diagnostics.Append(out.Resource.Set(ctx, &m)...)
	}
	return []list.ListResult{out}
}
