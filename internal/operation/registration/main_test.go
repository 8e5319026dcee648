// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"os"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// The long matrices run on the second cloud with `make test-all`.
const onSecond = "^Test(Resumed|Registration|Unfinished|Equal|GlanceIs|WhoAsksWhom)"

func TestMain(m *testing.M) {
	if v := os.Getenv(victimVariable); v != "" {
		os.Exit(beVictim(v))
	}
	os.Exit(acctest.RunOnClouds(m, onSecond))
}
