// SPDX-License-Identifier: MPL-2.0

package replica_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func plans(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return providertest.Expect(plancheck.ExpectResourceAction(address, action))
}

// transferred makes sure that no more was read than `rbd diff` shows, which is
// asked when the check is made.
func transferred(diff func() int64) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New("transferred_bytes"), knownvalue.Int64Func(func(n int64) error {
		if most := diff(); n > most {
			return fmt.Errorf("%d bytes were read from the source, %d at the most were expected", n, most)
		}
		return nil
	}))
}

// Each step is a later snapshot, and is copied in place.
func TestReplicaLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	src := newSource(t, name, "20M")
	src.change("write -P 1 0 1M", "write -P 2 9M 3M", "write -P 3 20476k 4k")
	first := src.snapshot("one")
	copied := "vms/" + name
	revision := statecheck.CompareValue(compare.ValuesDiffer())
	image := statecheck.CompareValue(compare.ValuesSame())
	watch := func(more ...statecheck.StateCheck) []statecheck.StateCheck {
		return append(more, revision.AddStateValue(address, tfjsonpath.New("revision")), image.AddStateValue(address, tfjsonpath.New("image_id")))
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{
				Config: config(name, first),
				ConfigPlanChecks: providertest.Expect(
					providertest.Plans(address, "size_bytes", knownvalue.Int64Exact(20<<20)),
					providertest.Plans(address, "snapshot", knownvalue.StringExact(copied+"@one")),
				),
				ConfigStateChecks: watch(transferred(func() int64 { return 12 << 20 })),
				Check:             src.same("one", copied),
			},
			{
				Config:           config(name, first),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: copied, ImportStateVerify: true,
				ImportStateVerifyIdentifierAttribute: "image_id", ImportStateVerifyIgnore: []string{"source"},
			},
			{ // data, a discard, zeros, and what was empty before
				PreConfig: func() {
					src.change("write -P 9 9M 64k", "discard 10M 1M", "write -z 0 64k", "write -P 4 5M 12k", "discard 11M 4k")
					src.snapshot("two")
				},
				Config:           config(name, src.spec+"@two", "verify_content = true"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				ConfigStateChecks: watch(transferred(src.diff("one", "two")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("snapshot"), knownvalue.StringExact(copied+"@two"))),
				Check: resource.ComposeTestCheckFunc(src.same("two", copied), haveSnapshots(t, copied, "one two")),
			},
			{ // grown
				PreConfig: func() {
					src.rbd("resize", "--no-progress", "--size", "41M", src.spec)
					src.change("write -P 5 40M 1M")
					src.snapshot("three")
				},
				Config:            config(name, src.spec+"@three"),
				ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
				ConfigStateChecks: watch(transferred(src.diff("two", "three"))),
				Check:             resource.ComposeTestCheckFunc(src.same("three", copied), haveSnapshots(t, copied, "two three")),
			},
			{ // cut off in the middle of an object, and grown again, and all of it gone
				PreConfig: func() {
					src.rbd("resize", "--no-progress", "--allow-shrink", "--size", "10M", src.spec)
					src.rbd("resize", "--no-progress", "--size", "30M", src.spec)
					src.snapshot("four")
				},
				Config:            config(name, src.spec+"@four", "keep_snapshots = 3", "protected = false"),
				ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
				ConfigStateChecks: watch(transferred(src.diff("three", "four"))),
				Check:             resource.ComposeTestCheckFunc(src.same("four", copied), haveSnapshots(t, copied, "two three four")),
			},
			{ // the source's snapshot is gone: no change; what is kept changes in place
				PreConfig:        func() { src.rbd("snap", "rm", "--no-progress", src.spec+"@four") },
				Config:           config(name, src.spec+"@four", "keep_snapshots = 1"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            haveSnapshots(t, copied, "four"),
			},
			{
				Config:           config(name, src.spec+"@four", "keep_snapshots = 1"),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{ // nothing tells what has changed since: all is compared, in place
				PreConfig: func() {
					src.change("write -P 6 1M 1M", "discard 4M 4M", "write -P 5 8M 4k")
					src.snapshot("five")
				},
				Config:            config(name, src.spec+"@five"),
				ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
				ConfigStateChecks: watch(),
				Check:             resource.ComposeTestCheckFunc(src.same("five", copied), haveSnapshots(t, copied, "four five")),
			},
			{ // a name that is used again and again
				PreConfig: func() {
					src.rbd("snap", "rm", "--no-progress", src.spec+"@five")
					src.change("write -P 7 12M 64k", "write -z 1M 64k")
					src.rbd("resize", "--no-progress", "--allow-shrink", "--size", "13M", src.spec)
					src.snapshot("five")
				},
				Config:            config(name, src.spec+"@five", "verify_content = true"),
				ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate),
				ConfigStateChecks: watch(),
				Check: resource.ComposeTestCheckFunc(src.same("five", copied), func(*terraform.State) error {
					if got := strings.Fields(snapshots(t, copied)); len(got) != 2 || !strings.HasPrefix(got[0], "five.") || got[1] != "five" {
						return fmt.Errorf("it has the snapshots %s", got)
					}
					return nil
				}),
			},
		},
	})
}

