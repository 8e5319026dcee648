// SPDX-License-Identifier: MPL-2.0

// Package provenance is the data source rbd_image_provenance.
package provenance

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const readTimeout = 10 * time.Minute

var kind = report.NewKind("provenance of RBD snapshot")

var _ datasource.DataSourceWithConfigure = &provenanceDataSource{}

// NewDataSource is the data source rbd_image_provenance.
func NewDataSource() datasource.DataSource { return &provenanceDataSource{} }

type provenanceDataSource struct{ lookup.Base }

func (d *provenanceDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image_provenance"
}

func (d *provenanceDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "read", At: lookup.Attribute[model]("snapshot"),
		Name:     func(m model) string { return m.Snapshot.ValueString() },
		Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: readTimeout,
		Ask: read,
	}.Read(ctx, d.Data, req, resp)
}

func read(ctx context.Context, d *providerdata.Data, m *model, diags *diag.Diagnostics) error {
	spec, err := rbd.ParseSpec(m.Snapshot.ValueString())
	if err != nil {
		return err
	}
	img, err := d.Ceph.Image(ctx, spec)
	if err != nil {
		return err
	}
	s, err := img.Snapshot(spec.Snapshot)
	if err != nil {
		return err
	}
	return m.set(ctx, provenanceOf(img, s, m.digest(ctx, diags)), diags)
}
