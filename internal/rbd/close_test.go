// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

const cloneToClose = "RBD_TEST_CLONE_TO_CLOSE"

// A clone that is closed as soon as it is open leaves no thread of librbd behind that
// uses what was freed. The child's C library overwrites what is freed: where a thread
// does, the child ends or hangs.
func TestClosedAtOnce(t *testing.T) {
	if name := os.Getenv(cloneToClose); name != "" {
		closeAtOnce(t, name)
		return
	}
	t.Parallel()
	spec := testSpec(t)
	parent := spec.WithImage(spec.Image + "-2").WithSnapshot("p")
	acctest.RBD(t, "create", "--size", "64M", parent.ImageSpec().String())
	acctest.RBD(t, "snap", "create", "--no-progress", parent.String())
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", parent.String(), spec.String())
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	child.Env = append(os.Environ(), cloneToClose+"="+spec.String(), "MALLOC_PERTURB_=165")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func closeAtOnce(t *testing.T, name string) {
	spec, err := ParseSpec(name)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCluster(Config{})
	img, err := c.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	var opening sync.WaitGroup
	for range 8 {
		opening.Go(func() {
			for range 25 {
				if err := c.withImage(t.Context(), spec, readOnly, func(*librbd.Image) error { return nil }); err != nil {
					t.Error(err)
				}
				err := c.do(t.Context(), func(cn *connection) error {
					v2, err := cn.isV2Clone(Child{Spec: spec, ID: img.ID})
					if !v2 {
						t.Error("not a clone of format 2")
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	opening.Wait()
}
