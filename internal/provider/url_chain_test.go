// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// From a URL to a registered image, with create_before_destroy handed down to the image:
// another release, a larger size, back to the first one, and another name in Glance.
func TestChainFromURL(t *testing.T) {
	name := providertest.Name(t)
	two := make([]byte, 1<<20)
	two[7] = 7
	site := disktest.NewSite(t, map[string][]byte{"1.raw": make([]byte, 1<<20), "2.raw": two})
	step := func(release, size, title string, image, record plancheck.ResourceActionType) resource.TestStep {
		return resource.TestStep{
			Config: fmt.Sprintf(`
resource "rbd_image_conversion" "test" {
  pool   = "images"
  name   = "%[1]s-%[2]s"
  size   = %[3]q
  source = { url = "%[4]s/%[2]s.raw", format = "raw" }
}
resource "rbd_snapshot" "test" {
  image = rbd_image_conversion.test.spec
  name  = "golden-%[3]s"
  lifecycle { create_before_destroy = true }
}
resource "rbd_glance_image_location" "test" {
  snapshot = rbd_snapshot.test.spec
  name     = %[5]q
  lifecycle { create_before_destroy = true }
}
`, name, release, size, site.URL, title),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("rbd_image_conversion.test", image),
					plancheck.ExpectResourceAction("rbd_glance_image_location.test", record),
				},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
		}
	}
	const create, replace, update, keep = plancheck.ResourceActionCreate, plancheck.ResourceActionCreateBeforeDestroy, plancheck.ResourceActionUpdate, plancheck.ResourceActionNoop
	providertest.Run(t, resource.TestCase{
		Steps: []resource.TestStep{
			step("1", "2MiB", name, create, create),
			step("2", "2MiB", name, replace, replace),
			step("2", "4MiB", name, update, replace),
			step("1", "4MiB", name, replace, replace),
			step("1", "4MiB", name+"-renamed", keep, update),
		},
		CheckDestroy: func(*terraform.State) error {
			if left := acctest.Images(t, "images", name); len(left) > 0 {
				return fmt.Errorf("left: %v", left)
			}
			return nil
		},
	})
}
