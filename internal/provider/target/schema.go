// SPDX-License-Identifier: MPL-2.0

package target

import (
	"context"
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Attributes are the attributes of Model, together with a resource's own.
func Attributes(size schema.StringAttribute, own map[string]schema.Attribute) map[string]schema.Attribute {
	size.CustomType = sizetype.Type{}
	size.MarkdownDescription += " " + sizetype.Description
	all := map[string]schema.Attribute{"size": size}
	maps.Copy(all, attributes)
	maps.Copy(all, own)
	return all
}

// attributes are those of Model, but for its size.
var attributes = map[string]schema.Attribute{
	"name": schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Name of the RBD image. A change renames the image in place.",
		Validators:          []validator.String{namecheck.Image()},
	},
	"pool": schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Pool of the image. Default: `pool` of the provider's `ceph` argument. A change makes a new image.",
		Validators:          []validator.String{namecheck.Pool()},
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
	},
	"namespace": schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "RBD namespace in the pool; empty for the pool's default one. Default: `namespace` of the provider's `ceph` argument. Glance, Nova and Cinder can't read images in a namespace. A change makes a new image.",
		Validators:          []validator.String{namecheck.Namespace()},
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
	},
	"features": schema.SetAttribute{
		Optional: true, Computed: true, ElementType: types.StringType,
		MarkdownDescription: "Features that the image has, no more and no less, of `" + strings.Join(rbd.Features(), "`, `") + "`. Default: what the cluster gives (`rbd_default_features`), and then they are not managed. " +
			"All but `layering` are switched in place, and `deep-flatten` only off; anything else makes a new image. `object-map` and `journaling` need `exclusive-lock`; `object-map` and `fast-diff` go together. " +
			"An object map that is switched on is rebuilt. `striping` and `data-pool` follow from `stripe_count` and `data_pool`.",
		Validators:    []validator.Set{featuresCheck{}},
		PlanModifiers: []planmodifier.Set{setplanmodifier.UseStateForUnknown()},
	},
	"object_size": layoutSize("Size of the objects that hold the data (`rbd create --object-size`), a power of two from `4KiB` to `32MiB`. Default: `rbd_default_order`, usually `4MiB`.", objectSizeCheck{}),
	"stripe_unit": layoutSize("Stripe unit, which divides `object_size`. Default: the object size.",
		siblings.Need("stripe_count")),
	"stripe_count": schema.Int64Attribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Number of objects that a stripe goes over. Default: `1`, no striping. A change makes a new image.",
		Validators:          []validator.Int64{int64validator.Between(1, 1<<20), siblings.Need("stripe_unit")},
		PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown(), int64planmodifier.RequiresReplaceIfConfigured()},
	},
	"data_pool": schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Pool for the data objects, such as an erasure-coded one with overwrites; the image's header and metadata stay in `pool`. Empty: the data is in `pool` too. A change makes a new image.",
		Validators:          []validator.String{namecheck.DataPool()},
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplaceIfConfigured()},
	},
	"metadata": schema.MapAttribute{
		Optional: true, ElementType: types.StringType,
		MarkdownDescription: "Image metadata (`rbd image-meta`). Entries that are not named here, of other tools and people, are left alone and never shown.",
		Validators:          []validator.Map{metadataCheck{}},
	},
	"conf": schema.MapAttribute{
		Optional: true, ElementType: types.StringType,
		MarkdownDescription: "Options of librbd for this image alone (`rbd config image set`), QoS limits among them: `rbd_qos_iops_limit = \"500\"`. Options that are not named here are left alone. " +
			"A client that has the image open takes them over at once.",
		Validators: []validator.Map{confCheck{}},
	},
	"on_destroy": ondestroy.Attribute("What happens to the image when the resource is destroyed: `delete` (default), `trash` (moved to the trash of its pool, with its snapshots and clones) or `retain` (left as it is). "+
		"An image that has watchers or locks, or is not the one that this resource made, is neither deleted nor moved; one that has snapshots is not deleted. "+
		"A large image is moved to the trash, and the manager deletes it from there (`ceph rbd task add trash remove`) where the user may ask it to. Large is 16384 objects: 64 GiB of data, or of size where there is no object map. "+
		"The destroy waits for it. A destroy that is interrupted cancels that, and the next one goes on with what is left.", ondestroy.Trash, ondestroy.Retain),
	"trash_delay": schema.StringAttribute{
		Optional: true, Computed: true, CustomType: durationtype.Type{}, Default: stringdefault.StaticString(defaultTrashDelay),
		MarkdownDescription: "How long an image that goes to the trash can't be removed from there without force (`rbd trash mv --expires-at`), as `\"720h\"`. Default: `" + defaultTrashDelay + "`.",
		Validators:          []validator.String{delayCheck{}},
	},
	"trashed": schema.BoolAttribute{
		Optional: true, Computed: true, Default: booldefault.StaticBool(false),
		MarkdownDescription: "Whether the image is in the trash. Default: `false`, so that one that somebody moved there is restored. A change moves it there or restores it under its name.",
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

// defaultTrashDelay is none, as that of `rbd trash mv`.
const defaultTrashDelay = "0s"

func layoutSize(description string, check validator.String) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true, CustomType: sizetype.Type{},
		MarkdownDescription: description + " A change makes a new image.",
		Validators:          []validator.String{check},
		PlanModifiers: []planmodifier.String{
			stringplanmodifier.UseStateForUnknown(), KeepEqualSize(), stringplanmodifier.RequiresReplaceIfConfigured(),
		},
	}
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
