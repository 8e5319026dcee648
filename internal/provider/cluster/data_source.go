// SPDX-License-Identifier: MPL-2.0

// Package cluster is the data source rbd_cluster.
package cluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

var _ datasource.DataSourceWithConfigure = &clusterDataSource{}

// NewDataSource is the data source rbd_cluster.
func NewDataSource() datasource.DataSource { return &clusterDataSource{} }

var kind = report.NewKind("Ceph cluster")

type clusterDataSource struct{ lookup.Base }

type model struct {
	FSID     types.String `tfsdk:"fsid"`
	Monitors []string     `tfsdk:"monitors"`
	Version  types.String `tfsdk:"version"`
	User     types.String `tfsdk:"user"`
}

func (d *clusterDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster"
}

func (d *clusterDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The Ceph cluster that the provider is connected to.\n\nCaps: `mon 'profile rbd'`.",
		Attributes: map[string]schema.Attribute{
			"fsid":     schema.StringAttribute{Computed: true, MarkdownDescription: "The cluster's id, as `ceph fsid` prints it."},
			"monitors": schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Addresses of the monitors with their protocol, as `v2:192.0.2.1:3300`, sorted."},
			"version":  schema.StringAttribute{Computed: true, MarkdownDescription: "Ceph version of the monitor that answered, as `16.2.15`."},
			"user":     schema.StringAttribute{Computed: true, MarkdownDescription: "Ceph user of the connection, without `client.`."},
		},
	}
}

func (d *clusterDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{
		Kind: kind, Verb: "read",
		Name: func(model) string { return "" },
		Ask: func(ctx context.Context, data *providerdata.Data, m *model, _ *diag.Diagnostics) error {
			info, err := data.Ceph.Info(ctx)
			if err == nil {
				*m = model{
					FSID:     types.StringValue(info.FSID),
					Monitors: info.Monitors,
					Version:  types.StringValue(info.Version),
					User:     types.StringValue(data.Ceph.User()),
				}
			}
			return err
		},
	}.Read(ctx, d.Data, req, resp)
}