// Sizes that are no whole objects or sectors, none at all, and other layouts.
func TestReplicaLayouts(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	for what, tc := range map[string]struct {
		size, create string
		more         string
		write        []string
		grow         string
	}{
		"empty":        {size: "0B", grow: "9M"},
		"odd":          {size: "5243393B", grow: "9437697B", write: []string{"write -P 1 4M 1049088"}},
		"no-fast-diff": {size: "12M", create: "--image-feature layering", write: []string{"write -P 1 4M 4k"}, grow: "14M", more: `features = ["layering"]`},
		"objects":      {size: "12M", create: "--object-size 64K", write: []string{"write -P 1 4000k 300k"}, grow: "14M", more: `object_size = "8MiB"`},
		"striped":      {size: "24M", create: "--stripe-unit 65536 --stripe-count 3", write: []string{"write -P 1 4000k 300k", "write -P 2 20M 64k"}, grow: "26M"},
	} {
		t.Run(what, func(t *testing.T) {
			src := newSource(t, name+what, tc.size, strings.Fields(tc.create)...)
			if tc.write != nil {
				src.change(tc.write...)
			}
			first, copied := src.snapshot("a"), "vms/"+name+what
			providertest.Run(t, resource.TestCase{
				CheckDestroy: providertest.Gone(t, name+what),
				Steps: []resource.TestStep{
					{Config: config(name+what, first, "verify_content = true", tc.more), Check: src.same("a", copied)},
					{
						PreConfig: func() {
							src.rbd("resize", "--no-progress", "--size", tc.grow, src.spec)
							src.change("write -P 7 8M 100k", "write -P 8 100k 4k")
							src.snapshot("b")
						},
						Config:           config(name+what, src.spec+"@b", "verify_content = true", tc.more),
						ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
						Check:            src.same("b", copied),
					},
					{
						PreConfig: func() {
							src.change("write -P 9 8M 4k", "discard 4M 4M")
							src.rbd("resize", "--no-progress", "--allow-shrink", "--size", "8393216B", src.spec)
							src.snapshot("c")
						},
						Config:           config(name+what, src.spec+"@c", "verify_content = true", tc.more),
						ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
						Check:            src.same("c", copied),
					},
				},
			})
		})
	}
}

// What a clone has from its parent belongs to its content.
func TestReplicaOfAClone(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	parent := newSource(t, name+"-parent", "16M")
	parent.change("write -P 1 0 16M")
	parent.snapshot("s")
	src := source{t: t, spec: "images/" + name + "-source"}
	src.rbd("clone", "--rbd-default-clone-format", "2", parent.spec+"@s", src.spec)
	src.change("write -P 2 5M 1M", "discard 8M 4M")
	first, copied := src.snapshot("a"), "vms/"+name
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, first), Check: src.same("a", copied)},
			{ // the parent's end is no longer seen, though nothing was written
				PreConfig: func() {
					src.rbd("resize", "--no-progress", "--allow-shrink", "--size", "13M", src.spec)
					src.rbd("resize", "--no-progress", "--size", "16M", src.spec)
					src.change("discard 0 4M")
					src.snapshot("b")
				},
				Config:           config(name, src.spec+"@b"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            src.same("b", copied),
			},
			{
				PreConfig: func() {
					src.rbd("flatten", "--no-progress", src.spec)
					src.change("write -P 3 1M 4k")
					src.snapshot("c")
				},
				Config:           config(name, src.spec+"@c"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            src.same("c", copied),
			},
		},
	})
}

