// SPDX-License-Identifier: MPL-2.0

package imagecopy

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
)

func arguments(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Copies an RBD image with all its snapshots within the cluster, also to another pool or namespace, as `rbd deep cp` does. " +
			"The copy gets the names, sizes and protection of the snapshots, the image's features, object size, striping, metadata and configuration. " +
			"It does not get its limit of snapshots, its mirroring, snapshots of groups and of mirroring, or its clones.\n\n" +
			"The copy of a clone is a clone of the same snapshot, unless `flatten` is set. A parent in the trash takes no more clones: then `flatten` is needed. " +
			"Content that is encrypted is copied as it is, and opens with the same key; a clone that has a key of its own is refused with `flatten`.\n\n" +
			"**No state has the copy**, also where one has the source: bring it into one with an `import` block, or by `terraform query`.\n\n" +
			"The data passes through here, as with the `rbd` command. Only what has data is read, of each snapshot only what has changed since the one before, and all that was written is read back and compared. " +
			"The copy has a temporary name (`TARGET.tfpending`) until it is complete. Ctrl-C and `timeouts` remove it, and what a killed run has left is removed by the next invocation of the same state.\n\n" +
			"A source in use is refused: it must have no watcher (`rbd status`) and no lock (`rbd lock ls`). To copy a running disk, take a snapshot, and copy that with [`rbd_image_replica`](../resources/image_replica.md), which also copies between clusters. " +
			"The secondary of a mirror, an image under migration, and one whose edit or rollback was cut off are refused too, and so is a target whose name is taken.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=TARGET, profile rbd pool=SOURCE'`; `profile rbd-read-only` of the source's pool is enough where the copy has no parent there.",
		Attributes: map[string]schema.Attribute{
			"image":     schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.ImageSpec()}, MarkdownDescription: "Spec of the image to copy, `pool[/namespace]/image`."},
			"target":    schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.NewImageSpec()}, MarkdownDescription: "Spec of the copy, `pool[/namespace]/image`."},
			"data_pool": schema.StringAttribute{Optional: true, Validators: []validator.String{namecheck.DataPool()}, MarkdownDescription: "Pool for the copy's data, as of `rbd deep cp --data-pool`. By default that of `target`, whatever the source has."},
			flattenName: schema.BoolAttribute{Optional: true, MarkdownDescription: "Give the copy of a clone all the content, and no parent, as `rbd deep cp --flatten` does. Default: `false`."},
			"verify_content": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Read the whole contents of both and compare them, of each snapshot too. Default: `false`: what was copied is read back and compared."},
			"timeouts": deadline.ActionAttribute(ctx, timeout),
		},
	}
}
