// SPDX-License-Identifier: MPL-2.0

package glanceimage_test

import (
	"os"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

func TestMain(m *testing.M) { os.Exit(acctest.RunOnClouds(m)) }
