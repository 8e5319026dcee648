// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// notReplaced fails where a plan makes the resource anew.
type notReplaced struct{ address string }

func (n notReplaced) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, c := range req.Plan.ResourceChanges {
		if c.Address == n.address && (c.Change.Actions.Replace() || c.Change.Actions.Create()) {
			resp.Error = fmt.Errorf("%s is made anew: %v", n.address, c.Change.Actions)
		}
	}
}

// Somebody renames an image and its snapshot: both get their names back, and
// nothing that hangs on them is made anew, whether it refers to them or has
// their specs written out.
func TestRenamedBehindUs(t *testing.T) {
	name := providertest.Name(t)
	file := filepath.Join(t.TempDir(), "disk.img")
	all := func(snapshot string) string {
		return fmt.Sprintf(`
resource "rbd_image" "golden" {
  name = %[1]q
  size = "8MiB"
}
resource "rbd_snapshot" "golden" {
  image = rbd_image.golden.spec
  name  = "s"
}
resource "rbd_image" "clone" {
  name   = "%[1]s-clone"
  parent = %[2]s
}
resource "rbd_image_replica" "copy" {
  name   = "%[1]s-copy"
  source = { snapshot = %[2]s }
}
resource "rbd_image_export" "file" {
  snapshot = %[2]s
  file     = %[3]q
  format   = "raw"
}
`, name, snapshot, file)
	}
	referring := all("rbd_snapshot.golden.spec")
	written := all(fmt.Sprintf("%q", "vms/"+name+"@s"))
	nothingNew := providertest.Expect(
		providertest.Updates("rbd_image.golden"),
		providertest.Updates("rbd_snapshot.golden"),
	)
	for _, address := range []string{"rbd_image.clone", "rbd_image_replica.copy", "rbd_image_export.file"} {
		nothingNew.PreApply = append(nothingNew.PreApply, notReplaced{address})
	}
	rename := func() {
		acctest.RBD(t, "snap", "rename", "vms/"+name+"@s", "vms/"+name+"@moved")
		acctest.RBD(t, "rename", "vms/"+name, "vms/"+name+"-moved")
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: referring},
		{Config: referring, PreConfig: rename, ConfigPlanChecks: nothingNew},
		{Config: written, PreConfig: rename, ConfigPlanChecks: nothingNew},
		{Config: written, ConfigPlanChecks: providertest.Nothing()},
	}})
}
