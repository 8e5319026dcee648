// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// What is restored between the look and the removal stays, and so does what a state
// has by then.
func TestPurgeLooksAgain(t *testing.T) {
	t.Parallel()
	c, spec := NewCluster(Config{}), testSpec(t)
	names := []string{spec.Image, spec.Image + "-2"}
	for _, n := range names {
		acctest.RBD(t, "create", "--size", "4M", "vms/"+n)
		acctest.RBD(t, "trash", "mv", "vms/"+n)
	}
	p, err := c.CheckPurge(t.Context(), PurgeRequest{Pool: "vms", Names: names})
	if err != nil || len(p.Go) != 2 || p.Bytes() != 8<<20 {
		t.Fatalf("%+v %v", p, err)
	}
	for _, img := range p.Go {
		acctest.RBD(t, "trash", "restore", "vms/"+img.ID)
	}
	second := p.Go[1]
	acctest.RBD(t, "image-meta", "set", second.Spec.String(), "terraform-provider-rbd.image", "owned:"+second.ID)
	acctest.RBD(t, "trash", "mv", second.Spec.String())
	err = c.PurgeTrash(t.Context(), p, func(i Image) { t.Errorf("%s was removed", i.Spec) })
	if !errors.Is(err, ErrOwned) {
		t.Error(err)
	}
	acctest.RBD(t, "trash", "restore", "vms/"+second.ID)
	for _, img := range p.Go {
		if now, err := c.Image(t.Context(), img.Spec); err != nil || now.ID != img.ID {
			t.Errorf("%s: %+v %v", img.Spec, now, err)
		}
	}
}

// Who comes between the look and the work is not disturbed.
func TestSparsifyLooksAgain(t *testing.T) {
	t.Parallel()
	c, spec := NewCluster(Config{}), testSpec(t)
	acctest.RBD(t, "create", "--size", "4M", spec.String())
	img, err := c.CheckSparsify(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	end := acctest.Watch(t, spec.String())
	if err := c.SparsifyImage(t.Context(), img, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	end()
	img.ID = "another"
	if err := c.SparsifyImage(t.Context(), img, nil); !errors.Is(err, ErrOtherImage) {
		t.Errorf("another: %v", err)
	}
}
