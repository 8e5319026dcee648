// SPDX-License-Identifier: MPL-2.0

package namecheck

import (
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

var guestDevice = regexp.MustCompile(`^(btrfsvol:)?/dev/[^\s]+$`)

// GuestDevice accepts a device of a guest as libguestfs names it.
func GuestDevice() validator.String {
	return stringvalidator.RegexMatches(guestDevice, "must begin with /dev/, or with btrfsvol:/dev/ for a subvolume of btrfs")
}
