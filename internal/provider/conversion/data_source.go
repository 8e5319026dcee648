package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
)

const (
	infoNoun    = "disk image"
	infoTimeout = 5 * time.Minute
)

var _ datasource.DataSourceWithConfigure = &infoDataSource{}

func init() {
	report.Advise(errWrapped, "Decompress it first; `rbd_image_conversion` takes it as it is.")
}

// NewDataSource is the data source rbd_disk_image_info.
func NewDataSource() datasource.DataSource { return &infoDataSource{} }

type infoDataSource struct{ data *providerdata.Data }

func (d *infoDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_disk_image_info"
}

func (d *infoDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	formats := qemuimg.Formats()
	computed := func(text string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: text}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a virtual-machine image says of itself: `qemu-img info`, of a local file or of an image or snapshot in RBD that holds one, such as a qcow2 that was uploaded to Glance. " +
			"It tells beforehand how large a conversion (`rbd_image_conversion`) will be, and what would be refused.\n\n" +
			"The image is not trusted: its format is stated and never probed, qemu-img runs under limits, and what refers to other files is told as text, without a look at them.\n\n" +
			"Needs qemu-img with the rbd driver (Debian: `qemu-utils`, `qemu-block-extra`).\n\n" +
			"Caps, for a source in RBD: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'` (qemu-img can't read an image with `profile rbd-read-only`).",
		Attributes: map[string]schema.Attribute{
			"file": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Path of a file on the machine that runs Terraform. One of `file` and `image`.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1), stringvalidator.ExactlyOneOf(path.MatchRoot("image"))},
			},
			"image": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Spec of the image or snapshot that holds it: `pool[/namespace]/image[@snapshot]`. Without a snapshot, the image must not be in use.",
				Validators: []validator.String{namecheck.AnySpec()},
			},
			"format": schema.StringAttribute{
				Required: true, MarkdownDescription: "Its format, as qemu-img calls it: `" + strings.Join(formats, "`, `") + "`.",
				Validators: []validator.String{stringvalidator.OneOf(formats...)},
			},
			"virtual_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the disk that a virtual machine sees, in bytes."},
			"size_bytes":         schema.Int64Attribute{Computed: true, MarkdownDescription: "Length of the file, or size of the RBD image or snapshot, in bytes."},
			"disk_size_bytes":    schema.Int64Attribute{Computed: true, MarkdownDescription: "What it takes up where it lies, in bytes: `disk size` of a file; of an image in RBD its objects, those of its parent included."},
			"cluster_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of a cluster, grain or block in bytes; null where the format has none."},
			"compat":             computed("Version of a qcow2, `0.10` or `1.1`; null of others."),
			"compression_type":   computed("What compressed clusters of a qcow2 are, or would be, compressed with: `zlib` or `zstd`; null of others."),
			"extended_l2":        schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether a qcow2 has subclusters; null of others."},
			"encrypted":          schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether its content is encrypted."},
			"dirty":              schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether it was not closed cleanly."},
			"corrupt":            schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether qemu has marked a qcow2 as corrupt; null of others."},
			"backing_file":       computed("Name of the backing file as it stands in the image; null where there is none."),
			"backing_format":     computed("Format of the backing file as it stands in the image; null where it is not stated."),
			"data_file":          computed("Name of the external data file of a qcow2 as it stands in the image; null where there is none."),
			"create_type":        computed("Subformat of a vmdk, as `monolithicSparse` or `streamOptimized`; null of others."),
			"snapshots": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "Snapshots inside a qcow2 (`qemu-img snapshot -l`), which a conversion leaves out; null of others, and where the data is in another file.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"id":                  computed("Its id."),
					"name":                computed("Its name."),
					"vm_state_size_bytes": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the machine's state in bytes, 0 where it is of the disk alone."},
					"created_at":          computed("When it was made, as RFC 3339."),
				}},
			},
		},
	}
}

func (d *infoDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (d *infoDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m infoModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	at, name := path.Root("file"), m.File.ValueString()
	if m.File.IsNull() {
		at, name = path.Root("image"), m.Image.ValueString()
	}
	if !d.data.CanAsk() {
		resp.Diagnostics.AddError(report.Unable("read", infoNoun, name), "The provider's configuration is not known yet.")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	if err := d.read(ctx, &m); err != nil {
		report.AttributeError(&resp.Diagnostics, at, "read", infoNoun, name, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// errWrapped is about what is no disk image until it is decompressed.
var errWrapped = errors.New("it is compressed as a whole")

func (d *infoDataSource) read(ctx context.Context, m *infoModel) (err error) {
	s, err := openSource(ctx, d.data, sourceModel{File: m.File, Image: m.Image, URL: types.StringNull(), Format: m.Format}, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.streamed {
		return fmt.Errorf("%s: %w", s, errWrapped)
	}
	used, err := s.used(ctx, d.data)
	if err != nil {
		return err
	}
	var details qemuimg.Details
	if s.Format == "raw" { // which says nothing of itself
		details.VirtualSizeBytes, _ = qemuimg.VirtualSize("raw", nil, int64(s.sizeBytes)) //nolint:gosec // of a file, or signed in librbd
	} else {
		head, err := s.head()
		if err != nil {
			return err
		}
		if details, err = qemuimg.ReadDetails(ctx, s.Source, head); err != nil {
			return err
		}
	}
	if err := s.unchanged(); err != nil {
		return err
	}
	m.set(details, s.sizeBytes, used)
	return nil
}

// head is as much of the source as its header may take up.
func (s *source) head() ([]byte, error) {
	r, err := s.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // opened for reading
	return io.ReadAll(io.NewSectionReader(r, 0, qemuimg.LongHeadBytes))
}

// used is what the source takes up, in bytes.
func (s *source) used(ctx context.Context, d *providerdata.Data) (int64, error) {
	if s.RBD == nil {
		return diskUsage(s.File)
	}
	extents, err := d.Ceph.Extents(ctx, s.spec, false)
	var sum int64
	for _, e := range extents {
		sum += e.Length
	}
	return sum, err
}
