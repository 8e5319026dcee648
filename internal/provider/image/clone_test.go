// SPDX-License-Identifier: MPL-2.0

package image_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// golden makes an image with a protected snapshot that no resource has.
func golden(t *testing.T, name string) (snapshot string) {
	t.Helper()
	acctest.RBD(t, "create", "--size", "8M", "images/"+name)
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "4K", "--io-total", "16K", "images/"+name)
	acctest.RBD(t, "snap", "create", "--no-progress", "images/"+name+"@v1")
	acctest.RBD(t, "snap", "protect", "images/"+name+"@v1")
	return "images/" + name + "@v1"
}

func clone(name, parent string, more ...string) string {
	return fmt.Sprintf("resource \"rbd_image\" \"test\" {\n  name = %q\n  parent = %q\n%s\n}\n", name, parent, strings.Join(more, "\n"))
}

// compareID makes checks that the image's id is the same in all steps that have
// one.
func compareID() func() statecheck.StateCheck {
	ids := statecheck.CompareValue(equal{})
	return func() statecheck.StateCheck { return ids.AddStateValue(address, tfjsonpath.New("image_id")) }
}

// empty is a step that finds nothing to do.
func empty(config string) resource.TestStep {
	return resource.TestStep{Config: config, ConfigPlanChecks: providertest.Nothing()}
}

func value(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
}

func planned(attribute string, want knownvalue.Check) plancheck.PlanCheck {
	return providertest.Plans(address, attribute, want)
}

// info checks what `rbd info` says, and what it does not say.
func info(t *testing.T, spec string, want acctest.Words) resource.TestCheckFunc {
	return func(*terraform.State) error { return want.In(acctest.RBD(t, "info", spec)) }
}

func TestClone(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	parent := golden(t, name+"-golden")
	sameID := compareID()
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{
				Config:            clone(name, parent),
				ConfigPlanChecks:  providertest.Expect(providertest.Creates(address), planned("size_bytes", knownvalue.Int64Exact(8<<20))),
				ConfigStateChecks: []statecheck.StateCheck{sameID(), value("flatten", knownvalue.Bool(false)), value("size", knownvalue.StringExact("8MiB"))},
				Check:             info(t, "vms/"+name, acctest.Has("size 8 MiB", "parent: "+parent)),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "vms/" + name,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			empty(clone(name, parent)),
			{ // grown in place
				Config:            clone(name, parent, `size = "16MiB"`),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
				Check:             info(t, "vms/"+name, acctest.Has("size 16 MiB", "overlap: 8 MiB")),
			},
			{ // the parent is renamed, image and snapshot: no other parent
				PreConfig: func() {
					acctest.RBD(t, "rename", "images/"+name+"-golden", "images/"+name+"-old")
					acctest.RBD(t, "snap", "rename", "images/"+name+"-old@v1", "images/"+name+"-old@v0")
				},
				Config:            clone(name, "images/"+name+"-old@v0", `size = "16MiB"`),
				ConfigPlanChecks:  providertest.Nothing(),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
			},
			{ // the name that it had is nobody's now
				Config:      clone(name, parent, `size = "16MiB"`),
				ExpectError: regexp.MustCompile(`(?s)In\s+attribute\s+parent.*image\s+not\s+found`),
			},
			{ // not managed: nothing is done to it
				Config:            config(name, "16MiB"),
				ConfigPlanChecks:  providertest.Nothing(),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
			},
			{ // flattened in place
				Config:            clone(name, "images/"+name+"-old@v0", `size = "16MiB"`, "flatten = true"),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{sameID(), value("flatten", knownvalue.Bool(true))},
				Check:             info(t, "vms/"+name, acctest.Has().Lacks("parent")),
			},
			empty(clone(name, "images/"+name+"-old@v0", `size = "16MiB"`, "flatten = true")),
			{ // a clone again is another image
				Config:           clone(name, "images/"+name+"-old@v0", `size = "16MiB"`),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            info(t, "vms/"+name, acctest.Has("parent: images/"+name+"-old@v0")),
			},
			{ // another parent is another image
				PreConfig: func() { golden(t, name+"-new") },
				Config:    clone(name, "images/"+name+"-new@v1"),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address),
					planned("parent", knownvalue.StringExact("images/"+name+"-new@v1"))),
				Check: info(t, "vms/"+name, acctest.Has("parent: images/"+name+"-new@v1", "size 8 MiB")),
			},
		},
	})
}

func TestCloneFlattenedAtOnce(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	parent := golden(t, name+"-golden")
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{
				Config:            clone(name, parent, "flatten = true"),
				ConfigStateChecks: []statecheck.StateCheck{value("flatten", knownvalue.Bool(true)), value("parent", knownvalue.StringExact(parent))},
				Check:             info(t, "vms/"+name, acctest.Has().Lacks("parent")),
			},
			empty(clone(name, parent, "flatten = true")),
		},
	})
}

