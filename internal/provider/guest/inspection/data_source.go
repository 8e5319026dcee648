// Package inspection is the data source rbd_guest_inspection.
package inspection

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/look"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	noun = "guest of RBD image"
	// readTimeout leaves room for an appliance that waits for its turn.
	readTimeout = 20 * time.Minute
)

var _ datasource.DataSourceWithConfigure = &inspectionDataSource{}

// NewDataSource is the data source rbd_guest_inspection.
func NewDataSource() datasource.DataSource { return &inspectionDataSource{} }

type inspectionDataSource struct{ data *providerdata.Data }

func (d *inspectionDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_guest_inspection"
}

func (d *inspectionDataSource) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(what string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: what}
	}
	number := func(what string) schema.Int64Attribute {
		return schema.Int64Attribute{Computed: true, MarkdownDescription: what}
	}
	whether := func(what string) schema.BoolAttribute {
		return schema.BoolAttribute{Computed: true, MarkdownDescription: what}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What is inside an RBD image or snapshot: its operating systems as `virt-inspector` finds them, its file systems as `virt-df` shows them, " +
			"and whether it has what a cloud asks of an image. With a `postcondition` an image that lacks that never gets into the catalog.\n\n" +
			"**What it costs.** A libguestfs appliance is started in every plan, over an overlay that is thrown away: some seconds with KVM, 20 to 30 without. Nothing is written to the image. " +
			"For a single file `rbd_guest_file` mostly needs no appliance.\n\n" +
			"Needs libguestfs and qemu (Debian: `libguestfs-tools`, `qemu-utils`, `qemu-block-extra`; for xfs `libguestfs-xfs`).\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`.",
		Attributes: map[string]schema.Attribute{
			"image": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.AnySpec()},
				MarkdownDescription: "`pool[/namespace]/image@snapshot`. Without `@snapshot` the image itself is looked at, which nothing else may have open or locked meanwhile (see `rbd status`, `rbd lock ls`)."},
			"packages": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether to list the installed packages. Default: `false`."},
			"operating_systems": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "The operating systems; most images have one. What could not be told is null.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"root_device":    text("Device of the root file system as libguestfs names it: what `root_device` of the guest resources takes."),
					"type":           text("`linux`, `windows`, `freebsd`, …"),
					"distro":         text("`debian`, `ubuntu`, `rhel`, `windows`, …"),
					"product_name":   text("As the system names itself."),
					"major_version":  number("Major version; `0` where there is none."),
					"minor_version":  number("Minor version."),
					"architecture":   text("`x86_64`, `aarch64`, …"),
					"hostname":       text("Host name."),
					"package_format": text("`deb`, `rpm`, …"),
					"mounts": schema.MapAttribute{Computed: true, ElementType: types.StringType,
						MarkdownDescription: "Device of each file system that the guest mounts, by path."},
					"missing_mounts": schema.MapAttribute{Computed: true, ElementType: types.StringType,
						MarkdownDescription: "What stands in `/etc/fstab` and is not on the image or can't be mounted, by path: a boot may stop there."},
					"packages": schema.ListNestedAttribute{
						Computed: true, MarkdownDescription: "Installed packages; null unless asked for.",
						NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
							"name":         text("Name."),
							"version":      text("Version, with epoch and release where it has them, as dpkg and rpm write it."),
							"architecture": text("Architecture."),
						}},
					},
					"cloud_init": whether("Whether cloud-init is installed. Null for all but Linux."),
					"virtio": whether("Whether a kernel has the drivers of a virtio disk (virtio-blk or virtio-scsi) and network card, built in or as modules. " +
						"That the initramfs holds them too is not looked at: a boot tells."),
					"serial_console": whether("Whether a boot loader gives a kernel a serial console (`console=ttyS0` and the like), as `openstack console log show` needs it. Null where no boot loader's configuration was found."),
					"no_fixed_mac_addresses": whether("Whether no network card is named by its MAC address, by udev, ifcfg files, NetworkManager, netplan, systemd-networkd or ifupdown: " +
						"a new machine has others. Null for all but Linux."),
					"mac_address_files": schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "The files that do so."},
				}},
			},
			"file_systems": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "What partitions and logical volumes hold.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"device":     text("Device as libguestfs names it."),
					"type":       text("`ext4`, `xfs`, `swap`, …; null where it is not known."),
					"label":      text("Label; null where there is none."),
					"uuid":       text("UUID; null where there is none."),
					"size_bytes": number("Size of the device in bytes."),
					"free_bytes": number("What an ordinary user of the guest could still write, in bytes; null where it can't be mounted."),
				}},
			},
		},
		Blocks: map[string]schema.Block{
			"timeouts": timeouts.BlockWithOpts(ctx, timeouts.Opts{
				ReadDescription: "How long the inspection may take, as `5m`. By default `20m`, for an appliance that waits for its turn.",
			}),
		},
	}
}

func (d *inspectionDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (d *inspectionDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	ctx, cancel, ok := deadline.With(ctx, m.Timeouts.Read, readTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if !d.data.CanAsk() {
		resp.Diagnostics.AddError(report.Unable("inspect", noun, m.Image.ValueString()), "The provider's configuration is not known yet.")
		return
	}
	if err := d.inspect(ctx, &m); err != nil {
		report.Error(&resp.Diagnostics, "inspect", noun, m.Image.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (d *inspectionDataSource) inspect(ctx context.Context, m *model) error {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return err
	}
	return look.Unchanged(ctx, d.data, spec, func() error {
		return look.InAppliance(ctx, d.data, spec, func(s *guestfs.Session) error {
			filesystems, err := s.FileSystems(ctx)
			if err != nil {
				return err
			}
			found, err := s.Inspect(ctx)
			if err != nil {
				return err
			}
			var all []system
			for _, o := range found {
				one, err := inspectSystem(ctx, s, o, m.Packages.ValueBool())
				if err != nil {
					return fmt.Errorf("the operating system on %s: %w", o.Root, err)
				}
				all = append(all, one)
			}
			m.set(all, filesystems)
			return nil
		})
	})
}

// inspectSystem mounts an operating system, and unmounts it.
func inspectSystem(ctx context.Context, s *guestfs.Session, o guestfs.OS, packages bool) (one system, err error) {
	one.OS = o
	if one.mounted, err = s.MountRoot(ctx, o.Root); err != nil {
		return one, err
	}
	if one.cloud, err = cloudOf(ctx, s, o); err != nil {
		return one, err
	}
	if packages {
		if one.packages, err = s.Packages(ctx, o.Root); err != nil {
			return one, err
		}
	}
	return one, s.UnmountAll(ctx)
}
