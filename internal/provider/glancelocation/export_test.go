// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Plan is what planning to create says, and which unfinished record it takes up.
func Plan(ctx context.Context, fsid string, c *glance.Client, snapshot, name string) (resumed, said string) {
	r := &locationResource{&providerdata.Data{Ceph: rbd.NewCluster(rbd.Config{FSID: fsid}), Glance: c}}
	plan := model{
		Snapshot: types.StringValue(snapshot), Name: types.StringValue(name), ImageID: types.StringUnknown(),
		Protection: types.StringValue(protectionGuard),
	}
	var diags diag.Diagnostics
	r.checkCreate(ctx, plan, &diags)
	for _, one := range diags {
		said += one.Summary() + ": " + one.Detail() + "\n"
	}
	resumed, err := unfinished(ctx, r.deps(&diags), plan)
	if err != nil {
		said += err.Error()
	}
	return resumed, said
}
