// SPDX-License-Identifier: MPL-2.0

package inspection

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
)

func (d *inspectionDataSource) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	all := maps.Clone(attributes)
	all["timeouts"] = deadline.DataSourceAttribute(ctx, readTimeout, "An appliance may have to wait for its turn.")
	resp.Schema = schema.Schema{
		MarkdownDescription: "What is inside an RBD image or snapshot: its operating systems as `virt-inspector` finds them, its file systems as `virt-df` shows them, " +
			"and whether it has what a cloud asks of an image. With a `postcondition` an image that lacks that never gets into the catalog.\n\n" +
			"**What it costs.** A libguestfs appliance, over an overlay that is thrown away: some seconds with KVM, 20 to 30 without. Nothing is written to the image. " +
			"Of a snapshot it is started once: what was found is kept on this machine, under the snapshot's id, for 30 days. " +
			"It is in `terraform-provider-rbd` of `$XDG_CACHE_HOME` (`~/.cache`), at most 64 MiB, and may be removed at any time. An image is looked at in every plan. " +
			"For a single file `rbd_guest_file` mostly needs no appliance.\n\n" +
			"Needs libguestfs and qemu (Debian: `libguestfs-tools`, `qemu-utils`, `qemu-block-extra`; for xfs `libguestfs-xfs`).\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`.",
		Attributes: all,
	}
}

var attributes = map[string]schema.Attribute{
	"image": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.AnySpec()},
		MarkdownDescription: "`pool[/namespace]/image@snapshot`. Without `@snapshot` the image itself is looked at, which nothing else may have open or locked meanwhile (see `rbd status`, `rbd lock ls`)."},
	"packages": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether to list the installed packages. Default: `false`."},
	"operating_systems": schema.ListNestedAttribute{
		Computed: true, MarkdownDescription: "The operating systems; most images have one. What could not be told is null.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"root_device":    lookup.Text("Device of the root file system as libguestfs names it: what `root_device` of the guest resources takes."),
			"type":           lookup.Text("`linux`, `windows`, `freebsd`, …"),
			"distro":         lookup.Text("`debian`, `ubuntu`, `rhel`, `windows`, …"),
			"product_name":   lookup.Text("As the system names itself."),
			"major_version":  lookup.Number("Major version; `0` where there is none."),
			"minor_version":  lookup.Number("Minor version."),
			"architecture":   lookup.Text("`x86_64`, `aarch64`, …"),
			"hostname":       lookup.Text("Host name."),
			"package_format": lookup.Text("`deb`, `rpm`, …"),
			"mounts": schema.MapAttribute{Computed: true, ElementType: types.StringType,
				MarkdownDescription: "Device of each file system that the guest mounts, by path."},
			"missing_mounts": schema.MapAttribute{Computed: true, ElementType: types.StringType,
				MarkdownDescription: "What stands in `/etc/fstab` and is not on the image or can't be mounted, by path: a boot may stop there."},
			"packages": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "Installed packages; null unless asked for.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":         lookup.Text("Name."),
					"version":      lookup.Text("Version, with epoch and release where it has them, as dpkg and rpm write it."),
					"architecture": lookup.Text("Architecture."),
				}},
			},
			"cloud_init": lookup.Bool("Whether cloud-init is installed. Null for all but Linux."),
			"virtio": lookup.Bool("Whether a kernel has the drivers of a virtio disk (virtio-blk or virtio-scsi) and network card, built in or as modules. " +
				"That the initramfs holds them too is not looked at: a boot tells."),
			"serial_console": lookup.Bool("Whether a boot loader gives a kernel a serial console (`console=ttyS0` and the like), as `openstack console log show` needs it. Null where no boot loader's configuration was found."),
			"no_fixed_mac_addresses": lookup.Bool("Whether no network card is named by its MAC address, by udev, ifcfg files, NetworkManager, netplan, systemd-networkd or ifupdown: " +
				"a new machine has others. Null for all but Linux."),
			"mac_address_files": schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "The files that do so."},
		}},
	},
	"file_systems": schema.ListNestedAttribute{
		Computed: true, MarkdownDescription: "What partitions and logical volumes hold.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"device":     lookup.Text("Device as libguestfs names it."),
			"type":       lookup.Text("`ext4`, `xfs`, `swap`, …; null where it is not known."),
			"label":      lookup.Text("Label; null where there is none."),
			"uuid":       lookup.Text("UUID; null where there is none."),
			"size_bytes": lookup.Number("Size of the device in bytes."),
			"free_bytes": lookup.Number("What an ordinary user of the guest could still write, in bytes; null where it can't be mounted."),
		}},
	},
}
