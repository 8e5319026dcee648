// SPDX-License-Identifier: MPL-2.0

package guestinspect

import (
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// What was found in a snapshot is looked for once, and again in each other one,
// also of the same name. What may be another's is not kept, and is no error.
func TestFindingsAreKept(t *testing.T) {
	acctest.RequireLab(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	name := acctest.Name(t)
	spec := rbd.Spec{Pool: "vms", Image: name, Snapshot: "s"}
	acctest.RBD(t, "create", "--size", "1M", "vms/"+name)
	take := func() { acctest.RBD(t, "snap", "create", "--no-progress", spec.String()) }
	remove := func() { acctest.RBD(t, "snap", "rm", "--no-progress", spec.String()) }
	take()
	b := guestoverlay.Backends{Ceph: rbd.NewCluster(rbd.Config{})}
	looks := 0
	expect := func(what string, packages bool, meanwhile func(), want int) {
		t.Helper()
		f, err := keptOrFound(t.Context(), b, spec, packages, func() (Findings, error) {
			looks++
			if meanwhile != nil {
				meanwhile()
			}
			return Findings{FileSystems: []guestfs.FileSystem{{Device: "/dev/sda"}}}, nil
		})
		if err != nil || len(f.FileSystems) != 1 || looks != want {
			t.Errorf("%s: %+v, %v after %d looks, not %d", what, f, err, looks, want)
		}
	}
	expect("the first time", false, nil, 1)
	expect("again", false, nil, 1)
	expect("with packages", true, nil, 2)
	remove()
	take()
	expect("another of the same name", false, nil, 3)
	remove()
	take()
	// What is found then is the new one's, and would be kept as the renamed one's.
	expect("renamed and taken anew meanwhile", false, func() {
		acctest.RBD(t, "snap", "rename", spec.String(), "vms/"+name+"@old")
		take()
	}, 4)
	spec.Snapshot = "old"
	expect("the renamed one", false, nil, 5)
	expect("and again", false, nil, 5)
	remove()
	take()
	expect("gone meanwhile", false, remove, 6)
}
