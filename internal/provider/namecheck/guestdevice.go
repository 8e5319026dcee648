package namecheck

import (
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

var guestDevice = regexp.MustCompile(`^/dev/[^\s]+$`)

// GuestDevice accepts a device of a guest as libguestfs names it.
func GuestDevice() validator.String {
	return stringvalidator.RegexMatches(guestDevice, "must begin with /dev/")
}
