// SPDX-License-Identifier: MPL-2.0

package replica_test

import (
	"errors"
	"fmt"
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

// Somebody's writes are not overwritten, and their clones not lost.
func TestReplicaKeepsWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	src := newSource(t, name, "8M")
	src.change("write -P 1 0 1M")
	src.snapshot("a")
	copied := "vms/" + name
	const keep = "keep_snapshots = 1"
	var end func() // of somebody's watch
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, src.spec+"@a", keep), Check: src.same("a", copied)},
			{ // drift: it is told, and nothing is done about it
				PreConfig:        func() { change(t, nil, copied, "write -P 3 4M 4k") },
				Config:           config(name, src.spec+"@a", keep),
				ConfigPlanChecks: providertest.Nothing(),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("modified"), knownvalue.Bool(true)),
				},
			},
			{
				PreConfig: func() {
					src.change("write -P 2 0 4k")
					src.snapshot("b")
				},
				Config: config(name, src.spec+"@b", keep), PlanOnly: true,
				ExpectError: refused("source.snapshot.*" + copied + ".*somebody wrote to the replica since"),
			},
			{
				PreConfig:        func() { acctest.RBD(t, "snap", "rollback", "--no-progress", copied+"@a") },
				Config:           config(name, src.spec+"@b", keep),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("modified"), knownvalue.Bool(false)),
				},
				Check: src.same("b", copied),
			},
			{ // somebody has it open
				PreConfig: func() {
					src.snapshot("b2")
					end = acctest.Watch(t, copied)
				},
				Config: config(name, src.spec+"@b2", keep), PlanOnly: true,
				ExpectError: refused("source.snapshot.*" + copied + " is in use: watcher"),
			},
			{
				Config: config(name, src.spec+"@b", keep), Destroy: true,
				ExpectError: refused(copied + " is in use: watcher"),
			},
			{ // somebody's snapshot
				PreConfig: func() {
					end()
					acctest.RBD(t, "snap", "create", "--no-progress", copied+"@theirs")
				},
				Config: config(name, src.spec+"@b", keep), Destroy: true,
				ExpectError: refused(copied + ".* theirs"),
			},
			{
				PreConfig: func() { acctest.RBD(t, "snap", "rm", "--no-progress", copied+"@theirs") },
				Config:    config(name, src.spec+"@b", keep),
			},
			{ // an older snapshot with a child is kept
				PreConfig: func() {
					acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", copied+"@b", copied+"-clone")
					src.change("write -P 4 0 4k")
					src.snapshot("c")
				},
				Config: config(name, src.spec+"@c", keep),
				Check:  resource.ComposeTestCheckFunc(src.same("c", copied), haveSnapshots(t, copied, "b c")),
			},
			{
				Config: config(name, src.spec+"@c", keep), Destroy: true,
				ExpectError: refused("snapshot " + copied + "@b has children: " + copied + "-clone"),
			},
			{ // the next time it is not needed any more
				PreConfig: func() {
					acctest.RBD(t, "rm", "--no-progress", copied+"-clone")
					src.snapshot("d")
				},
				Config: config(name, src.spec+"@d", keep),
				Check:  resource.ComposeTestCheckFunc(src.same("d", copied), haveSnapshots(t, copied, "d")),
			},
			{ // somebody took the next name
				PreConfig: func() {
					src.snapshot("e")
					acctest.RBD(t, "snap", "create", "--no-progress", copied+"@e")
				},
				Config: config(name, src.spec+"@e", keep), PlanOnly: true,
				ExpectError: refused("snapshot " + copied + "@e: name is already taken"),
			},
			{
				PreConfig: func() { acctest.RBD(t, "snap", "rm", "--no-progress", copied+"@e") },
				Config:    config(name, src.spec+"@e", keep),
				Check:     src.same("e", copied),
			},
		},
	})
}

