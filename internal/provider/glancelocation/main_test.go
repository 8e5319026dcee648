// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"os"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// What an apply does is tested on both clouds without Terraform, in
// operation/registration; of what Terraform adds, these depend on the Glance.
const onSecond = "^TestLocation(Adopted|Alias|Hash|HashOfOthers|WhereGlanceHidesLocations|Life|IsSafeFromOthers|Retired|Members|FormatsAndStore)$"

func TestMain(m *testing.M) { os.Exit(acctest.RunOnClouds(acctest.Tokens{M: m}, onSecond)) }
