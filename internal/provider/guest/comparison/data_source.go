// SPDX-License-Identifier: MPL-2.0

// Package comparison is the data source rbd_guest_comparison.
package comparison

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestcompare"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const readTimeout = 20 * time.Minute

var kind = report.NewKind("guests of RBD snapshots")

var _ datasource.DataSourceWithConfigure = &comparisonDataSource{}

// NewDataSource is the data source rbd_guest_comparison.
func NewDataSource() datasource.DataSource { return &comparisonDataSource{} }

type comparisonDataSource struct{ lookup.Base }

func (d *comparisonDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_guest_comparison"
}

func (d *comparisonDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "compare",
		Name:     func(m model) string { return m.Before.ValueString() + " and " + m.After.ValueString() },
		Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: readTimeout,
		Ask: func(ctx context.Context, data *providerdata.Data, m *model, _ *diag.Diagnostics) error {
			return compare(ctx, data, m)
		},
	}.Read(ctx, d.Data, req, resp)
}

func compare(ctx context.Context, d *providerdata.Data, m *model) (err error) {
	req := m.request()
	if req.Before, err = rbd.ParseSpec(m.Before.ValueString()); err != nil {
		return err
	}
	if req.After, err = rbd.ParseSpec(m.After.ValueString()); err != nil {
		return err
	}
	found, err := guestcompare.Do(ctx, d.Ceph, req)
	if err == nil {
		m.set(found)
	}
	return err
}
