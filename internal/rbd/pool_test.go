// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// A pool that was removed and made anew is another one, also for the connection
// that was not used meanwhile.
func TestPoolMadeAnew(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	pool := fmt.Sprintf("unit-anew-%d", os.Getpid())
	makeIt := func() { acctest.Admin(t, "ceph", "osd", "pool", "create", pool, "1") }
	removeIt := func() {
		acctest.Admin(t, "ceph", "osd", "pool", "rm", pool, pool, "--yes-i-really-really-mean-it")
	}
	makeIt()
	t.Cleanup(removeIt)
	c := NewCluster(Config{User: "admin"})
	spec := Spec{Pool: pool, Image: "a"}
	create := func() error { return c.CreateImage(t.Context(), spec, Layout{SizeBytes: 1 << 20}, "token") }
	read := func() error { _, err := c.Image(t.Context(), spec); return err }
	if err := errors.Join(create(), read()); err != nil {
		t.Fatal(err)
	}
	removeIt()
	if err := read(); !IsNotFound(err) { // and hears of it
		t.Errorf("read from a pool that is gone: %v", err)
	}
	makeIt()
	if err := create(); err != nil {
		t.Error(err)
	}
	removeIt()
	if err := create(); !errors.Is(err, ErrPoolNotFound) {
		t.Errorf("create in a pool that is gone: %v", err)
	}
	makeIt()
	if err := read(); !errors.Is(err, ErrImageNotFound) || errors.Is(err, ErrPoolNotFound) {
		t.Errorf("read from a new pool: %v", err)
	}
}
