package target

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
)

// Attributes are the attributes of Model, together with a resource's own.
func Attributes(size schema.StringAttribute, own map[string]schema.Attribute) map[string]schema.Attribute {
	size.CustomType = sizetype.Type{}
	size.MarkdownDescription += " " + sizetype.Description
	all := map[string]schema.Attribute{
		"name": schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "Name of the RBD image. A change renames the image in place.",
			Validators:          []validator.String{namecheck.Image()},
		},
		"pool": schema.StringAttribute{
			Optional: true, Computed: true,
			MarkdownDescription: "Pool of the image. Default: `pool` of the provider's `ceph` block. A change makes a new image.",
			Validators:          []validator.String{namecheck.Pool()},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
		},
		"namespace": schema.StringAttribute{
			Optional: true, Computed: true,
			MarkdownDescription: "RBD namespace in the pool; empty for the pool's default one. Default: `namespace` of the provider's `ceph` block. Glance, Nova and Cinder can't read images in a namespace. A change makes a new image.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
		},
		"size": size,
		"on_destroy": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(OnDestroyDelete),
			MarkdownDescription: "What happens to the image when the resource is destroyed: `delete` (default) or `retain` (left as it is). Deleting refuses an image that has snapshots, watchers or locks, and one that is not the image this resource made.",
			Validators:          []validator.String{stringvalidator.OneOf(OnDestroyDelete, OnDestroyRetain)},
		},
		"spec": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "`pool[/namespace]/image`, for every argument that wants an image.",
		},
		"image_id": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "RBD image id. It survives a rename.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"size_bytes": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Size of the image in bytes.",
			PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
		},
		"revision": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Changes exactly when another image takes this one's place; for names and triggers of later steps.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
	}
	maps.Copy(all, own)
	return all
}

// sameSize keeps the wording of the state where the configuration means the
// same number of bytes: 1024MiB instead of 1GiB is no change.
type sameSize struct{}

// KeepEqualSize is the plan modifier of the size attribute.
func KeepEqualSize() planmodifier.String { return sameSize{} }

func (sameSize) Description(context.Context) string {
	return "Sizes that mean the same number of bytes are equal."
}

func (m sameSize) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (sameSize) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if req.StateValue.IsNull() || req.PlanValue.IsNull() || req.PlanValue.IsUnknown() {
		return
	}
	was, err1 := sizetype.Parse(req.StateValue.ValueString())
	is, err2 := sizetype.Parse(req.PlanValue.ValueString())
	if err1 == nil && err2 == nil && was == is {
		resp.PlanValue = req.StateValue
	}
}
