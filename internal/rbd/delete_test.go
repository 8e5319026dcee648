// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ceph/go-ceph/rados"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// halfRemove leaves a snapshot as a client does that is killed while it removes
// it: in the trash namespace, though nothing keeps it there.
func halfRemove(t *testing.T, c *Cluster, img Image, id uint64) {
	t.Helper()
	err := c.withPool(t.Context(), img.Spec.Pool, img.Spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		op := rados.CreateWriteOp()
		defer op.Release()
		op.Exec("rbd", "snapshot_trash_add", binary.LittleEndian.AppendUint64(nil, id))
		return op.Operate(ioctx, "rbd_header."+img.ID, rados.OperationNoFlag)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, c *Cluster, spec Spec) Image {
	t.Helper()
	img, err := c.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// gone fails where anything in the pool has the id still.
func gone(t *testing.T, c *Cluster, img Image) {
	t.Helper()
	if at, err := c.locate(t.Context(), img.Spec, img.ID, anywhere); !errors.Is(err, ErrImageNotFound) {
		t.Errorf("it is still there: %+v, %v", at, err)
	}
}

// An image is found by its id, whatever became of its name, and nothing else is
// touched.
func TestDeleteByID(t *testing.T) {
	c := NewCluster(Config{})
	for name, tc := range map[string]struct {
		before func(t *testing.T, spec Spec, id string)
		stays  bool // whatever has the name afterwards
		want   error
	}{
		"as it is": {before: func(*testing.T, Spec, string) {}},
		"renamed": {before: func(t *testing.T, spec Spec, _ string) {
			acctest.RBD(t, "rename", spec.String(), spec.String()+"-2")
		}},
		"in the trash": {before: func(t *testing.T, spec Spec, _ string) {
			acctest.RBD(t, "trash", "mv", spec.String())
		}},
		"renamed and its name taken": {stays: true, before: func(t *testing.T, spec Spec, _ string) {
			acctest.RBD(t, "rename", spec.String(), spec.String()+"-2")
			acctest.RBD(t, "create", "--size", "4M", spec.String())
		}},
		"in the trash and its name taken": {stays: true, before: func(t *testing.T, spec Spec, _ string) {
			acctest.RBD(t, "trash", "mv", spec.String())
			acctest.RBD(t, "create", "--size", "4M", spec.String())
		}},
		"removed and its name taken": {stays: true, before: func(t *testing.T, spec Spec, _ string) {
			acctest.RBD(t, "rm", "--no-progress", spec.String())
			acctest.RBD(t, "create", "--size", "4M", spec.String())
		}},
		"removed but for its entry in the trash": {before: func(t *testing.T, spec Spec, id string) {
			acctest.RBD(t, "trash", "mv", spec.String())
			removeObject(t, c, spec, "rbd_header."+id)
		}},
		"removed but for what no listing shows": {before: func(t *testing.T, spec Spec, id string) {
			cutOffRemoval(t, spec, id)
		}},
		"removed but for its name": {before: func(t *testing.T, spec Spec, _ string) {
			removeObject(t, c, spec, idObject(spec.Image))
		}},
		"a rename was cut off": {before: func(t *testing.T, spec Spec, id string) {
			acctest.RBD(t, "rename", spec.String(), spec.String()+"-2")
			writeID(t, c, spec, id)
		}},
		"deferred in the trash": {want: ErrDeferred, before: func(t *testing.T, spec Spec, _ string) {
			acctest.RBD(t, "trash", "mv", "--expires-at", "2099-01-01", spec.String())
		}},
		"renamed, with somebody's snapshot": {want: ErrHasSnapshots, before: func(t *testing.T, spec Spec, _ string) {
			acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@theirs")
			acctest.RBD(t, "rename", spec.String(), spec.String()+"-2")
		}},
		"renamed, and in use": {want: ErrInUse, before: func(t *testing.T, spec Spec, _ string) {
			acctest.RBD(t, "rename", spec.String(), spec.String()+"-2")
			acctest.Watch(t, spec.String()+"-2")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := Spec{Pool: "vms", Image: acctestName(t)}
			acctest.RBD(t, "create", "--size", "8M", spec.String())
			img := read(t, c, spec)
			tc.before(t, spec, img.ID)
			err := c.DeleteImage(t.Context(), spec, img.ID, nil)
			if tc.want != nil {
				if !errors.Is(err, tc.want) {
					t.Errorf("got %v", err)
				}
				if _, err := c.locate(t.Context(), spec, img.ID, anywhere); err != nil {
					t.Errorf("it was removed: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			gone(t, c, img)
			names := acctest.Images(t, "vms", spec.Image)
			if tc.stays != (len(names) == 1 && names[0] == spec.Image) || !tc.stays && len(names) > 0 {
				t.Errorf("there is %v", names)
			}
			// The name is free for the next one.
			if !tc.stays {
				acctest.RBD(t, "create", "--size", "4M", spec.String())
			}
		})
	}
}

// acctestName is a name for a subtest, and nothing of that name is left.
func acctestName(t *testing.T) string {
	t.Helper()
	// The dot keeps it from being the beginning of another test's.
	name := fmt.Sprintf("unit-%s.", strings.ToLower(strings.NewReplacer("/", "-", "_", "-", ",", "", "'", "").Replace(t.Name())))
	t.Cleanup(func() { acctest.Purge(t, name) })
	return name
}

func removeObject(t *testing.T, c *Cluster, spec Spec, object string) {
	t.Helper()
	err := c.withPool(t.Context(), spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		return ioctx.Delete(object)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func writeID(t *testing.T, c *Cluster, spec Spec, id string) {
	t.Helper()
	encoded := append(binary.LittleEndian.AppendUint32(nil, uint32(len(id))), id...)
	err := c.withPool(t.Context(), spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		return ioctx.WriteFull(idObject(spec.Image), encoded)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a removal of a snapshot that was killed in the middle has left is removed
// by whoever meets it, where it is ours, and where no clone keeps it.
func TestHalfRemovedSnapshots(t *testing.T) {
	c := NewCluster(Config{})
	del := func(t *testing.T, img Image, _ uint64) error {
		return c.DeleteImage(t.Context(), img.Spec, img.ID, nil)
	}
	for name, tc := range map[string]struct {
		snapshot string
		mark     func(t *testing.T, img Image, id uint64) // nil for none
		meet     func(t *testing.T, img Image, id uint64) error
		removed  bool // the image
		left     bool // the snapshot
		want     error
	}{
		"an edit's, met by the removal of its image": {snapshot: UndoSnapshot, meet: del, removed: true},
		"an edit's, met in the trash": {snapshot: UndoSnapshot, removed: true, meet: func(t *testing.T, img Image, id uint64) error {
			acctest.RBD(t, "trash", "mv", img.Spec.String())
			return del(t, img, id)
		}},
		"an edit's, met by the next edit": {
			snapshot: UndoSnapshot, mark: marked(c, ownership.Undo, UndoSnapshot),
			meet: func(t *testing.T, img Image, _ uint64) error {
				e, err := c.BeginEdit(t.Context(), img.Spec, img.ID)
				if err != nil {
					return err
				}
				return e.End()
			},
		},
		"a snapshot of ours, met by its removal": {
			snapshot: "s", mark: marked(c, ownership.Owned, "s"),
			meet: func(t *testing.T, img Image, id uint64) error {
				return c.RemoveSnapshot(t.Context(), img.Spec.WithSnapshot("s"), id, false)
			},
		},
		"a snapshot of ours, met by the next of its name": {
			snapshot: "s", mark: marked(c, ownership.Owned, "s"),
			meet: func(t *testing.T, img Image, _ uint64) error {
				_, err := c.CreateSnapshot(t.Context(), img.Spec.WithSnapshot("s"), img.ID, false)
				return err
			},
		},
		"a snapshot of ours, met by the removal of its image": {snapshot: "s", mark: marked(c, ownership.Owned, "s"), meet: del, removed: true},
		"a replica's": {
			snapshot: "s", removed: true,
			mark: func(t *testing.T, img Image, id uint64) {
				edit(t, c, img.Spec, Replica{ImageID: img.ID, SnapshotID: id}.write)
			},
			meet: func(t *testing.T, img Image, _ uint64) error {
				return c.DeleteImage(t.Context(), img.Spec, img.ID, ReplicaSnapshots(""))
			},
		},
		"an alias's": {
			snapshot: AliasSnapshot, removed: true,
			mark: func(t *testing.T, img Image, _ uint64) {
				if err := c.SetLabel(t.Context(), img.Spec, guardLabel, "owner"); err != nil {
					t.Fatal(err)
				}
			},
			meet: func(t *testing.T, img Image, _ uint64) error {
				return c.RemoveAlias(t.Context(), img.Spec, img.ID, "owner")
			},
		},
		"somebody's": {snapshot: "s", meet: del, left: true, want: ErrHasSnapshots},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := Spec{Pool: "vms", Image: acctestName(t)}
			acctest.RBD(t, "create", "--size", "8M", spec.String())
			acctest.RBD(t, "snap", "create", "--no-progress", spec.WithSnapshot(tc.snapshot).String())
			img := read(t, c, spec)
			id := img.Snapshots[0].ID
			if tc.mark != nil {
				tc.mark(t, img, id)
			}
			halfRemove(t, c, img, id)
			if err := tc.meet(t, img, id); !errors.Is(err, tc.want) {
				t.Fatalf("got %v", err)
			}
			if tc.removed {
				gone(t, c, img)
				return
			}
			left := false
			now := read(t, c, spec)
			for _, s := range now.Snapshots {
				left = left || s.ID == id
			}
			if left != tc.left {
				t.Errorf("snapshots: %v", now.Snapshots)
			}
			if now.Metadata[ownership.SnapshotKey(tc.snapshot)] != "" && len(now.Snapshots) == 0 {
				t.Errorf("marks are left: %v", now.Metadata)
			}
			acctest.Admin(t, "rbd", "snap", "purge", "--no-progress", spec.String())
			if tc.left {
				acctest.RBD(t, "snap", "rm", "--snap-id", fmt.Sprint(id), spec.String())
			}
		})
	}
}

func marked(c *Cluster, word, name string) func(*testing.T, Image, uint64) {
	return func(t *testing.T, img Image, _ uint64) {
		t.Helper()
		if err := c.SetLabel(t.Context(), img.Spec, "snapshot."+name, ownership.Label(word, img.ID)); err != nil {
			t.Fatal(err)
		}
	}
}

// A clone keeps a snapshot in the trash namespace, half removed or not.
func TestHalfRemovedSnapshotWithAClone(t *testing.T) {
	c := NewCluster(Config{})
	spec := Spec{Pool: "vms", Image: acctestName(t)}
	clone := spec.WithImage(spec.Image + "-clone")
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@s")
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", spec.String()+"@s", clone.String())
	img := read(t, c, spec)
	marked(c, ownership.Owned, "s")(t, img, 0)
	halfRemove(t, c, img, img.Snapshots[0].ID)
	if err := c.DeleteImage(t.Context(), spec, img.ID, nil); !errors.Is(err, ErrHasSnapshots) || !strings.Contains(err.Error(), clone.String()) {
		t.Errorf("got %v", err)
	}
	acctest.RBD(t, "rm", "--no-progress", clone.String())
	if err := c.DeleteImage(t.Context(), spec, img.ID, nil); err != nil {
		t.Error(err)
	}
	gone(t, c, img)
}

// Everything that keeps a replica is looked for before the first of its own
// snapshots goes.
func TestDeleteReplicaChecksFirst(t *testing.T) {
	c := NewCluster(Config{})
	spec := Spec{Pool: "vms", Image: acctestName(t)}
	clone := spec.WithImage(spec.Image + "-clone")
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	for _, name := range []string{"one", "two"} {
		acctest.RBD(t, "snap", "create", "--no-progress", spec.WithSnapshot(name).String())
	}
	img := read(t, c, spec)
	edit(t, c, spec, Replica{ImageID: img.ID, Older: []uint64{img.Snapshots[0].ID}, SnapshotID: img.Snapshots[1].ID}.write)
	refused := func(why error, named string) {
		t.Helper()
		for _, err := range []error{
			c.CheckDelete(t.Context(), spec, img.ID, ReplicaSnapshots("")), c.DeleteImage(t.Context(), spec, img.ID, ReplicaSnapshots("")),
		} {
			if !errors.Is(err, why) || !strings.Contains(err.Error(), named) {
				t.Errorf("got %v", err)
			}
		}
		if now := read(t, c, spec); len(now.Snapshots) < 2 {
			t.Errorf("of its own there is only %v", now.Snapshots)
		}
	}
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@theirs")
	refused(ErrHasSnapshots, "theirs")
	acctest.RBD(t, "snap", "rm", "--no-progress", spec.String()+"@theirs")
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", spec.String()+"@two", clone.String())
	refused(ErrHasChildren, clone.String())
	acctest.RBD(t, "rm", "--no-progress", clone.String())
	end := acctest.Watch(t, spec.String())
	refused(ErrInUse, "watcher")
	end()
	acctest.RBD(t, "rename", spec.String(), spec.String()+"-2")
	acctest.RBD(t, "trash", "mv", spec.String()+"-2")
	if err := c.DeleteImage(t.Context(), spec, img.ID, ReplicaSnapshots("")); err != nil {
		t.Error(err)
	}
	gone(t, c, img)
}
