// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const asService = "-service"

// A Glance that shows no locations, as most clouds' public API servers.
func TestLocationWhereGlanceHidesLocations(t *testing.T) {
	g := newGolden(t)
	node := acctest.StartGlanceNode(t, map[string]string{"show_multiple_locations": "False", "show_image_direct_url": "False"}).Address
	member := through(node, cloud(asMember)) + config(g.Spec+"@s", g.Name)
	service := through(node, cloud(asService))
	if acctest.GlanceVersion(t) == "25" {
		providertest.Run(t, resource.TestCase{CheckDestroy: g.untouched, Steps: []resource.TestStep{
			{Config: member, ExpectError: regexp.MustCompile(`(?s)show_multiple_locations\s+is\s+off.*older\s+than\s+2024\.2`)},
			{Config: service + config(g.Spec+"@s", g.Name), ExpectError: regexp.MustCompile(`(?s)show_multiple_locations\s+is\s+off.*older\s+than\s+2024\.2`)},
		}})
		return
	}
	registered := func(*terraform.State) error {
		// Seen by a server that shows locations.
		i := g.Record(g.Name)
		url := fmt.Sprintf("rbd://%s/%s/s", acctest.FSID(t), g.Spec)
		if i.Status != glance.StatusActive || len(i.Locations) != 1 || i.Locations[0].URL != url || i.SizeBytes != 8<<20 {
			return fmt.Errorf("the record is %+v", i)
		}
		if guards := g.Guards(); !slices.Equal(guards, []string{"images/guard." + i.ID}) {
			return fmt.Errorf("guards: %v, want that of %s", guards, i.ID)
		}
		return g.Intact()
	}
	providertest.Run(t, resource.TestCase{CheckDestroy: g.untouched, Steps: []resource.TestStep{
		{Config: member, ExpectError: regexp.MustCompile(`(?s)show_multiple_locations\s+is\s+off.*role\s+"service"`)},
		{
			Config:      service + config(g.Spec+"@s", g.Name, `protection = "none"`),
			ExpectError: regexp.MustCompile(`(?s)not\s+guarded.*protection\s+at\s+"guard"`),
			Check:       g.untouched,
		},
		{
			PreConfig: func() {
				if err := g.untouched(nil); err != nil {
					t.Error(err)
				}
			},
			Config: service + config(g.Spec+"@s", g.Name),
			Check:  registered,
		},
		{
			Config: service + config(g.Spec+"@s", g.Name, `tags = ["one"]`), Check: registered,
			ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
		},
		{
			Config: service + config(g.Spec+"@s", g.Name, `tags = ["one"]`), ResourceName: address,
			ImportState: true, ImportStateIdFunc: attribute("image_id"), ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
		},
		{ // the location is not shown to this one
			Config: member, ResourceName: address, ImportState: true, ImportStateIdFunc: attribute("image_id"),
			ExpectError: regexp.MustCompile(`(?s)show_multiple_locations\s+and\s+show_image_direct_url\s+are\s+both\s+off.*role\s+"service"`),
		},
	}})
}
