// SPDX-License-Identifier: MPL-2.0

package image_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// An image whose destroy was killed half-way is in the trash, where no list shows
// it. The next apply brings that to its end and makes it anew, and so does the
// next destroy.
func TestImageDestroyThatWasCutOff(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	cfg := fmt.Sprintf("resource \"rbd_image\" \"test\" {\n  name = %q\n  size = \"8MiB\"\n}\n", name)
	c := rbd.NewCluster(rbd.Config{})
	spec := rbd.Spec{Pool: "vms", Image: name}
	var id string
	cut := func() {
		img, err := c.Image(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		id = img.ID
		acctest.CutOffRemoval(t, "vms", name, id)
	}
	gone := func() {
		if img, err := c.TrashedImage(t.Context(), spec, id); !rbd.IsNotFound(err) {
			t.Errorf("left in the trash: %+v, %v", img, err)
		}
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: cfg},
		{
			PreConfig: cut, Config: cfg,
			ConfigPlanChecks: providertest.Expect(providertest.Replaces("rbd_image.test")),
		},
		{
			PreConfig: gone, Config: cfg,
			ConfigPlanChecks: providertest.Nothing(),
		},
		{PreConfig: cut, Config: cfg, Destroy: true},
	}})
	gone()
}
