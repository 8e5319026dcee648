package conversion

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
)

const description = "A virtual-machine image converted to raw in RBD: `qemu-img convert -O raw SOURCE rbd:POOL/NAME` and, with `size`, `rbd resize`.\n\n" +
	"The content goes into a temporary image (`NAME.tfpending`), which gets its name only when all of it is there; " +
	"an interrupted run leaves nothing but that, and the next one removes it. " +
	"Source images are not trusted: the format is stated and never probed, and an image that refers to other files " +
	"(a backing file, an external data file, extents elsewhere) or is encrypted is refused.\n\n" +
	"The source is read when the image is made. A source file that changes later is not noticed, and may be gone; " +
	"use `replace_triggered_by` to convert again.\n\n" +
	"Needs qemu-img with the rbd driver (Debian: `qemu-utils`, `qemu-block-extra`).\n\n" +
	"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`, and the same for the pool of a source in RBD " +
	"(qemu-img can't read with `profile rbd-read-only`)."

func (r *conversionResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	formats := qemuimg.Formats()
	resp.Schema = schema.Schema{
		MarkdownDescription: description,
		Attributes: target.Attributes(schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Size to grow the image to after the conversion; not smaller than the source's virtual size, which is the default. " +
				"Later changes grow the image in place. File systems inside are not grown.",
			PlanModifiers: []planmodifier.String{target.KeepEqualSize()},
		}, map[string]schema.Attribute{
			"source": schema.SingleNestedAttribute{
				Required:            true,
				MarkdownDescription: "The image to convert. A change makes a new image.",
				PlanModifiers: []planmodifier.Object{objectplanmodifier.RequiresReplaceIf(
					// An imported image has no source in its state.
					func(_ context.Context, req planmodifier.ObjectRequest, resp *objectplanmodifier.RequiresReplaceIfFuncResponse) {
						resp.RequiresReplace = !req.StateValue.IsNull()
					},
					"A change makes a new image.", "A change makes a new image.")},
				Attributes: map[string]schema.Attribute{
					"file": schema.StringAttribute{
						Optional:            true,
						MarkdownDescription: "Path of a file on the machine that runs Terraform. It must exist when the plan is made. One of `file` and `image`.",
						Validators: []validator.String{
							stringvalidator.LengthAtLeast(1),
							stringvalidator.ExactlyOneOf(path.MatchRelative().AtParent().AtName("image")),
						},
					},
					"image": schema.StringAttribute{
						Optional: true,
						MarkdownDescription: "Spec of an image or snapshot in the same cluster that holds the source, such as the qcow2 that somebody uploaded to Glance: " +
							"`pool[/namespace]/image[@snapshot]`. Without a snapshot, the image must not be in use.",
						Validators: []validator.String{namecheck.AnySpec()},
					},
					"format": schema.StringAttribute{
						Required:            true,
						MarkdownDescription: "Format of the source, as qemu-img calls it: `" + strings.Join(formats, "`, `") + "`.",
						Validators:          []validator.String{stringvalidator.OneOf(formats...)},
					},
				},
			},
			"verify_content": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Read the result back and compare it with the source (`qemu-img compare`) before it gets its name. " +
					"It costs about as much as the conversion. Default: `false`: the sizes are compared, and that the source did not change meanwhile.",
			},
		}),
		Blocks: map[string]schema.Block{
			"timeouts": timeouts.Block(ctx, timeouts.Opts{Create: true, Read: true, Update: true, Delete: true}),
		},
	}
}
