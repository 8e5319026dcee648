// SPDX-License-Identifier: MPL-2.0

package guestinspect_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// The file systems that are given are read: without an appliance, and in one where
// nothing else will do, which answers the same and leaves nothing.
func TestReadOfMounts(t *testing.T) {
	acctest.RequireLab(t)
	name := acctest.Name(t)
	raw := guestdisk.Separate(t)
	imagestest.Make(t, "vms/"+name, "import", "--no-progress", raw)
	f, err := os.OpenFile(raw, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// Taken for a part of a RAID, which only the appliance's kernel knows better.
	if _, err := f.WriteAt([]byte{0xfc, 0x4e, 0x2b, 0xa9}, 10<<20+4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	imagestest.Make(t, "vms/"+name+"-odd", "import", "--no-progress", raw)

	guests, err := guestfs.New(guestfs.Config{Accelerator: guestfs.TCG})
	if err != nil {
		t.Fatal(err)
	}
	b := guestoverlay.Backends{Ceph: rbd.NewCluster(rbd.Config{}), Guests: guests}
	tree := guest.Tree{Mounts: map[string]string{"/": "/dev/sda2", "/var": "/dev/sda1"}}
	const path = "/var/lib/app.conf"
	for image, unsupported := range map[string]bool{name: false, name + "-odd": true} {
		spec := rbd.Spec{Pool: "vms", Image: image}
		var content []byte
		var root string
		var info guest.FileInfo
		read := func(r guestinspect.Reader) (err error) {
			root = r.RootDevice()
			if info, err = r.Lstat(path); err != nil {
				return err
			}
			content, err = r.Read(path, 100)
			return err
		}
		if err := guestinspect.Direct(t.Context(), b, spec, tree, read); errors.Is(err, guestread.ErrUnsupported) != unsupported {
			t.Errorf("%s, without an appliance: %v", image, err)
		}
		content, root, info = nil, "", guest.FileInfo{}
		want := guest.FileInfo{Type: guest.Regular, Mode: 0o644, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), Size: 4}
		if err := guestinspect.Read(t.Context(), b, spec, tree, read); err != nil || string(content) != "old\n" || root != "/dev/sda2" || info != want {
			t.Errorf("%s: %q on %s, %+v, %v", image, content, root, info, err)
		}
		if out := acctest.RBD(t, "status", spec.String()); !strings.Contains(out, "Watchers: none") {
			t.Errorf("%s: %s", image, out)
		}
	}
}
