// SPDX-License-Identifier: MPL-2.0

package replica

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
)

// defaultKeep is how many snapshots a replica keeps.
const defaultKeep = 2

const description = "A snapshot of an image copied into another image, in another cluster or another pool, with a snapshot of the same name there: " +
	"`rbd export` and `rbd import` the first time, and `rbd export-diff` and `rbd import-diff` from then on.\n\n" +
	"The resource belongs to the provider configuration (the alias) of the destination. " +
	"The first copy goes into a temporary image (`NAME.tfpending`), which gets its name only when all of it is there. " +
	"When `source.snapshot` changes to a later snapshot of the same image, only what differs between the two is copied, in place. " +
	"For that the one that was copied last must still be at the source: remove it only after the new one was copied, which `create_before_destroy` in its `lifecycle` sees to. " +
	"Where it is gone, a warning in the plan says so. Then all of both images is read, and what differs is copied, in place as well. " +
	"A snapshot of another image, or an older one, is a new image, and a warning in the plan says why.\n\n" +
	"All that was written is read back and compared. Of the rest of the image fast-diff makes sure that nothing has changed since the last copy. " +
	"So what a copy costs depends on what has changed and not on the size of the image; `verify_content` reads and compares all of both. " +
	"Besides, each snapshot that is made waits for the monitors, for up to a second (`paxos_propose_interval`), as `rbd snap create` does.\n\n" +
	"While an image is brought up to date it is marked. When that is cut off, its snapshots are as they were. The next apply does it again, or puts the image back to the last of them. " +
	"Somebody's writes to the image are told by each plan (`modified`), and nothing is done about them; the next copy is refused in the plan, as it is while somebody has the image open.\n\n" +
	"When the source's snapshot is replaced by another one of the same name, the copy's older one gets another name. That is what the source's is called by now, or `NAME.ID` with the snapshot id that it had at the source.\n\n" +
	"A snapshot of the source that is removed after it was copied is no change. A source that can't be reached is an error only where something is to be copied.\n\n" +
	"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'` at the destination, and at the source `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'`."

func (r *replicaResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: description,
		Attributes: target.Attributes(schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Size of the image: that of the source.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		}, map[string]schema.Attribute{
			"timeouts": deadline.Attribute(ctx, deadline.Defaults{Create: defaultTimeout, Read: target.ReadTimeout, Update: target.ChangeTimeout, Delete: target.ChangeTimeout}),
			"source":   sourceAttribute(),
			"protected": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(true),
				MarkdownDescription: "Whether the newest snapshot of the copy is protected, which v1 clones need. Default: `true`. Switched in place.",
			},
			"keep_snapshots": schema.Int64Attribute{
				Optional: true, Computed: true, Default: int64default.StaticInt64(defaultKeep),
				MarkdownDescription: "How many of the snapshots that were copied are kept at the destination, the newest among them. Default: `2`, so that what uses the one before has time to move on in the same run; " +
					"and then an old one is removed while the new one is made, where `1` has to wait for the monitors twice. Those that have children are kept beyond that, with a warning.",
				Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			"verify_content": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Read the whole contents of both and compare them, each time something was copied. Default: `false`: what was copied is read back and compared, and nothing else may have changed.",
			},
			"snapshot": schema.StringAttribute{
				Computed: true, MarkdownDescription: "Spec of the snapshot of the copy, `pool[/namespace]/image@snapshot`.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"snapshot_id": computedNumber("Its snapshot id."),
			"location_url": schema.StringAttribute{
				Computed: true, MarkdownDescription: "`rbd://FSID/POOL/IMAGE/SNAPSHOT` of it, as Glance, Nova and Cinder write it.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"source_fsid":        computedText("fsid of the source's cluster."),
			"source_image_id":    computedText("RBD image id of the source's image."),
			"source_snapshot_id": computedNumber("Snapshot id of what was copied last."),
			"transferred_bytes":  computedNumber("How much of the source was read for the last copy, in bytes."),
			"modified": schema.BoolAttribute{
				Computed: true, PlanModifiers: []planmodifier.Bool{boolplanmodifier.UseStateForUnknown()},
				MarkdownDescription: "Whether somebody has written to the image since it was copied, as the last refresh has found. Nothing is done about it but that the next copy is refused.",
			},
			"revision": computedText("Changes exactly when the content that was copied does; for names and triggers of later steps."),
		}),
	}
}

func sourceAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		Required:            true,
		MarkdownDescription: "The snapshot to copy. With nothing but `snapshot` and `fsid` it is in the provider's own cluster; otherwise what is left out comes from `CEPH_CONF`, `CEPH_ARGS` and ceph.conf, as for the `rbd` command. There is no argument for a key, as it would be in the state.",
		Attributes: map[string]schema.Attribute{
			"snapshot": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "`pool[/namespace]/image@snapshot`. Its name is that of the copy's snapshot too.",
				Validators:          []validator.String{namecheck.SnapshotSpec()},
			},
			"conf_file":    optionalText("Path of the ceph.conf of the source's cluster."),
			"user":         optionalText("Ceph user there, without `client.`."),
			"keyring_file": optionalText("Keyring with the user's key. Default: what ceph.conf says."),
			"monitors": schema.ListAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Addresses of the monitors there, as in `mon_host`; with these and `keyring_file`, no ceph.conf is needed.",
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(namecheck.Given())},
			},
			"fsid": schema.StringAttribute{
				Optional: true, Validators: []validator.String{namecheck.FSID()},
				MarkdownDescription: "The cluster that is meant. Any other is refused when the plan is made.",
			},
		},
	}
}

func optionalText(description string) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, MarkdownDescription: description, Validators: []validator.String{namecheck.Given()}}
}

func computedText(description string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}}
}

func computedNumber(description string) schema.Int64Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: description, PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()}}
}
