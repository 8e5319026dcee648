// SPDX-License-Identifier: MPL-2.0

package growth

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
)

const description = "The partition, the logical volume and the file system of a guest, grown to the end of its RBD image or to a size. The guest is not booted: " +
	"it is what `growpart`, `pvresize`, `lvresize` and `resize2fs` or `xfs_growfs` do in the running machine.\n\n" +
	"How far each reaches is read without an appliance, on each refresh too; where nothing is to grow, nothing is started. " +
	"When the image is grown, in the same run or by others, the plan shows what grows with it. " +
	"Partition tables may be MBR (logical partitions too) or GPT, volumes linear LVM, file systems ext2 to ext4, xfs, or btrfs of one device; " +
	"the partition must be the last one on the image, unless `size` fits before the next. What is left free for alignment, less than 1 MiB, is left alone. A hybrid MBR is refused where a partition would have to grow. " +
	"ext4 is checked (`e2fsck -fp`) before and after, xfs and btrfs after (`xfs_repair -n`, `btrfs check`).\n\n" +
	"ext4 on a partition or on the whole disk grows with the tools of the machine that runs Terraform, in a second or two. " +
	"That machine must have `qemu-storage-daemon` and `/dev/fuse`, and the user must be allowed to make namespaces. All else grows in a libguestfs appliance.\n\n" +
	guestresource.Atomic + "Nothing is ever shrunk. Destroying the resource leaves the guest as it is.\n\n" +
	"Needs libguestfs and qemu (Debian: `libguestfs-tools`, `qemu-utils`, `qemu-block-extra`; for xfs `libguestfs-xfs`; for ext4 without an appliance `qemu-system-common`, `e2fsprogs`, `fdisk`).\n\n" + guestresource.Caps

func (work) Schema(ctx context.Context) schema.Schema {
	return guestresource.Schema(ctx, description, "whose file system is grown", "Changes with the image and with what has grown.", map[string]schema.Attribute{
		"device": schema.StringAttribute{
			Optional: true, Computed: true, Validators: []validator.String{namecheck.GuestDevice()},
			MarkdownDescription: "The file system's device as libguestfs names it: `/dev/sda1`, `/dev/vgsys/lvroot`, or `/dev/sda` without a partition table; of a subvolume of btrfs the device is meant. Default: the root file system, found by inspection.",
		},
		"size": schema.StringAttribute{
			Optional: true, CustomType: sizetype.Type{},
			MarkdownDescription: "Size that the partition, or with LVM the logical volume, must have at least; the file system fills it. Default: all that the image has. " + sizetype.Description,
		},
		"filesystem":            schema.StringAttribute{Computed: true, MarkdownDescription: "Kind of the file system: `ext4` (ext2 and ext3 too), `xfs` or `btrfs`."},
		"filesystem_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the file system, in bytes."},
		"partition_size_bytes":  schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the partition, with LVM of the physical volume's, in bytes; null without a partition table."},
		"volume_size_bytes":     schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the logical volume in bytes; null without LVM."},
	})
}
