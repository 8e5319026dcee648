// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// A removal that was killed leaves the image in the trash where no list shows it:
// it is not gone, and the next removal brings that to its end.
func TestRemovalThatWasCutOff(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	c := client(t, "a", "1")
	acctest.RBD(t, "create", "--size", "16M", spec.String())
	img, err := c.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	cutOffRemoval(t, spec, img.ID)
	now, err := c.FindImage(ctx, spec, img.ID)
	if err != nil || !now.Removing() || now.Spec != spec {
		t.Errorf("%+v, %v", now, err)
	}
	wants(t, "the plan", c.CheckDelete(ctx, spec, img.ID, nil), nil)
	watched, ended := make(chan struct{}), make(chan error, 1)
	go func() { // as the process that was killed still seems to
		ended <- client(t, "a", "2").withPool(ctx, spec.Pool, "", readWrite, func(ioctx *rados.IOContext) error {
			return withOpen(ioctx, place{spec: spec, id: img.ID}, readWrite, func(*librbd.Image) error {
				close(watched)
				<-time.After(2 * time.Second)
				return nil
			})
		})
	}()
	<-watched
	wants(t, "removed", c.DeleteImage(ctx, spec, img.ID, nil), nil)
	wants(t, "the watch", <-ended, nil)
	_, err = c.FindImage(ctx, spec, img.ID)
	wants(t, "afterwards", err, ErrImageNotFound)

	// It had removed all but the entry.
	acctest.RBD(t, "create", "--size", "16M", spec.String())
	if img, err = c.Image(ctx, spec); err != nil {
		t.Fatal(err)
	}
	cutOffRemoval(t, spec, img.ID)
	acctest.Admin(t, "rados", "-p", spec.Pool, "rm", headerObject(img.ID))
	if now, err := c.FindImage(ctx, spec, img.ID); err != nil || !now.Removing() {
		t.Errorf("without a header: %+v, %v", now, err)
	}
	wants(t, "removed without a header", c.DeleteImage(ctx, spec, img.ID, nil), nil)
	_, err = c.FindImage(ctx, spec, img.ID)
	wants(t, "afterwards", err, ErrImageNotFound)
}
