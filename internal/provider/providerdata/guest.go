// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
)

// Guest is what operations on guests need; they log where Terraform's log is.
func (d *Data) Guest() guestoverlay.Backends {
	return guestoverlay.Backends{Ceph: d.Ceph, Guests: d.Guests, Log: tflog.Info, DebugLog: tflog.Debug}
}