// Whatever is not a later snapshot of what was copied is a new image.
func TestReplicaOfAnotherImage(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	src := newSource(t, name, "8M")
	src.snapshot("old")
	src.change("write -P 1 0 1M")
	src.snapshot("a")
	other := newSource(t, name+"-other", "8M")
	other.change("write -P 2 0 1M")
	other.snapshot("a")
	copied := "vms/" + name
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, src.spec+"@a"), Check: src.same("a", copied)},
			{
				Config:           config(name, other.spec+"@a"),
				ConfigPlanChecks: plans(plancheck.ResourceActionDestroyBeforeCreate),
				Check:            other.same("a", copied),
			},
			{
				Config:           config(name, src.spec+"@a"),
				ConfigPlanChecks: plans(plancheck.ResourceActionDestroyBeforeCreate),
				Check:            src.same("a", copied),
			},
			{ // an older one
				Config:           config(name, src.spec+"@old"),
				ConfigPlanChecks: plans(plancheck.ResourceActionDestroyBeforeCreate),
				Check:            src.same("old", copied),
			},
			{ // the name moves on: the same name, another snapshot
				PreConfig: func() {
					src.rbd("snap", "rename", src.spec+"@old", src.spec+"@before")
					src.snapshot("old")
				},
				Config:           config(name, src.spec+"@old", "keep_snapshots = 2"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            resource.ComposeTestCheckFunc(src.same("old", copied), haveSnapshots(t, copied, "before old")),
			},
			{ // another name, the same snapshot
				PreConfig:        func() { src.rbd("snap", "rename", src.spec+"@old", src.spec+"@new") },
				Config:           config(name, src.spec+"@new", "keep_snapshots = 2"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            resource.ComposeTestCheckFunc(src.same("new", copied), haveSnapshots(t, copied, "before new")),
			},
			{ // the copy's snapshot is gone
				PreConfig: func() {
					acctest.RBD(t, "snap", "unprotect", copied+"@new")
					acctest.RBD(t, "snap", "rm", "--no-progress", copied+"@new")
				},
				Config:           config(name, src.spec+"@new", "keep_snapshots = 2"),
				ConfigPlanChecks: plans(plancheck.ResourceActionDestroyBeforeCreate),
				Check:            src.same("new", copied),
			},
		},
	})
}

func refused(pattern string) *regexp.Regexp {
	return regexp.MustCompile("(?is)" + strings.ReplaceAll(pattern, " ", `\s+`))
}

// The snapshot may be made in the same run, and the copy cloned.
func TestReplicaInAChain(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	chain := func(snapshot string) string {
		return strings.ReplaceAll(`
resource "rbd_image" "source" {
  pool = "images"
  name = "NAME-source"
  size = "8MiB"
}

resource "rbd_snapshot" "source" {
  image = rbd_image.source.spec
  name  = "`+snapshot+`"
  lifecycle { create_before_destroy = true }
}

resource "rbd_image_replica" "test" {
  name   = "NAME"
  source = { snapshot = rbd_snapshot.source.spec }
}

resource "rbd_image" "clone" {
  name   = "NAME-clone"
  parent = rbd_image_replica.test.snapshot
}
`, "NAME", name)
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: chain("a"), Check: haveSnapshots(t, "vms/"+name, "a")},
			{
				Config:           chain("a"),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{
				Config:           chain("b"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				// The clone moves on while a is still there.
				Check: haveSnapshots(t, "vms/"+name, "a b"),
			},
			{
				Config:           chain("b"),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{
				Config:           chain("c"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            haveSnapshots(t, "vms/"+name, "b c"),
			},
		},
	})
}
