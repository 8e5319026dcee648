// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// copyName gives an image a second name, as a rename does that is cut off.
func copyName(t *testing.T, from, to string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "id")
	acctest.Admin(t, "rados", "-p", "vms", "get", "rbd_id."+from, file)
	acctest.Admin(t, "rados", "-p", "vms", "put", "rbd_id."+to, file)
}

func listed(t *testing.T, name string) string {
	t.Helper()
	return strings.Join(acctest.Images(t, "vms", name), " ")
}

// Whatever librbd had done when the client died, a second rename ends with the
// image under its new name, and only there.
func TestRenameThatWasCutOff(t *testing.T) {
	for stage, cut := range map[string]func(from, to string){
		"before the directory": func(from, to string) { copyName(t, from, to) },
		"after the directory": func(from, to string) {
			file := from + "-kept"
			copyName(t, from, file)
			acctest.RBD(t, "rename", "vms/"+from, "vms/"+to)
			copyName(t, file, from)
			acctest.Admin(t, "rados", "-p", "vms", "rm", "rbd_id."+file)
		},
	} {
		t.Run(stage, func(t *testing.T) {
			spec := testSpec(t)
			spec.Image = strings.ReplaceAll(strings.ReplaceAll(spec.Image, "/", "-"), " ", "-")
			to := spec.WithImage(spec.Image + "-to")
			t.Cleanup(func() { acctest.Purge(t, spec.Image) })
			c, ctx := NewCluster(Config{}), t.Context()
			if err := c.CreateImage(ctx, spec, Layout{SizeBytes: 4 << 20}, "t"); err != nil {
				t.Fatal(err)
			}
			img, err := c.Image(ctx, spec)
			if err != nil {
				t.Fatal(err)
			}
			cut(spec.Image, to.Image)
			if err := c.RenameImage(ctx, spec, "0", to.Image); !errors.Is(err, ErrOtherImage) {
				t.Errorf("of another image: %v", err)
			}
			if err := c.RenameImage(ctx, spec, img.ID, to.Image); err != nil {
				t.Fatal(err)
			}
			if got := listed(t, spec.Image); got != to.Image {
				t.Errorf("listed: %s", got)
			}
			if _, err := c.Image(ctx, spec); !errors.Is(err, ErrImageNotFound) {
				t.Errorf("the old name: %v", err)
			}
			if now, err := c.Image(ctx, to); err != nil || now.ID != img.ID {
				t.Errorf("the new name: %+v, %v", now, err)
			}
		})
	}
}

// The same for the rename that gives a new image its own name.
func TestResume(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	pending := PendingName(spec.Image)
	make1 := func() string {
		t.Helper()
		if err := c.CreateImage(ctx, spec, Layout{SizeBytes: 4 << 20}, "t"); err != nil {
			t.Fatal(err)
		}
		img, err := c.Image(ctx, spec)
		if err != nil {
			t.Fatal(err)
		}
		return img.ID
	}
	id := make1()
	copyName(t, spec.Image, pending) // the old name was not removed yet
	if found, err := c.Resume(ctx, spec, "t"); err != nil || !found {
		t.Fatalf("%v, %v", found, err)
	}
	if _, err := c.Image(ctx, spec.WithImage(pending)); !errors.Is(err, ErrImageNotFound) {
		t.Errorf("the temporary name: %v", err)
	}
	acctest.RBD(t, "rename", spec.String(), "vms/"+pending)
	copyName(t, pending, spec.Image) // the directory was not written yet
	if found, err := c.Resume(ctx, spec, "t"); err != nil || found {
		t.Fatalf("%v, %v", found, err)
	}
	if again := make1(); again == id {
		t.Error("the unfinished image was not made anew")
	}
	if got := listed(t, spec.Image); got != spec.Image {
		t.Errorf("listed: %s", got)
	}
}

// A creation that was cut off before the header was written leaves a name that
// can't be opened.
func TestHeaderless(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	pending := "vms/" + PendingName(spec.Image)
	acctest.RBD(t, "create", "--size", "4M", pending)
	img, err := c.Image(ctx, spec.WithImage(PendingName(spec.Image)))
	if err != nil {
		t.Fatal(err)
	}
	acctest.Admin(t, "rados", "-p", "vms", "rm", "rbd_header."+img.ID)
	if err := c.CreateImage(ctx, spec, Layout{SizeBytes: 4 << 20}, "t"); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, spec.Image); got != spec.Image {
		t.Errorf("listed: %s", got)
	}
}
