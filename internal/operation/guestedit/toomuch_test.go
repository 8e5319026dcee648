// SPDX-License-Identifier: MPL-2.0

package guestedit_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// What writes to an overlay is ended when that gets too large, while it is at it;
// the image is not changed, and nothing is left.
func TestChangeThatWritesTooMuch(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	spec := rbd.Spec{Pool: "vms", Image: acctest.Name(t)}
	imagestest.Make(t, spec.String(), "create", "--size", "256M")
	guests, err := guestfs.New(guestfs.Config{MaxOverlay: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	d := guestoverlay.Backends{Ceph: rbd.NewCluster(rbd.Config{FSID: acctest.FSID(t)}), Guests: guests}
	img, err := d.Ceph.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	write := func(bytes string, after string) (dir string, err error) {
		err = guestedit.Change{Step: after, Make: func(ctx context.Context, o *guestoverlay.Overlay) (bool, error) {
			dir = o.Dir
			// Unlike qemu, qemu-io does not close its image when it is asked to end.
			script := "(trap '' TERM; qemu-io -f qcow2 -c 'write -P 1 0 " + bytes + "' " + o.Path + "); " + after
			_, err := command.Run(ctx, command.Spec{Name: "sh", Args: []string{"-c", script}, Env: o.Env})
			return err == nil, err
		}}.Run(t.Context(), d, spec, img.ID)
		return dir, err
	}
	for what, after := range map[string]string{"is ended": "sleep 1000", "has failed by itself": "false"} {
		dir, err := write("32M", after)
		if !errors.Is(err, workdir.ErrTooMuch) || !strings.Contains(err.Error(), "at most 8388608") {
			t.Errorf("%s: got %v", what, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the overlay is left: %v", what, err)
		}
		if used := imagestest.Used(t, spec.String()); used != 0 {
			t.Errorf("%s: the image has %d bytes", what, used)
		}
		if out := acctest.RBD(t, "snap", "ls", "--all", spec.String()); out != "" {
			t.Errorf("%s: snapshots are left: %s", what, out)
		}
	}
	if _, err := write("4M", "true"); err != nil {
		t.Error(err)
	}
	if used := imagestest.Used(t, spec.String()); used != 4<<20 {
		t.Errorf("the image has %d bytes", used)
	}
	// Only what was done is noted.
	if img, err = d.Ceph.Image(t.Context(), spec); err != nil || img.Label("steps") != "true:"+img.ID {
		t.Errorf("noted: %q, %v", img.Label("steps"), err)
	}
}
