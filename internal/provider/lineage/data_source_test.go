// SPDX-License-Identifier: MPL-2.0

package lineage_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "data.rbd_image_lineage.test"

func config(image, more string) string {
	return fmt.Sprintf("data \"rbd_image_lineage\" \"test\" {\n  image = %q\n%s\n}\n", image, more)
}

func value(name string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(name), check)
}

func node(i int, values map[string]knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New("nodes").AtSliceIndex(i), knownvalue.ObjectPartial(values))
}

func text(s string) knownvalue.Check { return knownvalue.StringExact(s) }

// Up and down over pools and namespaces, with clones in the trash and a
// snapshot that was removed under its clone.
func TestImageLineage(t *testing.T) {
	t.Parallel()
	ns := imagestest.Namespace(t, "images")
	base, mid, other := "images/"+ns+"/base", "vms/"+ns+"-mid", "vms/"+ns+"-other"
	leaf, old := "volumes/"+ns+`-"leaf"];x-->y`, "vms/"+ns+"-old"
	imagestest.Make(t, base, "create", "--size", "32M")
	imagestest.Write(t, base, 5)
	imagestest.Snapshot(t, base+"@golden", true)
	imagestest.Snapshot(t, base+"@v2", false)
	midID := imagestest.Clone(t, 2, base+"@golden", mid)
	imagestest.Clone(t, 2, base+"@v2", other)
	imagestest.Snapshot(t, mid+"@a", false)
	imagestest.Clone(t, 2, mid+"@a", leaf)
	oldID := imagestest.Clone(t, 2, mid+"@a", old)
	imagestest.Trash(t, old)
	acctest.RBD(t, "snap", "rm", "--no-progress", mid+"@a")
	acctest.RBD(t, "lock", "add", base, "mine")
	t.Cleanup(func() {
		out := acctest.RBD(t, "lock", "ls", base)
		if m := regexp.MustCompile(`(client\.\d+) +mine`).FindStringSubmatch(out); m != nil {
			acctest.RBD(t, "lock", "rm", base, "mine", m[1])
		}
	})

	root := map[string]knownvalue.Check{
		"spec": text(base), "pool": text("images"), "namespace": text(ns), "name": text("base"),
		"depth": knownvalue.Int64Exact(0), "relation": text("ancestor"), "parent": knownvalue.Null(), "parent_image_id": knownvalue.Null(), "parent_snapshot_id": knownvalue.Null(),
		"size_bytes": knownvalue.Int64Exact(32 << 20), "used_bytes": knownvalue.Int64Exact(imagestest.Used(t, base)),
		"trashed": knownvalue.Bool(false), "flattened": knownvalue.Bool(false), "managed": knownvalue.Bool(false),
		"watchers": knownvalue.ListSizeExact(0),
		"locks":    knownvalue.ListExact([]knownvalue.Check{knownvalue.StringRegexp(regexp.MustCompile(`^"mine" of client\.\d+ at .+:`))}),
		"snapshots": knownvalue.ListExact([]knownvalue.Check{
			knownvalue.ObjectPartial(map[string]knownvalue.Check{"name": text("golden"), "kind": text("user"), "protected": knownvalue.Bool(true), "children": knownvalue.ListExact([]knownvalue.Check{text(mid)})}),
			knownvalue.ObjectPartial(map[string]knownvalue.Check{"name": text("v2"), "protected": knownvalue.Bool(false), "children": knownvalue.ListExact([]knownvalue.Check{text(other)})}),
		}),
	}
	self := map[string]knownvalue.Check{
		"spec": text(mid), "namespace": text(""), "image_id": text(midID), "depth": knownvalue.Int64Exact(1), "relation": text("self"), "parent": text(base + "@golden"),
		"snapshots": knownvalue.ListExact([]knownvalue.Check{
			knownvalue.ObjectPartial(map[string]knownvalue.Check{"name": text("a"), "kind": text("trash"), "children": knownvalue.ListExact([]knownvalue.Check{text(old), text(leaf)})}),
		}),
	}
	trashed := map[string]knownvalue.Check{
		"spec": text(old), "image_id": text(oldID), "depth": knownvalue.Int64Exact(2), "relation": text("descendant"), "trashed": knownvalue.Bool(true), "parent_image_id": text(midID),
		"parent": knownvalue.StringRegexp(regexp.MustCompile("^" + mid + "@[0-9a-f-]{36}$")),
	}
	last := map[string]knownvalue.Check{"spec": text(leaf), "depth": knownvalue.Int64Exact(2), "relation": text("descendant"), "trashed": knownvalue.Bool(false)}
	mermaid := fmt.Sprintf(`graph TD
  n0["%[1]s<br/>32MiB, 8MiB used<br/>1 lock, 2 snapshots"]
  n1["%[2]s<br/>32MiB, 0B used<br/>1 snapshot"]
  n2["%[3]s<br/>32MiB, 0B used<br/>in the trash"]
  n3["volumes/%[4]s-#34;leaf#34;#93;#59;x--#62;y<br/>32MiB, 0B used"]
  n0 -->|"golden (protected)"| n1
  n1 -->|"a (in the trash namespace)"| n2
  n1 -->|"a (in the trash namespace)"| n3
  style n1 stroke-width:3px
  style n2 stroke-dasharray:5 5
`, base, mid, old, ns)

	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config(mid, ""),
			ConfigStateChecks: []statecheck.StateCheck{
				value("root", text(base)),
				value("nodes", knownvalue.ListSizeExact(4)),
				node(0, root), node(1, self), node(2, trashed), node(3, last),
				value("mermaid", text(mermaid)),
				value("dot", knownvalue.StringRegexp(regexp.MustCompile(`(?s)^digraph lineage \{\n.*\[label="`+regexp.QuoteMeta("volumes/"+ns+`-\"leaf\"];x-->y\n32MiB, 0B used`)+`"\]\n.*\}\n$`))),
			},
		},
		{
			Config: config(mid, "  whole_tree = true"),
			ConfigStateChecks: []statecheck.StateCheck{
				value("nodes", knownvalue.ListSizeExact(5)),
				node(1, self),
				node(4, map[string]knownvalue.Check{"spec": text(other), "depth": knownvalue.Int64Exact(1), "relation": text("relative"), "parent": text(base + "@v2")}),
			},
		},
		{
			Config: config(base+"@v2", ""),
			ConfigStateChecks: []statecheck.StateCheck{
				value("nodes", knownvalue.ListSizeExact(2)),
				node(0, map[string]knownvalue.Check{"relation": text("self")}),
				node(1, map[string]knownvalue.Check{"spec": text(other), "relation": text("descendant")}),
			},
		},
		{
			Config: config(other, ""),
			ConfigStateChecks: []statecheck.StateCheck{
				value("nodes", knownvalue.ListSizeExact(2)),
				node(1, map[string]knownvalue.Check{"spec": text(other), "relation": text("self"), "snapshots": knownvalue.ListSizeExact(0)}),
			},
		},
	}})
}

