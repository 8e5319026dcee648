package glancelocation

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Direct does what the resource does, without a run of Terraform around it: a
// matrix of interrupted runs would take minutes otherwise.
type Direct struct {
	r *locationResource
	m model
}

// NewDirect is a resource that is still to be created.
func NewDirect(cloud, snapshot, name string) *Direct {
	d := &Direct{m: model{
		Snapshot: types.StringValue(snapshot), Name: types.StringValue(name), ImageID: types.StringUnknown(),
		Visibility: types.StringValue("private"), MinDisk: types.Int64Unknown(), MinRAM: types.Int64Value(0),
		DiskFormat: types.StringValue(diskFormat), ContainerFormat: types.StringValue(containerFormat),
		Protected: types.BoolValue(false), Hidden: types.BoolValue(false), Protection: types.StringValue(protectionGuard),
	}}
	d.As(cloud)
	return d
}

// As makes another user run the next step.
func (d *Direct) As(cloud string) {
	d.r = &locationResource{data: &providerdata.Data{
		Ceph:   rbd.NewCluster(rbd.Config{FSID: os.Getenv("RBD_LAB_FSID")}),
		Glance: client(cloud),
	}}
}

var directClients sync.Map

func client(cloud string) *glance.Client {
	c, _ := directClients.LoadOrStore(cloud, glance.New(glance.Config{Cloud: cloud}))
	return c.(*glance.Client)
}

// ID is that of the record.
func (d *Direct) ID() string { return d.m.ImageID.ValueString() }

// Create creates.
func (d *Direct) Create(ctx context.Context) error {
	var diags diag.Diagnostics
	return d.r.create(ctx, &d.m, &diags)
}

// Read refreshes, and tells whether the record is there.
func (d *Direct) Read(ctx context.Context) (bool, error) {
	var diags diag.Diagnostics
	return d.r.read(ctx, &d.m, &diags)
}

// Update makes everything as the model wants it.
func (d *Direct) Update(ctx context.Context) error {
	state := d.m
	return d.r.update(ctx, state, &d.m)
}

// Delete destroys.
func (d *Direct) Delete(ctx context.Context) error {
	_, err := d.r.delete(ctx, d.m)
	return err
}

// Alias makes it one that is registered by an alias.
func (d *Direct) Alias() { d.m.Protection = types.StringValue(protectionAlias) }

// Through sends the next steps to Glance by way of another address.
func (d *Direct) Through(cloud, address string, timeout time.Duration) {
	d.As(cloud)
	d.r.data.Glance = glance.New(glance.Config{Cloud: cloud, Endpoint: address, RequestTimeout: timeout})
}
