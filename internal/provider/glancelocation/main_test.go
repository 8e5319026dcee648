package glancelocation_test

import (
	"os"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

func TestMain(m *testing.M) { os.Exit(acctest.RunOnClouds(acctest.Tokens{M: m})) }