func TestImageLineageErrors(t *testing.T) {
	t.Parallel()
	base := "vms/" + providertest.Name(t)
	imagestest.Make(t, base, "create", "--size", "8M")
	imagestest.Snapshot(t, base+"@a", false)
	imagestest.Clone(t, 2, base+"@a", strings.Replace(base, "vms/", "volumes/", 1)+"-c")
	user, key := imagestest.User(t, "profile rbd pool=vms")
	limited := fmt.Sprintf("provider \"rbd\" {\n  ceph = {\n    user = %q\n    key  = %q\n  }\n}\n", user, key)
	for what, tc := range map[string]struct{ config, want string }{
		"no such image":           {config("vms/no-such-image", ""), `(?s)Unable\s+to\s+read\s+lineage\s+of\s+RBD\s+image\s+"vms/no-such-image".*rbd\s+ls`},
		"no such snapshot":        {config(base+"@no", ""), `(?s)In\s+attribute\s+image:.*rbd\s+snap\s+ls`},
		"no spec":                 {config("a", ""), `Not\s+a\s+spec`},
		"a pool that is not read": {limited + config(base, ""), `(?is)list\s+the\s+children\s+of.*may\s+not\s+read\s+the\s+pools.*"volumes"`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:      tc.config,
				ExpectError: regexp.MustCompile(tc.want),
			}}})
		})
	}
}
