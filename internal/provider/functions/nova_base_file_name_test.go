// SPDX-License-Identifier: MPL-2.0

package functions_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// The names are what sha1sum makes of the IDs.
func TestNovaBaseFileName(t *testing.T) {
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		expectOutput(`provider::rbd::nova_base_file_name("7bc9c1c5-5d1c-4f0e-9d0c-1f1c6b4c7a52")`,
			knownvalue.StringExact("7d5d284f7b3f837e1caee974e2df5458b3cf4ace")),
		expectOutput(`provider::rbd::nova_base_file_name("7BC9C1C5-5D1C-4F0E-9D0C-1F1C6B4C7A52")`,
			knownvalue.StringExact("fe84efb5e8caea0b441cfbb96be43cffba1475f2")),
		expectError(`provider::rbd::nova_base_file_name("debian-12")`, `"image_id" parameter.*"debian-12" is not the ID of a Glance image: want a UUID`),
		expectError(`provider::rbd::nova_base_file_name("")`, `"" is not the ID of a Glance image`),
		expectError(`provider::rbd::nova_base_file_name("7bc9c1c55d1c4f0e9d0c1f1c6b4c7a52")`, `is not the ID of a Glance image`),
	}})
}
