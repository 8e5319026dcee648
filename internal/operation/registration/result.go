// SPDX-License-Identifier: MPL-2.0

package registration

import "github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"

// Result is what a registration is like now.
type Result struct {
	Ref   Ref
	Image *glance.Image
	// LocationURL stands for ours of the record's locations.
	LocationURL string
	// Members are the projects that the record is shared with, and what they
	// said; nil where it is not shared.
	Members map[string]string
}
