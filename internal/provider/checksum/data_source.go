// SPDX-License-Identifier: MPL-2.0

// Package checksum is the data source rbd_image_checksum.
package checksum

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	// readTimeout is enough for some 2 TiB with SHA-512.
	readTimeout = time.Hour
)

var kind = report.NewKind("content of")

var _ datasource.DataSourceWithConfigure = &checksumDataSource{}

// NewDataSource is the data source rbd_image_checksum.
func NewDataSource() datasource.DataSource { return &checksumDataSource{} }

type checksumDataSource struct{ lookup.Base }

func (d *checksumDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image_checksum"
}

func (d *checksumDataSource) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Hashes of the whole content of an RBD snapshot or image, as `rbd export SPEC - | sha512sum` prints them: " +
			"from the first byte to the virtual size, what a clone has from its parent included. " +
			"They tell whether two images have the same content, on one cluster or on two. They also tell whether an image is the raw one that its publisher signed. " +
			"As `md5` and `sha512` they are the `checksum` and `os_hash_value` that Glance keeps.\n\n" +
			"**What it costs.** All data is read, again in every plan: a second or two for each GiB of virtual size, with a core busy for each hash. " +
			"Several hashes are counted from one reading and take as long as the slowest. Holes are not read, but their zeros are hashed and take as long as data does. " +
			"So this is for the few images whose hash decides something; whether a snapshot is still the same one, its id of the data source `rbd_image` tells for nothing.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'`, also for the pools of its parents and of its data.",
		Attributes: map[string]schema.Attribute{
			"timeouts": deadline.DataSourceAttribute(ctx, readTimeout, "That is enough for 2 TiB on most machines."),
			"spec": schema.StringAttribute{Required: true, MarkdownDescription: "`pool[/namespace]/image@snapshot`. " +
				"Without `@snapshot` the image itself is read; it must have no watcher and no lock before and after (see `rbd status`, `rbd lock ls`), and its time of modification must stay. " +
				"Ceph notes that once a minute: only a snapshot surely was not changed meanwhile.", Validators: []validator.String{namecheck.AnySpec()}},
			"algorithms": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Hashes to count: `md5`, `sha256`, `sha512`. By default `[\"sha512\"]`.",
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(checksum.Algorithms()...))}},
			"md5":         schema.StringAttribute{Computed: true, MarkdownDescription: "MD5 in hexadecimal digits; null unless asked for. It guards against accidents only."},
			"sha256":      schema.StringAttribute{Computed: true, MarkdownDescription: "SHA-256 in hexadecimal digits; null unless asked for."},
			"sha512":      schema.StringAttribute{Computed: true, MarkdownDescription: "SHA-512 in hexadecimal digits; null unless asked for."},
			"size_bytes":  schema.Int64Attribute{Computed: true, MarkdownDescription: "Virtual size in bytes: that many were hashed."},
			"image_id":    schema.StringAttribute{Computed: true, MarkdownDescription: "RBD image id."},
			"snapshot_id": schema.Int64Attribute{Computed: true, MarkdownDescription: "Snapshot id; null where `spec` names no snapshot."},
		},
	}
}

func (d *checksumDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "hash", At: lookup.Attribute[model]("spec"),
		Name:     func(m model) string { return m.Spec.ValueString() },
		Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: readTimeout,
		Ask: func(ctx context.Context, data *providerdata.Data, m *model, _ *diag.Diagnostics) error {
			h, err := hash(ctx, data, m)
			if err == nil {
				m.set(h)
			}
			return err
		},
	}.Read(ctx, d.Data, req, resp)
}

func hash(ctx context.Context, d *providerdata.Data, m *model) (h rbd.Hashes, err error) {
	spec, err := rbd.ParseSpec(m.Spec.ValueString())
	if err != nil {
		return h, err
	}
	log := progress.Start(ctx, "hashing", spec.String())
	defer log.Stop()
	if spec.Snapshot == "" {
		lock, err := d.Ceph.ReserveImage(ctx, spec, "checksum")
		if err != nil {
			return h, err
		}
		defer lock.Release()
	}
	h, err = d.Ceph.HashContent(ctx, spec, m.algorithms(), log.Set)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w; timeouts.read allows no more", err)
	}
	return h, err
}
