// SPDX-License-Identifier: MPL-2.0

package guestinspect_test

import (
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// An image without an operating system has file systems, or nothing at all. It is
// no snapshot, which is looked at each time.
func TestInspectionOfNothing(t *testing.T) {
	acctest.RequireLab(t)
	name := acctest.Name(t)
	spec := "vms/" + name
	imagestest.Make(t, spec, "create", "--size", "8M")
	guests, err := guestfs.New(guestfs.Config{Accelerator: guestfs.TCG})
	if err != nil {
		t.Fatal(err)
	}
	f, err := guestinspect.Inspect(t.Context(), guestoverlay.Backends{Ceph: rbd.NewCluster(rbd.Config{}), Guests: guests}, rbd.Spec{Pool: "vms", Image: name}, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Systems) > 0 || len(f.FileSystems) > 1 {
		t.Errorf("found %+v", f)
	}
	if out := acctest.RBD(t, "status", spec); !strings.Contains(out, "Watchers: none") {
		t.Errorf("%s: %s", spec, out)
	}
}