// What a destroy leaves, where it is asked to leave something.
func TestReplicaOnDestroy(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	src := newSource(t, name, "8M")
	src.change("write -P 1 0 1M")
	src.snapshot("a")
	copied := "vms/" + name
	with := func(onDestroy string) string {
		return config(name, src.spec+"@a", "on_destroy = \""+onDestroy+"\"", `timeouts = { create = "5m" }`)
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(*terraform.State) error {
			for line := range strings.Lines(acctest.RBD(t, "trash", "ls", "vms")) {
				if f := strings.Fields(line); len(f) > 1 && f[1] == name {
					acctest.RBD(t, "trash", "restore", "vms/"+f[0])
					return src.same("a", copied)(nil)
				}
			}
			return errors.New("it is not in the trash")
		},
		Steps: []resource.TestStep{
			{ // no time at all: nothing is left
				Config:      strings.Replace(with("retain"), `"5m"`, `"1ms"`, 1),
				ExpectError: refused("deadline|in time"),
			},
			{
				PreConfig: func() {
					if err := providertest.Gone(t, name)(nil); err != nil {
						t.Error(err)
					}
				},
				Config: with("retain"), Check: src.same("a", copied),
			},
			{Config: with("retain"), Destroy: true},
			{ // all is there, and can be taken back
				PreConfig: func() {
					if got := snapshots(t, copied); got != "a" {
						t.Errorf("it has the snapshots %s", got)
					}
				},
				Config: with("trash"), ResourceName: address, ImportState: true, ImportStateId: copied, ImportStatePersist: true,
			},
			{
				Config:           with("trash"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            src.same("a", copied),
			},
		},
	})
}

func TestReplicaRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	src := newSource(t, name, "8M")
	src.snapshot("a")
	acctest.RBD(t, "create", "--size", "8M", "vms/"+name+"-taken")
	other := strings.ReplaceAll(acctest.FSID(t), acctest.FSID(t)[:8], "00000000")
	for what, tc := range map[string]struct{ config, want string }{
		"no snapshot":    {config(name, src.spec+"@nothing"), `snapshot not found`},
		"no image":       {config(name, src.spec+"-nothing@a"), `image not found`},
		"no pool":        {config(name, "nothing/x@a"), `pool not found`},
		"not a snapshot": {config(name, src.spec), `a snapshot is wanted`},
		"taken":          {config(name+"-taken", src.spec+"@a"), `name is already taken`},
		"none kept":      {config(name, src.spec+"@a", "keep_snapshots = 0"), `at least 1`},
		"wrong fsid": {strings.ReplaceAll(config(name, src.spec+"@a"), "@a\"", "@a\", fsid = \""+other+"\""),
			`source is in another cluster.*` + other},
		"unreachable": {strings.ReplaceAll(config(name, src.spec+"@a"), "@a\"", "@a\", monitors = [\"v2:127.0.0.1:1\"]"), `could not be reached`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: tc.config, PlanOnly: true, ExpectError: refused(tc.want),
			}}})
		})
	}
	t.Run("import of another image", func(t *testing.T) {
		providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
			Config: config(name+"-taken", src.spec+"@a"), ResourceName: address, ImportState: true, ImportStateId: "vms/" + name + "-taken",
			ExpectError: refused(`not a replica made by this provider`),
		}}})
	})
}

// A snapshot that is replaced in the same run is copied, and cloned, as it will
// be then.
func TestReplicaOfReplacedSnapshot(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	src := newSource(t, name, "8M")
	snapshot := fmt.Sprintf("resource \"rbd_snapshot\" \"source\" {\n  image = %q\n  name  = \"one\"\n}\n", src.spec)
	const after = "depends_on = [rbd_snapshot.source]"
	both := config(name, src.spec+"@one", after) +
		fmt.Sprintf("resource \"rbd_image\" \"clone\" {\n  name   = %q\n  parent = %q\n  %s\n}\n", name+"-clone", src.spec+"@one", after)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: snapshot},
			{
				PreConfig:        func() { src.change("write -P 1 0 1M") },
				Taint:            []string{"rbd_snapshot.source"},
				Config:           snapshot + both,
				ConfigPlanChecks: plans(plancheck.ResourceActionCreate),
				Check:            src.same("one", "vms/"+name),
			},
		},
	})
}
