// SPDX-License-Identifier: MPL-2.0

package snapshots_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
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

const address = "data.rbd_snapshots.test"

func snapshot(i int, values map[string]knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New("snapshots").AtSliceIndex(i), knownvalue.ObjectPartial(values))
}

func count(n int) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New("snapshots"), knownvalue.ListSizeExact(n))
}

// children are the clones that `rbd children --all` lists.
func children(t *testing.T, args ...string) knownvalue.Check {
	t.Helper()
	var all []struct {
		Pool      string
		Namespace string `json:"pool_namespace"`
		Image     string
	}
	out := acctest.RBD(t, append([]string{"children", "--all", "--format", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	var specs []string
	for _, c := range all {
		specs = append(specs, strings.Replace(c.Pool+"/"+c.Namespace+"/"+c.Image, "//", "/", 1))
	}
	if len(specs) == 0 {
		t.Fatalf("rbd children %v: none", args)
	}
	slices.Sort(specs)
	var checks []knownvalue.Check
	for _, s := range specs {
		checks = append(checks, knownvalue.StringExact(s))
	}
	return knownvalue.ListExact(checks)
}

// All kinds of snapshots, and clones everywhere.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	ns := imagestest.Namespace(t, "vms")
	image := "vms/" + ns + "/base"
	imagestest.Make(t, image, "create", "--size", "16M")
	imagestest.Snapshot(t, image+"@golden", true)
	acctest.RBD(t, "resize", "--no-progress", "--size", "32M", image)
	imagestest.Snapshot(t, image+"@removed", false)
	imagestest.Clone(t, 1, image+"@golden", "vms/"+ns+"/v1")
	imagestest.Clone(t, 2, image+"@golden", "volumes/"+ns+"-v2")
	imagestest.Clone(t, 2, image+"@golden", "vms/"+ns+"/trashed")
	imagestest.Clone(t, 2, image+"@removed", "images/"+ns+"-kept")
	imagestest.Trash(t, "vms/"+ns+"/trashed")
	acctest.RBD(t, "snap", "rm", "--no-progress", image+"@removed")
	var snaps []struct{ ID int64 }
	if err := json.Unmarshal([]byte(acctest.RBD(t, "snap", "ls", "--all", "--format", "json", image)), &snaps); err != nil || len(snaps) != 2 {
		t.Fatal(snaps, err)
	}

	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: fmt.Sprintf("data \"rbd_snapshots\" \"test\" {\n  image = %q\n}\n", image),
			ConfigStateChecks: []statecheck.StateCheck{
				count(2),
				snapshot(0, map[string]knownvalue.Check{
					"name":         knownvalue.StringExact("golden"),
					"spec":         knownvalue.StringExact(image + "@golden"),
					"snapshot_id":  knownvalue.Int64Exact(snaps[0].ID),
					"kind":         knownvalue.StringExact("user"),
					"size_bytes":   knownvalue.Int64Exact(16 << 20),
					"protected":    knownvalue.Bool(true),
					"created_at":   knownvalue.StringRegexp(regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:]{8}Z$`)),
					"location_url": knownvalue.StringExact("rbd://" + acctest.FSID(t) + "/vms%2F" + ns + "/base/golden"),
					"children":     children(t, image+"@golden"),
					"managed":      knownvalue.Bool(false),
				}),
				snapshot(1, map[string]knownvalue.Check{
					"name":         knownvalue.StringExact("removed"),
					"spec":         knownvalue.Null(),
					"snapshot_id":  knownvalue.Int64Exact(snaps[1].ID),
					"kind":         knownvalue.StringExact("trash"),
					"size_bytes":   knownvalue.Int64Exact(32 << 20),
					"protected":    knownvalue.Bool(false),
					"location_url": knownvalue.Null(),
					"children":     children(t, "--snap-id", fmt.Sprint(snaps[1].ID), image),
				}),
			},
		},
		{
			Config:            fmt.Sprintf("data \"rbd_snapshots\" \"test\" {\n  image = %q\n  name_regex = \"^gol\"\n}\n", image),
			ConfigStateChecks: []statecheck.StateCheck{count(1)},
		},
		{
			Config:            fmt.Sprintf("data \"rbd_snapshots\" \"test\" {\n  image = \"volumes/%s-v2\"\n}\n", ns),
			ConfigStateChecks: []statecheck.StateCheck{count(0)},
		},
	}})
}

// The snapshot of a group, and that of a resource.
func TestSnapshotsOfOthers(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	imagestest.Make(t, "vms/"+name, "create", "--size", "8M")
	group := "vms/" + name + "-group"
	acctest.RBD(t, "group", "create", group)
	t.Cleanup(func() { _, _ = acctest.TryRBD(t, "group", "rm", group) })
	acctest.RBD(t, "group", "image", "add", group, "vms/"+name)
	acctest.RBD(t, "group", "snap", "create", group+"@all")
	t.Cleanup(func() { _, _ = acctest.TryRBD(t, "group", "snap", "rm", group+"@all") })
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: fmt.Sprintf(`resource "rbd_snapshot" "test" {
  image = "vms/%s"
  name  = "ours"
}
data "rbd_snapshots" "test" {
  image      = rbd_snapshot.test.image
  depends_on = [rbd_snapshot.test]
}`, name),
		ConfigStateChecks: []statecheck.StateCheck{
			count(2),
			snapshot(0, map[string]knownvalue.Check{
				"kind": knownvalue.StringExact("group"), "spec": knownvalue.Null(), "location_url": knownvalue.Null(),
				"children": knownvalue.ListSizeExact(0), "managed": knownvalue.Bool(false),
			}),
			snapshot(1, map[string]knownvalue.Check{
				"name": knownvalue.StringExact("ours"), "kind": knownvalue.StringExact("user"), "managed": knownvalue.Bool(true),
			}),
		},
	}}})
}

func TestSnapshotsErrors(t *testing.T) {
	t.Parallel()
	for what, tc := range map[string]struct{ config, want string }{
		"no such image":       {`image = "vms/no-such-image"`, `(?s)Unable\s+to\s+list\s+RBD\s+snapshots\s+of\s+"vms/no-such-image".*In\s+attribute\s+image:`},
		"a snapshot":          {`image = "vms/a@b"`, `an\s+image\s+is\s+wanted`},
		"a broken expression": {"image = \"vms/a\"\n name_regex = \"[\"", `Not\s+a\s+regular\s+expression`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:      "data \"rbd_snapshots\" \"test\" {\n" + tc.config + "\n}\n",
				ExpectError: regexp.MustCompile(tc.want),
			}}})
		})
	}
}
