package glancelocation

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// Protect chooses the protection, before Create.
func (d *Direct) Protect(protection string) { d.m.Protection = types.StringValue(protection) }

// At makes another user run the next step, at another API server.
func (d *Direct) At(cloud, endpoint string) {
	d.As(cloud)
	d.r.data.Glance = glance.New(glance.Config{Cloud: cloud, Endpoint: endpoint})
}
