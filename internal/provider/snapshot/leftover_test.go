// SPDX-License-Identifier: MPL-2.0

package snapshot_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/stateid"
)

// A clone that a killed run left under its temporary name: another state's is
// named by the destroy of its parent, and that of this state goes with it.
func TestSnapshotWithAnUnfinishedClone(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	cfg := fmt.Sprintf("resource \"rbd_image\" \"test\" {\n  name = %q\n  size = \"8MiB\"\n}\n"+
		"resource \"rbd_snapshot\" \"test\" {\n  image = rbd_image.test.spec\n  name  = \"s\"\n  protected = true\n}\n", name)
	left := "vms/" + name + "-clone.tfpending"
	of := func(state string) {
		acctest.RBD(t, "image-meta", "set", left, "terraform-provider-rbd.image", "token@"+state+".1:"+acctest.ImageID(t, left))
	}
	destroy := cfg
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: cfg},
		{
			PreConfig: func() {
				acctest.RBD(t, "clone", "vms/"+name+"@s", left)
				of("other")
			},
			Config: destroy, Destroy: true,
			ExpectError: regexp.MustCompile(`(?s)` + regexp.QuoteMeta(left) + `\s+\(the\s+temporary\s+image\s+of\s+a\s+run.*rbd\s+rm`),
		},
		{PreConfig: func() { of(stateid.ID()) }, Config: destroy, Destroy: true},
	}})
	if images := acctest.Images(t, "vms", name); len(images) > 0 {
		t.Errorf("left: %v", images)
	}
}
