// SPDX-License-Identifier: MPL-2.0

// Package inspection is the data source rbd_guest_inspection.
package inspection

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	// readTimeout leaves room for an appliance that waits for its turn.
	readTimeout = 20 * time.Minute
)

var kind = report.NewKind("guest of RBD image", guestresource.Advice)

var _ datasource.DataSourceWithConfigure = &inspectionDataSource{}

// NewDataSource is the data source rbd_guest_inspection.
func NewDataSource() datasource.DataSource { return &inspectionDataSource{} }

type inspectionDataSource struct{ lookup.Base }

func (d *inspectionDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_guest_inspection"
}

func (d *inspectionDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "inspect",
		Name:     func(m model) string { return m.Image.ValueString() },
		Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: readTimeout,
		Ask: func(ctx context.Context, data *providerdata.Data, m *model, _ *diag.Diagnostics) error {
			return inspect(ctx, data, m)
		},
	}.Read(ctx, d.Data, req, resp)
}

func inspect(ctx context.Context, d *providerdata.Data, m *model) error {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return err
	}
	found, err := guestinspect.Inspect(ctx, d.Guest(), spec, m.Packages.ValueBool())
	if err == nil {
		m.set(found)
	}
	return err
}
