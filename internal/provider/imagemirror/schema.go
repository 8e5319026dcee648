// SPDX-License-Identifier: MPL-2.0

package imagemirror

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
)

func (r *mirrorResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	all := maps.Clone(attributes)
	all["timeouts"] = deadline.Attribute(ctx, deadline.Defaults{Create: copyTimeout, Read: readTimeout, Update: copyTimeout, Delete: deleteTimeout})
	resp.Schema = schema.Schema{
		MarkdownDescription: "The mirroring of an RBD image in snapshot mode, as one cluster has it: `rbd mirror image enable`, `promote`, `demote`, `resync` and `disable`. " +
			"The clusters' rbd-mirror copies the data; none of it passes through the machine that runs Terraform. " +
			"The pool must mirror by image and have its peers ([`rbd_mirror_pool`](mirror_pool.md), or `rbd mirror pool enable POOL image` and `rbd mirror pool peer bootstrap`). Where it does not, [`rbd_image_replica`](image_replica.md) copies.\n\n" +
			"One resource is for the primary, `primary = true`, and one, through an alias of the provider, for each secondary, `primary = false`. " +
			"The first enables the mirroring; the others wait until rbd-mirror has made their image and has copied it once. Let none of them refer to another: then a failover works in both directions. " +
			"See [the guide](../guides/mirroring.md) for a failover, planned and unplanned.\n\n" +
			"~> **Destroying the primary's resource removes the secondaries**: `rbd mirror image disable` ends the mirroring, and rbd-mirror removes its copies, unless `on_destroy = \"retain\"`. " +
			"Destroying a secondary's leaves all as it is.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`; for `schedule`, `mgr 'profile rbd'`.",
		Attributes: all,
	}
}

var attributes = map[string]schema.Attribute{
	imageref.Name: imageref.Attribute("to mirror. A secondary has the name of its primary, and need not be there yet"),
	"primary": schema.BoolAttribute{
		Required: true,
		MarkdownDescription: "Whether this cluster has the primary, which alone can be written to. `true` promotes a secondary: it waits up to ten minutes for the demotion of the primary to arrive, which the same apply may make in the other cluster. " +
			"`false` demotes the primary, and what was written last still goes to the peers; that is refused while the image is in use, and while no peer's rbd-mirror is up to get it. Both in place.",
	},
	"force": schema.BoolAttribute{
		Optional: true, Computed: true, Default: booldefault.StaticBool(false),
		MarkdownDescription: "For when the other cluster is gone: promotes without its demotion, to the last state that has arrived as a whole, and what the primary got since then is lost; demotes without a peer that is up. " +
			"Refused while a peer reports that it is up and has the primary. Set it back to `false` afterwards. Default: `false`.",
	},
	"resync": schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Another text here than before copies the primary anew into this secondary (`rbd mirror image resync`), and waits for it: for a former primary, demoted after another was promoted by force. " +
			"What was written here since is lost, and the image gets a new `image_id`. Refused where no site is known to have the primary. The first text, on a new or imported resource, copies nothing.",
		Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
	},
	"schedule": schema.SetNestedAttribute{
		Optional: true,
		MarkdownDescription: "When the manager takes a mirror snapshot of this image (`rbd mirror snapshot schedule add`): only with one do changes go to the secondaries. " +
			"Default: none of its own, only what is scheduled for its pool. The manager takes them of the primary alone; on a secondary they wait for its promotion.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"interval": schema.StringAttribute{
				Required: true, Validators: []validator.String{intervalCheck{}},
				MarkdownDescription: "How often: `30m`, `12h`, `1d`, in the largest unit that it is a whole number of.",
			},
			"start_time": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.RegexMatches(startTime, "must be a time of day as the manager notes it: 14:00:00, or 14:00:00+02:00")},
				MarkdownDescription: "A time of day that one is taken at, `14:00:00` (UTC) or `14:00:00+02:00`. Default: midnight.",
			},
		}},
	},
	"on_destroy": schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString(onDestroyDisable),
		MarkdownDescription: "What happens when the primary's resource is destroyed: `disable` (default, the secondaries are removed) or `retain` (left as it is).",
		Validators:          []validator.String{stringvalidator.OneOf(onDestroyDisable, ondestroy.Retain)},
	},
	"spec": schema.StringAttribute{
		Computed: true, MarkdownDescription: "`pool[/namespace]/image`.",
	},
	"image_id": schema.StringAttribute{
		Computed: true, MarkdownDescription: "RBD image id in this cluster.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	},
	"global_id": schema.StringAttribute{
		Computed: true, MarkdownDescription: "Id of the mirrored image, the same in all clusters.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	},
	"mode": schema.StringAttribute{
		Computed: true, MarkdownDescription: "`snapshot`; `journal` of an image that was imported so.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	},
}

var (
	startTime = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([+-][0-9]{2}:[0-9]{2})?$`)
	interval  = regexp.MustCompile(`^([1-9][0-9]{0,6})([mhd])$`)
)

// intervalCheck accepts what the manager gives back as it is: it notes 24h as 1d.
type intervalCheck struct{}

func (intervalCheck) Description(context.Context) string {
	return "must be a number of minutes, hours or days: 30m, 12h, 1d"
}
func (c intervalCheck) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

func (c intervalCheck) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	parts := interval.FindStringSubmatch(req.ConfigValue.ValueString())
	if parts == nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not an interval", fmt.Sprintf("%q %s.", req.ConfigValue.ValueString(), c.Description(ctx)))
		return
	}
	n, _ := strconv.Atoi(parts[1])
	unit := parts[2]
	if unit == "m" && n%60 == 0 {
		n, unit = n/60, "h"
	}
	if unit == "h" && n%24 == 0 {
		n, unit = n/24, "d"
	}
	if unit != parts[2] {
		resp.Diagnostics.AddAttributeError(req.Path, "Not in the manager's words", fmt.Sprintf("The manager notes %q as \"%d%s\": write that.", req.ConfigValue.ValueString(), n, unit))
	}
}
