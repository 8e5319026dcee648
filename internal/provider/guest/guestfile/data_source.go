// SPDX-License-Identifier: MPL-2.0

// Package guestfile is the data source rbd_guest_file.
package guestfile

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/mounts"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	// readTimeout leaves room for an appliance that waits for its turn.
	readTimeout = 10 * time.Minute
	// maxFile is the largest content that is read, in bytes: the whole of it
	// goes into the state.
	maxFile = 4 << 20
)

var kind = report.NewKind("guest file", advice, guestresource.Advice)

var _ datasource.DataSourceWithConfigure = &fileDataSource{}

const tooLarge = "All of a file's content goes into the state: this is for configuration, not for data."

var advice = []report.Advice{
	{Is: guestread.ErrTooLarge, Do: tooLarge},
	{Is: guestfs.ErrTooLarge, Do: tooLarge},
}

// NewDataSource is the data source rbd_guest_file.
func NewDataSource() datasource.DataSource { return &fileDataSource{} }

type fileDataSource struct{ lookup.Base }

func (d *fileDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_guest_file"
}

func (d *fileDataSource) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A file inside the guest of an RBD image or snapshot: what `virt-cat` and `guestfish lstatns` tell. " +
			"Use it for a version that an image carries in `/etc`, or for a file that is to be the same in another image.\n\n" +
			"From ext2 to ext4 and xfs, on partitions or linear LVM and unmounted cleanly, it is read without an appliance, in well under a second. " +
			"All else is read in a libguestfs appliance, over an overlay that is thrown away: btrfs with its subvolumes, and Windows guests. In those case in a path does not matter, and mode and owner say nothing. Nothing is written to the image. " +
			"The content stands in the state for whoever may read that: no place for secrets.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'` without an appliance; an appliance wants `profile rbd`.",
		Attributes: map[string]schema.Attribute{
			"timeouts": deadline.DataSourceAttribute(ctx, readTimeout, "An appliance may have to wait for its turn."),
			"image": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.AnySpec()},
				MarkdownDescription: "`pool[/namespace]/image@snapshot`. Without `@snapshot` the image itself is read, which nothing else may have open or locked meanwhile (see `rbd status`, `rbd lock ls`)."},
			"path": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.GuestPath()},
				MarkdownDescription: "Absolute path in the guest. Symbolic links on the way are followed within the guest; one at its end is described, not followed. A path that is not there is an error."},
			"root_device": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{namecheck.GuestDevice()},
				MarkdownDescription: "The guest's root file system as libguestfs names it, `/dev/sda1`, `/dev/vgsys/lvroot`, or `btrfsvol:/dev/sda2/root` for a subvolume of btrfs. Default: found by inspection; needed where there is more than one operating system."},
			"mounts": schema.MapAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Map{namecheck.GuestMounts(), siblings.Conflict("root_device")},
				MarkdownDescription: mounts.Description},
			"type": schema.StringAttribute{Computed: true,
				MarkdownDescription: "`regular file`, `directory`, `symbolic link`, `character device`, `block device`, `fifo` or `socket`."},
			"mode":        schema.StringAttribute{Computed: true, MarkdownDescription: "Mode in octal, four digits."},
			"uid":         schema.Int64Attribute{Computed: true, MarkdownDescription: "Owner, as a number."},
			"gid":         schema.Int64Attribute{Computed: true, MarkdownDescription: "Group, as a number."},
			"size_bytes":  schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of a regular file in bytes, else null."},
			"link_target": schema.StringAttribute{Computed: true, MarkdownDescription: "What a symbolic link leads to, as it stands there; else null."},
			"content": schema.StringAttribute{Computed: true,
				MarkdownDescription: "Content of a regular file of at most 4 MiB; null where it is not UTF-8, and for all else. It is kept in the state: don't read a file with secrets."},
			"content_base64": schema.StringAttribute{Computed: true, MarkdownDescription: "The same, whatever it is, in Base64."},
			"sha256":         schema.StringAttribute{Computed: true, MarkdownDescription: "SHA-256 of a regular file's content in hexadecimal digits."},
		},
	}
}

func (d *fileDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "read",
		Name:     func(m model) string { return m.Image.ValueString() + ":" + m.Path.ValueString() },
		Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: readTimeout,
		Ask: func(ctx context.Context, data *providerdata.Data, m *model, _ *diag.Diagnostics) error {
			f, err := read(ctx, data, *m)
			if err == nil {
				m.set(f)
			}
			return err
		},
	}.Read(ctx, d.Data, req, resp)
}

func read(ctx context.Context, d *providerdata.Data, m model) (f found, err error) {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return f, err
	}
	err = guestinspect.Unchanged(ctx, d.Guest(), spec, func() error {
		return guestinspect.Read(ctx, d.Guest(), spec, mounts.Tree(m.RootDevice, m.Mounts), func(r guestinspect.Reader) (err error) {
			f.root = r.RootDevice()
			if f.FileInfo, err = r.Lstat(m.Path.ValueString()); err == nil && f.Type == guest.Regular {
				f.content, err = r.Read(m.Path.ValueString(), maxFile)
			}
			return err
		})
	})
	return f, err
}
