// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"errors"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// Of a store only what Glance has written is removed, and only where ours is left.
func TestCheckCopy(t *testing.T) {
	t.Parallel()
	const id, ours = "8d0d5a4f-0000-0000-0000-000000000000", "rbd://fsid/images/golden/s"
	at := func(url, store string) glance.Location {
		return glance.Location{URL: url, Metadata: map[string]string{"store": store}}
	}
	own, copied := at(ours, "near"), at("rbd://fsid/far/"+id+"/snap", "far")
	for what, tc := range map[string]struct {
		locations []glance.Location
		store     string
		refused   bool
	}{
		"a copy":                {[]glance.Location{own, copied}, "far", false},
		"a copy that is first":  {[]glance.Location{copied, own}, "far", false},
		"ours":                  {[]glance.Location{own, copied}, "near", true},
		"another's image":       {[]glance.Location{own, at("rbd://fsid/far/other/snap", "far")}, "far", true},
		"a copy beside another": {[]glance.Location{own, copied, at("rbd://fsid/far/other/snap", "far")}, "far", true},
		"ours is gone":          {[]glance.Location{copied}, "far", true},
		"nothing is shown":      {nil, "far", true},
	} {
		err := checkCopy(&glance.Image{ID: id, Locations: tc.locations}, ours, tc.store)
		if refused := errors.Is(err, ErrNoCopy); refused != tc.refused || !refused && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
