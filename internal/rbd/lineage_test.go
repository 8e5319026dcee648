// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
)

// outline is a lineage in few words: a line per image, indented by its depth.
func outline(t *testing.T, ns string, nodes []LineageNode, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&b, "%s%s %s", strings.Repeat(" ", n.Depth), strings.ReplaceAll(n.Spec.String(), ns, "NS"), n.Relation)
		if n.DependsOn != nil {
			fmt.Fprintf(&b, " of %d", n.DependsOn.SnapshotID)
		}
		if n.Trashed {
			b.WriteString(" trashed")
		}
		if n.Flattened {
			b.WriteString(" flattened")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func snapshotID(t *testing.T, c *Cluster, spec string) uint64 {
	t.Helper()
	at, err := ParseSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	img, err := c.Image(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	s, err := img.Snapshot(at.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	return s.ID
}

// A lineage goes over pools and namespaces, through v1 and v2 clones, through
// the trash, and through snapshots that were removed under their clones.
func TestLineage(t *testing.T) {
	c, ctx := NewCluster(Config{}), t.Context()
	ns := imagestest.Namespace(t, "vms")
	base, mid := "vms/"+ns+"/base", "vms/"+ns+"/mid"
	x := "volumes/" + ns + "-x"

	imagestest.Make(t, base, "create", "--size", "16M")
	fill(t, c, base, 5)
	imagestest.Snapshot(t, base+"@v1", true)
	imagestest.Snapshot(t, base+"@v2", false)
	v1, v2 := snapshotID(t, c, base+"@v1"), snapshotID(t, c, base+"@v2")
	midID := imagestest.Clone(t, 1, base+"@v1", mid)
	imagestest.Clone(t, 2, base+"@v2", "vms/"+ns+"/sibling")
	fill(t, c, mid, 1)
	imagestest.Snapshot(t, mid+"@a", false)
	imagestest.Snapshot(t, mid+"@b", false)
	a, b := snapshotID(t, c, mid+"@a"), snapshotID(t, c, mid+"@b")
	imagestest.Clone(t, 2, mid+"@a", x)
	imagestest.Snapshot(t, x+"@s", false)
	s := snapshotID(t, c, x+"@s")
	imagestest.Clone(t, 2, x+"@s", "images/"+ns+"-y")
	imagestest.Clone(t, 2, mid+"@a", "vms/"+ns+"/old")
	imagestest.Clone(t, 2, mid+"@b", "vms/"+ns+"/of-b")
	imagestest.Clone(t, 2, mid+"@b", "vms/"+ns+"/flat")
	acctest.RBD(t, "flatten", "--no-progress", "vms/"+ns+"/flat")
	// Without deep-flatten the snapshots keep the link.
	kept := "vms/" + ns + "/kept"
	imagestest.Make(t, kept, "clone", "--rbd-default-clone-format", "2", "--image-feature", "layering", mid+"@b")
	imagestest.Snapshot(t, kept+"@old", false)
	acctest.RBD(t, "flatten", "--no-progress", kept)
	// Snapshot a goes to the trash namespace, the clone and then mid to the trash.
	acctest.RBD(t, "snap", "rm", "--no-progress", mid+"@a")
	imagestest.Trash(t, "vms/"+ns+"/old")

	spec := func(s string) Spec {
		at, err := ParseSpec(s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	below := fmt.Sprintf(`  vms/NS/kept descendant of %d flattened
  vms/NS/of-b descendant of %d
  vms/NS/old descendant of %d trashed
  volumes/NS-x descendant of %d
   images/NS-y descendant of %d
`, b, b, a, a, s)
	head := fmt.Sprintf("vms/NS/base ancestor\n vms/NS/mid self of %d\n", v1)
	sibling := fmt.Sprintf(" vms/NS/sibling relative of %d\n", v2)

	nodes, err := c.Lineage(ctx, spec(mid), false)
	if got := outline(t, ns, nodes, err); got != head+below {
		t.Errorf("got:\n%swant:\n%s", got, head+below)
	}
	for _, n := range nodes {
		if !n.Trashed && int64(n.UsedBytes) != imagestest.Used(t, n.Spec.String()) {
			t.Errorf("%s uses %d bytes, rbd du says %d", n.Spec, n.UsedBytes, imagestest.Used(t, n.Spec.String()))
		}
	}
	for _, snap := range nodes[1].Snapshots {
		if snap.ID == a && (snap.Kind != TrashSnapshot || snap.Name != "a" || len(nodes[1].Children[a]) != 2) {
			t.Errorf("%+v, %v", snap, nodes[1].Children[a])
		}
	}

	nodes, err = c.Lineage(ctx, spec(mid), true)
	if got, want := outline(t, ns, nodes, err), head+below+sibling; got != want {
		t.Errorf("whole tree: got:\n%swant:\n%s", got, want)
	}
	nodes, err = c.Lineage(ctx, spec(base+"@v2"), false)
	if got, want := outline(t, ns, nodes, err), fmt.Sprintf("vms/NS/base self\n vms/NS/sibling descendant of %d\n", v2); got != want {
		t.Errorf("of a snapshot: got:\n%swant:\n%s", got, want)
	}
	nodes, err = c.Lineage(ctx, spec(kept), false)
	if got, want := outline(t, ns, nodes, err), fmt.Sprintf("vms/NS/base ancestor\n vms/NS/mid ancestor of %d\n  vms/NS/kept self of %d flattened\n", v1, b); got != want {
		t.Errorf("of a flattened clone: got:\n%swant:\n%s", got, want)
	}

	for most, want := range map[int]error{2: ErrTooMany, 3: ErrTooMany, 8: nil} {
		err := c.do(ctx, func(cn *connection) error {
			l := lineage{cn: cn, ctx: ctx, visited: map[place]bool{}, most: most}
			_, err := l.read(spec(base), false)
			return err
		})
		if !errors.Is(err, want) {
			t.Errorf("at most %d images: got %v, want %v", most, err, want)
		}
	}

	// A parent in the trash.
	imagestest.Trash(t, mid)
	nodes, err = c.Lineage(ctx, spec("images/"+ns+"-y"), false)
	want := fmt.Sprintf("vms/NS/base ancestor\n vms/NS/mid ancestor of %d trashed\n  volumes/NS-x ancestor of %d\n   images/NS-y self of %d\n", v1, a, s)
	if got := outline(t, ns, nodes, err); got != want {
		t.Errorf("with a parent in the trash: got:\n%swant:\n%s", got, want)
	}
	if nodes[1].ID != midID {
		t.Errorf("id %s, want %s", nodes[1].ID, midID)
	}
	if _, err := c.Lineage(ctx, spec(x+"@no"), false); !errors.Is(err, ErrSnapshotNotFound) {
		t.Error(err)
	}
	if _, err := c.Lineage(ctx, spec(mid), false); !errors.Is(err, ErrImageNotFound) {
		t.Error(err)
	}
}

// Without caps for a pool that has a clone, or for looking for clones, the
// error names the pools.
func TestLineageCaps(t *testing.T) {
	c, ctx := NewCluster(Config{}), t.Context()
	base := Spec{Pool: "vms", Image: strings.TrimPrefix(testSpec(t).Image, "unit-")}
	imagestest.Make(t, base.String(), "create", "--size", "8M")
	imagestest.Snapshot(t, base.String()+"@a", false)
	clone := "volumes/" + base.Image + "-c"
	imagestest.Clone(t, 2, base.String()+"@a", clone)

	for caps, want := range map[string]struct {
		spec  Spec
		pools []string // that are named, among those of other tests
	}{
		"profile rbd pool=vms":                                     {base, []string{`"volumes"`}},
		"profile rbd-read-only pool=vms":                           {base, []string{`"images"`, `"volumes"`}},
		"profile rbd-read-only pool=volumes":                       {Spec{Pool: "volumes", Image: base.Image + "-c"}, []string{`"vms"`}},
		"profile rbd-read-only":                                    {base, nil},
		"profile rbd pool=vms, profile rbd-read-only pool=volumes": {base, nil},
	} {
		t.Run(caps, func(t *testing.T) {
			user, key := imagestest.User(t, caps)
			nodes, err := NewCluster(Config{User: user, Key: key}).Lineage(ctx, want.spec, false)
			switch {
			case want.pools == nil && (err != nil || len(nodes) != 2):
				t.Errorf("%d nodes, %v", len(nodes), err)
			case want.pools != nil && !errors.Is(err, ErrPermission):
				t.Errorf("got %v", err)
			}
			for _, pool := range want.pools {
				if !strings.Contains(fmt.Sprint(err), pool) {
					t.Errorf("got %v, want one that names %s", err, pool)
				}
			}
		})
	}
	if nodes, err := c.Lineage(ctx, base, false); err != nil || len(nodes) != 2 {
		t.Errorf("%d nodes, %v", len(nodes), err)
	}
}
