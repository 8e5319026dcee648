// SPDX-License-Identifier: MPL-2.0

package export_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
)

const mib = 1 << 20

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func sameContent(t *testing.T, file, format, spec string) resource.TestCheckFunc {
	return func(*terraform.State) error { return disktest.CompareFile(t, file, format, spec) }
}

func holds(dir string, want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error { return disktest.CheckFolder(dir, want...) }
}
