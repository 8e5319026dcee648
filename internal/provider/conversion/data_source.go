// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

const (
	infoTimeout = 5 * time.Minute
)

var infoKind = report.NewKind("disk image", infoAdvice, advice)

var _ datasource.DataSourceWithConfigure = &infoDataSource{}

var infoAdvice = []report.Advice{
	{Is: qemu.ErrArchive, Do: "archive_member names the file in it that is the disk, in a file that is a tar and not compressed. Unpack any other first; `rbd_image_conversion` takes those as they are, with archive_member of its source."},
	{Is: conversion.ErrPacked, Do: "Unpack it first; `rbd_image_conversion` takes it as it is, with archive_member of its source."},
	{Is: conversion.ErrCompressed, Do: "Decompress it first; `rbd_image_conversion` takes it as it is."},
}

// NewDataSource is the data source rbd_disk_image_info.
func NewDataSource() datasource.DataSource { return &infoDataSource{} }

type infoDataSource struct{ lookup.Base }

func (d *infoDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_disk_image_info"
}

func (d *infoDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	formats := qemu.Formats()
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a virtual-machine image says of itself: `qemu-img info`, of a local file or of an image or snapshot in RBD that holds one, such as a qcow2 that was uploaded to Glance. " +
			"It tells beforehand how large a conversion (`rbd_image_conversion`) will be, and what would be refused.\n\n" +
			"The image is not trusted: its format is stated and never probed, and qemu-img runs under limits. The names of other files are shown as text; nothing looks at those files.\n\n" +
			"Needs qemu-img with the rbd driver (Debian: `qemu-utils`, `qemu-block-extra`).\n\n" +
			"Caps, for a source in RBD: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'` (qemu-img can't read an image with `profile rbd-read-only`).",
		Attributes: map[string]schema.Attribute{
			"file": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Path of a file on the machine that runs Terraform. One of `file` and `image`.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1), siblings.ExactlyOne("image")},
			},
			"image": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Spec of the image or snapshot that holds it: `pool[/namespace]/image[@snapshot]`. Without a snapshot, the image must not be in use.",
				Validators: []validator.String{namecheck.AnySpec()},
			},
			"archive_member": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the file in a tar archive that is meant, where `file` is one that is not compressed, as an OVA (`NAME-disk1.vmdk`). It stands as the archive has it.",
				Validators: []validator.String{stringvalidator.LengthBetween(1, longestMember), siblings.Need("file")},
			},
			"format": schema.StringAttribute{
				Required: true, MarkdownDescription: "Its format, as qemu-img calls it: `" + strings.Join(formats, "`, `") + "`.",
				Validators: []validator.String{stringvalidator.OneOf(formats...)},
			},
			"content":            lookup.Text("What a source that is stated as raw is by its signatures, where that is no disk, such as `a tar archive` or `a qcow2 disk image`; null otherwise. A conversion refuses it."),
			"virtual_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the disk that a virtual machine sees, in bytes."},
			"size_bytes":         schema.Int64Attribute{Computed: true, MarkdownDescription: "Length of the file or of `archive_member`, or size of the RBD image or snapshot, in bytes."},
			"disk_size_bytes":    schema.Int64Attribute{Computed: true, MarkdownDescription: "What it takes up where it lies, in bytes: `disk size` of a file; of an image in RBD its objects, those of its parent included."},
			"cluster_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of a cluster, grain or block in bytes; null where the format has none."},
			"compat":             lookup.Text("Version of a qcow2, `0.10` or `1.1`; null of others."),
			"compression_type":   lookup.Text("What compressed clusters of a qcow2 are, or would be, compressed with: `zlib` or `zstd`; null of others."),
			"extended_l2":        schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether a qcow2 has subclusters; null of others."},
			"encrypted":          schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether its content is encrypted."},
			"dirty":              schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether it was not closed cleanly."},
			"corrupt":            schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether qemu has marked a qcow2 as corrupt; null of others."},
			"backing_file":       lookup.Text("Name of the backing file as it stands in the image, or what a differencing vmdk, vpc, vhdx or vdi says of its parent; null where there is none."),
			"backing_format":     lookup.Text("Format of the backing file as it stands in the image; null where it is not stated."),
			"data_file":          lookup.Text("Name of the external data file of a qcow2, or of the first extent of a vmdk in several files. It is shown as it stands in the image; null where there is none."),
			"create_type":        lookup.Text("Subformat of a vmdk, as `monolithicSparse` or `streamOptimized`; null of others."),
			"snapshots": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "Snapshots inside a qcow2 (`qemu-img snapshot -l`), which a conversion leaves out; null of others, and where the data is in another file.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"id":                  lookup.Text("Its id."),
					"name":                lookup.Text("Its name."),
					"vm_state_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the machine's state in bytes, 0 where it is of the disk alone."},
					"created_at":          lookup.Text("When it was made, as RFC 3339."),
				}},
			},
		},
	}
}

func (d *infoDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[infoModel]{
		Kind: infoKind, Verb: "read", Timeout: infoTimeout,
		Name: func(m infoModel) string {
			if m.File.IsNull() {
				return m.Image.ValueString()
			}
			return m.File.ValueString()
		},
		At: func(m infoModel, _ error) path.Path {
			if m.File.IsNull() {
				return path.Root("image")
			}
			return path.Root("file")
		},
		Ask: func(ctx context.Context, data *providerdata.Data, m *infoModel, _ *diag.Diagnostics) error {
			details, err := conversion.ReadDetails(ctx, deps(data), m.reference())
			if err == nil {
				m.set(details)
			}
			return err
		},
	}.Read(ctx, d.Data, req, resp)
}
