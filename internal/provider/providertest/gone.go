// SPDX-License-Identifier: MPL-2.0

package providertest

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// Gone expects no image whose name begins with prefix in the pools, or in vms where
// none is named.
func Gone(t *testing.T, prefix string, pools ...string) resource.TestCheckFunc {
	t.Helper()
	if len(pools) == 0 {
		pools = []string{"vms"}
	}
	return func(*terraform.State) error {
		for _, pool := range pools {
			if left := acctest.Images(t, pool, prefix); len(left) > 0 {
				return fmt.Errorf("left in %s: %v", pool, left)
			}
		}
		return nil
	}
}