// Somebody flattens the clone.
func TestCloneDrift(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	parent := golden(t, name+"-golden")
	sameID := compareID()
	flatten := func() { acctest.RBD(t, "flatten", "--no-progress", "vms/"+name) }
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{Config: clone(name, parent), ConfigStateChecks: []statecheck.StateCheck{sameID()}},
			{ // kept as it is
				PreConfig:         flatten,
				Config:            clone(name, parent, "flatten = true"),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
			},
			empty(clone(name, parent, "flatten = true")),
			{
				Config:           clone(name, parent),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            info(t, "vms/"+name, acctest.Has("parent: "+parent)),
			},
			{ // or made anew
				PreConfig:        flatten,
				Config:           clone(name, parent),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            info(t, "vms/"+name, acctest.Has("parent: "+parent)),
			},
		},
	})
}

// The parent's snapshot is removed, as v2 clones allow: the clone is what it was.
func TestCloneOfARemovedSnapshot(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	acctest.RBD(t, "create", "--size", "8M", "images/"+name+"-golden")
	parent := "images/" + name + "-golden@v1"
	acctest.RBD(t, "snap", "create", "--no-progress", parent)
	config := clone(name, parent, "clone_format = 2")
	removed := empty(config)
	removed.PreConfig = func() { acctest.RBD(t, "snap", "rm", "--no-progress", parent) }
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps:        []resource.TestStep{{Config: config}, removed},
	})
}

// A whole lineage in one run, over pools and in a namespace, and a change of
// the parent's name that goes through it.
func TestCloneOfWhatTheSameRunMakes(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	ns := "ns-" + name
	acctest.RBD(t, "namespace", "create", "vms/"+ns)
	t.Cleanup(func() { acctest.RBD(t, "namespace", "remove", "vms/"+ns) })
	lineage := func(parent, snapshot string) string {
		return fmt.Sprintf(`
resource "rbd_image" "golden" {
  pool = "images"
  name = %q
  size = "8MiB"
}

resource "rbd_snapshot" "golden" {
  image          = rbd_image.golden.spec
  name           = %q
  on_name_change = "rename"
}

resource "rbd_image" "test" {
  namespace = %q
  name      = "child"
  parent    = rbd_snapshot.golden.spec

  clone_format = 2
}
`, parent, snapshot, ns)
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{
				Config: lineage(name, "v1"),
				Check:  info(t, "vms/"+ns+"/child", acctest.Has("parent: images/"+name+"@v1")),
			},
			{
				Config: lineage(name+"-2", "v2"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Updates("rbd_image.golden"),
					providertest.Updates("rbd_snapshot.golden"),
					providertest.Updates(address),
				),
				Check: info(t, "vms/"+ns+"/child", acctest.Has("parent: images/"+name+"-2@v2")),
			},
			empty(lineage(name+"-2", "v2")),
			{ // a new golden image takes its clone along
				Taint:  []string{"rbd_image.golden"},
				Config: lineage(name+"-2", "v2"),
				ConfigPlanChecks: providertest.Expect(
					providertest.Replaces("rbd_image.golden"),
					providertest.Replaces("rbd_snapshot.golden"),
					providertest.Replaces(address),
				),
			},
		},
	})
}

func TestCloneRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	parent := golden(t, name+"-golden")
	acctest.RBD(t, "snap", "create", "--no-progress", "images/"+name+"-golden@unprotected")
	ns := "ns-" + name
	acctest.RBD(t, "namespace", "create", "vms/"+ns)
	t.Cleanup(func() { acctest.RBD(t, "namespace", "remove", "vms/"+ns) })
	unprotected := "images/" + name + "-golden@unprotected"
	for what, tc := range map[string]struct{ config, want string }{
		"no parent":         {clone(name, "images/"+name+"-none@v1"), `In attribute parent.*image not found`},
		"no snapshot":       {clone(name, "images/"+name+"-golden@v9"), `In attribute parent.*snapshot not found`},
		"not a snapshot":    {clone(name, "images/"+name), `Not a snapshot spec`},
		"unprotected":       {clone(name, unprotected), `v1 clone needs a protected parent.*clone_format = 2`},
		"smaller":           {clone(name, parent, `size = "4MiB"`), `would shrink.*parent has 8388608`},
		"no layering":       {clone(name, parent, `features = ["exclusive-lock"]`), `needs the feature layering`},
		"nothing to be":     {fmt.Sprintf("resource \"rbd_image\" \"test\" {\n name = %q\n}\n", name), `No size`},
		"nothing flattened": {config(name, "8MiB", "flatten = true"), `flatten needs parent`},
		"over namespaces":   {clone(name, parent, `namespace = "`+ns+`"`), `namespace of its parent.*clone_format = 2`},
		"clone format":      {clone(name, parent, "clone_format = 3"), `value must be one of`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: tc.config, PlanOnly: true, ExpectError: regexp.MustCompile("(?is)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
			}}})
		})
	}
	// What v1 refuses, v2 takes.
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: clone(name, unprotected, "clone_format = 2", "allow_shrink = true", `size = "4MiB"`),
		Check:  info(t, "vms/"+name, acctest.Has("parent: "+unprotected, "size 4 MiB", "op_features: clone-child")),
	}}})
}
