// SPDX-License-Identifier: MPL-2.0

// Package providerdata is what the provider's configuration gives to every
// resource and data source.
package providerdata

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Data holds the backends. None of them has connected yet.
type Data struct {
	Ceph   *rbd.Cluster
	Glance *glance.Client
	Guests *guestfs.Manager

	// Pool and Namespace stand in for what a resource leaves out.
	Pool      string
	Namespace string

	// Unknown is set while planning with a configuration that depends on
	// something not yet applied: there is nothing to connect to.
	// Planned is what this run will make.
	Planned Planned

	Unknown bool
}

// From takes the data out of a Configure request. It is nil while the provider
// is not configured, as in validation.
func From(data any, diags *diag.Diagnostics) *Data {
	if data == nil {
		return nil
	}
	d, ok := data.(*Data)
	if !ok {
		diags.AddError("Unexpected provider data", fmt.Sprintf("got %T; this is an error in the provider", data))
	}
	return d
}

// CanAsk tells whether the backends can be asked now.
func (d *Data) CanAsk() bool { return d != nil && !d.Unknown }
