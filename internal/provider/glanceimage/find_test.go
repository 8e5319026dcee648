// SPDX-License-Identifier: MPL-2.0

package glanceimage

import (
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// What is said about a location that can't be used, for servers whose options
// differ from the lab's.
func TestLocationOf(t *testing.T) {
	t.Parallel()
	const fsid, other = "b5f29a3b-7b0e-4d6c-9d5e-0a6a3b1d7a01", "0f8b9c52-31a9-4b6e-8f9f-111111111111"
	here := "rbd://" + fsid + "/images/a/s"
	locations := func(urls ...string) (out []glance.Location) {
		for _, u := range urls {
			out = append(out, glance.Location{URL: u})
		}
		return out
	}
	for what, tc := range map[string]struct {
		rec  glance.Image
		url  string
		why  string
		here bool
	}{
		"locations":      {glance.Image{LocationsVisible: true, Locations: locations(here)}, here, "", true},
		"direct_url":     {glance.Image{DirectURL: here}, here, "", true},
		"of several":     {glance.Image{LocationsVisible: true, Locations: locations("rbd://"+other+"/images/b/s", here)}, here, "", true},
		"capitals":       {glance.Image{DirectURL: "rbd://" + strings.ToUpper(fsid) + "/images/a/s"}, "rbd://" + strings.ToUpper(fsid) + "/images/a/s", "compare the text", true},
		"elsewhere":      {glance.Image{DirectURL: "rbd://" + other + "/images/a/s"}, "rbd://" + other + "/images/a/s", "cluster " + other, false},
		"hidden options": {glance.Image{Status: glance.StatusActive}, "", "policy get_image_location. Its operator can set show_image_direct_url = True", false},
		"hidden policy":  {glance.Image{Status: glance.StatusActive, LocationsVisible: true}, "", "get_image_location", false},
		"deactivated":    {glance.Image{Status: glance.StatusDeactivated, LocationsVisible: true}, "", "deactivated", false},
		"queued":         {glance.Image{Status: glance.StatusQueued, LocationsVisible: true}, "", "no data yet", false},
		"old form":       {glance.Image{DirectURL: "rbd://a"}, "", "does not tell its cluster", false},
		"swift":          {glance.Image{DirectURL: "swift+https://user:secret@host/v1/a"}, "", "another kind of store", false},
	} {
		t.Run(what, func(t *testing.T) {
			at, why := locationOf(&tc.rec, fsid, func() string { return "policy get_image_location" })
			if at == nil && tc.url != "" || at != nil && (at.url != tc.url || at.here != tc.here) {
				t.Errorf("location %+v, want %s", at, tc.url)
			}
			if !strings.Contains(why, tc.why) || (why == "") != (tc.why == "") || strings.Contains(why, "secret") {
				t.Errorf("said %q, want %q", why, tc.why)
			}
		})
	}
}
