// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// adminPool is a pool of the test's own, and a cluster as client.admin: what is
// done there, mirroring above all, is for a whole pool.
func adminPool(t *testing.T) (*Cluster, string) {
	t.Helper()
	acctest.RequireLab(t)
	pool := fmt.Sprintf("ties-%d", os.Getpid())
	acctest.Admin(t, "ceph", "osd", "pool", "create", pool, "1")
	t.Cleanup(func() {
		acctest.Admin(t, "ceph", "osd", "pool", "rm", pool, pool, "--yes-i-really-really-mean-it")
	})
	acctest.Admin(t, "rbd", "pool", "init", pool)
	acctest.Admin(t, "rbd", "mirror", "pool", "enable", pool, "image")
	return NewCluster(Config{User: "admin", KeyringFile: filepath.Join(os.Getenv("RBD_LAB"), "ceph.client.admin.keyring")}), pool
}

// What ties an image to a group, a mirror or a migration is told before anything
// is done to it, and nothing is done.
func TestTies(t *testing.T) {
	c, pool := adminPool(t)
	for name, tie := range map[string]struct {
		commands     [][]string
		moved        string // what the image is called then
		gone, change error
		trashed      bool
	}{
		"none":     {},
		"group":    {commands: [][]string{{"group", "create", pool + "/g"}, {"group", "image", "add", pool + "/g", pool + "/group"}}, gone: ErrInGroup},
		"journal":  {commands: [][]string{{"mirror", "image", "enable", pool + "/journal", "journal"}}, gone: ErrMirrored},
		"primary":  {commands: [][]string{{"mirror", "image", "enable", pool + "/primary", "snapshot"}}, gone: ErrMirrored},
		"demoted":  {commands: [][]string{{"mirror", "image", "enable", pool + "/demoted", "snapshot"}, {"mirror", "image", "demote", pool + "/demoted"}}, gone: ErrNotPrimary, change: ErrNotPrimary},
		"prepared": {commands: [][]string{{"migration", "prepare", pool + "/prepared", pool + "/prepared-2"}}, gone: ErrMigrating, change: ErrMigrating, trashed: true},
		"executed": {
			commands: [][]string{{"migration", "prepare", pool + "/executed", pool + "/moved"}, {"migration", "execute", "--no-progress", pool + "/moved"}},
			gone:     ErrMigrating, moved: "moved",
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Pool: pool, Image: name}
			acctest.Admin(t, "rbd", "create", "--size", "16M", spec.String())
			before, err := c.Image(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			id := before.ID
			for _, command := range tie.commands {
				acctest.Admin(t, "rbd", command...)
			}
			if tie.moved != "" { // the destination has an id of its own
				now, err := c.Image(t.Context(), spec.WithImage(tie.moved))
				if err != nil || !now.Migrating() {
					t.Fatal(now.Features, err)
				}
				id = now.ID
			}
			if err := c.CheckChangeable(t.Context(), spec, id); !errors.Is(err, tie.change) {
				t.Errorf("change: %v, want %v", err, tie.change)
			}
			if err := c.CheckDelete(t.Context(), spec, id, nil); !errors.Is(err, tie.gone) {
				t.Errorf("plan to delete: %v, want %v", err, tie.gone)
			}
			if tie.gone == nil {
				return
			}
			if !tie.trashed {
				if err := errors.Join(c.CheckTrash(t.Context(), spec, id), c.TrashImage(t.Context(), spec, id, time.Hour)); !errors.Is(err, tie.gone) {
					t.Errorf("trash: %v", err)
				}
			}
			if err := c.DeleteImage(t.Context(), spec, id, nil); !errors.Is(err, tie.gone) {
				t.Errorf("delete: %v", err)
			}
			if now, err := c.FindImage(t.Context(), spec, id); err != nil || (now.Trash != nil) != tie.trashed {
				t.Errorf("the image is not where it was: %+v, %v", now.Trash, err)
			}
		})
	}
	t.Run("edit", func(t *testing.T) {
		img, err := c.Image(t.Context(), Spec{Pool: pool, Image: "demoted"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.BeginEdit(t.Context(), img.Spec, img.ID); !errors.Is(err, ErrNotPrimary) {
			t.Errorf("an edit of the secondary of a mirror: %v", err)
		}
		if err := c.ResizeImage(t.Context(), img.Spec, img.ID, 32<<20, false); !errors.Is(err, ErrReadOnly) {
			t.Errorf("resize: %v", err)
		}
	})
}
