package registration_test

import (
	"os"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

func TestMain(m *testing.M) {
	if v := os.Getenv(victimVariable); v != "" {
		os.Exit(beVictim(v))
	}
	os.Exit(acctest.RunOnClouds(m))
}
