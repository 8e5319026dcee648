// SPDX-License-Identifier: MPL-2.0

// Package glanceimage is the data source rbd_glance_image.
package glanceimage

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lookup"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var kind = report.NewKind("Glance image", advice)

var (
	errNone    = errors.New("no image fits")
	errSeveral = errors.New("more than one image fits")
)

var advice = []report.Advice{
	{Is: errNone, Do: "Look for it with `openstack image list`. Only images that are active and that the project can see count; hidden ones with hidden = true. Others are found by image_id."},
	{Is: errSeveral, Do: "Say more about it (owner, tags, properties), name its image_id, or take the newest with most_recent = true."},
}

var (
	_ datasource.DataSourceWithConfigure = &imageDataSource{}
)

// NewDataSource is the data source rbd_glance_image.
func NewDataSource() datasource.DataSource { return &imageDataSource{} }

type imageDataSource struct{ lookup.Base }

func (d *imageDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_glance_image"
}

func (d *imageDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	lookup.Lookup[model]{Kind: kind, Verb: "read", Name: model.wanted, Ask: readRecord}.Read(ctx, d.Data, req, resp)
}

func readRecord(ctx context.Context, d *providerdata.Data, m *model, diags *diag.Diagnostics) error {
	rec, err := find(ctx, d, *m)
	if err != nil {
		return err
	}
	fsid, err := d.Ceph.FSID(ctx)
	if err != nil {
		return err
	}
	m.set(rec)
	at, why := locationOf(rec, fsid, func() string { return d.Glance.WhyHidden(ctx) })
	m.setLocation(at)
	if why != "" {
		diags.AddWarning(fmt.Sprintf("The location of Glance image %q is of no use here", rec.ID), why)
	}
	return nil
}

// location is where the data is.
type location struct {
	url  string
	fsid string
	spec rbd.Spec
	here bool
}
