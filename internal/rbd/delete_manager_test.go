// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// tasksFor is how many tasks of the manager name the image.
func tasksFor(t *testing.T, id string) int {
	t.Helper()
	if !acctest.TakesTasks(t) {
		return 0
	}
	return strings.Count(acctest.Admin(t, "ceph", "rbd", "task", "list", "--format", "json"), fmt.Sprintf("%q: %q", "image_id", id))
}

// underWay waits until the manager has an image open that it removes.
func underWay(t *testing.T, c *Cluster, img Image) {
	t.Helper()
	acctest.Await(t, "the manager removes the image", func() bool {
		_, _, err := c.trashLeaving(t.Context(), img.Spec, img.ID, nil)
		if err != nil && !IsNotFound(err) {
			t.Fatal(err)
		}
		return strings.Contains(acctest.Admin(t, "ceph", "rbd", "task", "list"), `"in_progress": true`)
	})
}

// An image with many objects is removed by the manager: by whoever may not ask it
// as ever, by a run that is cancelled in part, by one that was killed without it.
func TestDeleteByManager(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	var said []string
	c := NewCluster(Config{Logf: func(_ context.Context, format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }})
	// Without an object map librbd asks for every object that there can be.
	acctest.RBD(t, "create", "--size", "64G", "--image-feature", "layering", spec.String())
	img := read(t, c, spec)
	if NewCluster(noManager(t)).trashForManager(ctx, spec, img.ID) {
		t.Error("moved for a manager that may not be asked")
	}
	if now := read(t, c, spec); now.labels().Removing() {
		t.Error("labeled all the same")
	}
	if !acctest.TakesTasks(t) {
		wants(t, "removed here", c.DeleteImage(ctx, spec, img.ID, nil), nil)
		gone(t, c, img)
		return
	}

	cut, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.DeleteImage(cut, spec, img.ID, nil) }()
	underWay(t, c, img)
	wants(t, "the plan", c.CheckDelete(ctx, spec, img.ID, nil), nil)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), img.ID) {
		t.Errorf("cancelled: %v", err)
	}
	if n := tasksFor(t, img.ID); n > 0 {
		t.Errorf("%d tasks are left", n)
	}
	if now, err := c.FindImage(ctx, spec, img.ID); err != nil || !now.Removing() {
		t.Errorf("cancelled: %+v, %v", now, err)
	}

	acctest.Admin(t, "ceph", "rbd", "task", "add", "trash", "remove", spec.Pool+"/"+img.ID) // as a run that was killed leaves it
	underWay(t, c, img)
	said = nil
	wants(t, "removed", c.DeleteImage(ctx, spec, img.ID, nil), nil)
	if len(said) != 1 || !strings.Contains(said[0], "the manager removes it") {
		t.Errorf("said %q", said)
	}
	gone(t, c, img)
}

// What is small is removed here, and what the manager fails to remove, with its
// words where that fails, too.
func TestDeleteHere(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	c := NewCluster(Config{})
	acctest.RBD(t, "create", "--size", "2T", spec.String())
	img := read(t, c, spec)
	wants(t, "of two TiB nothing was written", c.checkManyObjects(ctx, spec, img.ID), errSmall)

	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@s")
	acctest.RBD(t, "trash", "mv", spec.String())
	if err := c.removeByManager(ctx, spec, img.ID, true); !errors.Is(err, errNoManager) || acctest.TakesTasks(t) && !strings.Contains(err.Error(), "the manager says") {
		t.Errorf("with a snapshot: %v", err)
	}
	if n := tasksFor(t, img.ID); n > 0 {
		t.Errorf("%d tasks are left", n)
	}
	acctest.RBD(t, "trash", "restore", spec.Pool+"/"+img.ID)
	acctest.RBD(t, "snap", "purge", "--no-progress", spec.String())

	// One that somebody restored is no longer to be removed.
	wants(t, "label", c.SetLabel(ctx, spec, "removing", "pending:"+img.ID), nil)
	wants(t, "claim", c.ClaimImage(ctx, read(t, c, spec)), nil)
	if now := read(t, c, spec); now.labels().Removing() || !now.Owned() {
		t.Errorf("%+v", now.Metadata)
	}
	wants(t, "removed", c.DeleteImage(ctx, spec, img.ID, nil), nil)
	gone(t, c, img)
}

// A run that is killed on the way to the manager leaves an image with the label, or one
// in the trash that no task is about: the next run has the manager remove it, and the
// plan has nothing against that. Another image of the name is left alone.
func TestDeleteByManagerCutOff(t *testing.T) {
	ctx, takes := t.Context(), acctest.TakesTasks(t)
	for what, left := range map[string]func(*Cluster, Image) error{
		"labeled": func(c *Cluster, img Image) error { return c.SetLabel(ctx, img.Spec, "removing", "pending:"+img.ID) },
		"in the trash": func(c *Cluster, img Image) error {
			if moved := c.trashForManager(ctx, img.Spec, img.ID); moved != takes {
				return fmt.Errorf("moved: %t, the manager takes tasks: %t", moved, takes)
			}
			if !takes { // as a run that asked another manager leaves it
				wants(t, "label", c.SetLabel(ctx, img.Spec, "removing", "pending:"+img.ID), nil)
				acctest.RBD(t, "trash", "mv", img.Spec.String())
			}
			acctest.RBD(t, "create", "--size", "1M", img.Spec.String()) // by somebody, meanwhile
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			spec := testSpec(t)
			var said []string
			c := NewCluster(Config{Logf: func(_ context.Context, format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }})
			acctest.RBD(t, "create", "--size", "64G", "--image-feature", "layering", spec.String())
			img := read(t, c, spec)
			wants(t, "the leftover", left(c, img), nil)
			if n := tasksFor(t, img.ID); n > 0 {
				t.Errorf("%d tasks", n)
			}
			now, err := c.FindImage(ctx, spec, img.ID)
			if err != nil || now.ID != img.ID || now.Removing() != (what == "in the trash") {
				t.Errorf("it is %+v, removing: %t, %v", now.Spec, now.Removing(), err)
			}
			wants(t, "the plan", c.CheckDelete(ctx, spec, img.ID, nil), nil)
			wants(t, "removed", c.DeleteImage(ctx, spec, img.ID, nil), nil)
			if takes && (len(said) != 1 || !strings.Contains(said[0], "the manager removes it")) {
				t.Errorf("said %q", said)
			}
			gone(t, c, img)
			if what == "in the trash" {
				if other := read(t, c, spec); other.SizeBytes != 1<<20 {
					t.Errorf("the other image is %+v", other)
				}
			}
		})
	}
}
