// SPDX-License-Identifier: MPL-2.0

package image_test

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
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

const (
	allFeatures = `features = ["layering", "deep-flatten", "exclusive-lock", "object-map", "fast-diff", "journaling"]`
	layering    = `features = ["layering"]`
)

func set(names ...string) knownvalue.Check {
	all := make([]knownvalue.Check, len(names))
	for i, n := range names {
		all[i] = knownvalue.StringExact(n)
	}
	return knownvalue.SetExact(all)
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	sameID := compareID()
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{ // what the cluster gives
				Config:            config(name, "8MiB"),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
				Check:             info(t, "vms/"+name, acctest.Has("features: layering, exclusive-lock, object-map, fast-diff, deep-flatten\n")),
			},
			{
				Config:            config(name, "8MiB", allFeatures),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
				Check:             info(t, "vms/"+name, acctest.Has("journaling").Lacks("invalid")),
			},
			{
				Config:            config(name, "8MiB", layering),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address), planned("features", set("layering"))),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
				Check:             info(t, "vms/"+name, acctest.Has("features: layering\n")),
			},
			{ // switched on by somebody: off again
				PreConfig:        func() { acctest.RBD(t, "feature", "enable", "vms/"+name, "exclusive-lock") },
				Config:           config(name, "8MiB", layering),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address), planned("features", set("layering"))),
				Check:            info(t, "vms/"+name, acctest.Has("features: layering\n")),
			},
			{ // the object map is rebuilt, so that it is of use
				Config: config(name, "8MiB", `features = ["layering", "exclusive-lock", "object-map", "fast-diff"]`),
				Check:  info(t, "vms/"+name, acctest.Has("object-map").Lacks("invalid")),
			},
			{ // not named: not managed
				PreConfig:        func() { acctest.RBD(t, "feature", "disable", "vms/"+name, "object-map") },
				Config:           config(name, "8MiB"),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{ // deep-flatten is for a new image alone
				Config:           config(name, "8MiB", `features = ["layering", "deep-flatten"]`),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            info(t, "vms/"+name, acctest.Has("features: layering, deep-flatten\n")),
			},
		},
	})
}

func TestFullCreate(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	full := config(name, "64MiB", layering, `object_size = "1MiB"`, `stripe_unit = "64KiB"`, "stripe_count = 4", `data_pool = "volumes"`,
		`metadata = { team = "web" }`, `conf = { rbd_qos_iops_limit = "500" }`, `on_destroy = "trash"`, `trash_delay = "1h"`)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(s *terraform.State) error {
			if err := providertest.Gone(t, name, "vms", "volumes")(s); err != nil {
				return err
			}
			for id := range acctest.Trash(t, "vms", name) {
				if out, err := acctest.TryRBD(t, "trash", "rm", "--no-progress", "vms/"+id); err == nil {
					return fmt.Errorf("the trash let it go before its time: %s", out)
				}
				return nil
			}
			return fmt.Errorf("not in the trash")
		},
		Steps: []resource.TestStep{
			{
				Config: full,
				Check: resource.ComposeTestCheckFunc(
					info(t, "vms/"+name, acctest.Has("1 MiB objects", "stripe unit: 64 KiB", "stripe count: 4", "data_pool: volumes")),
					meta(t, name, "conf_rbd_qos_iops_limit", "500"), meta(t, name, "team", "web")),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "vms/" + name,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
				// Which entries are ours, and what is to happen later, no cluster knows.
				ImportStateVerifyIgnore: []string{"metadata", "conf", "on_destroy", "trash_delay"},
			},
			empty(full),
			{
				Config:           strings.Replace(full, "stripe_count = 4", "stripe_count = 8", 1),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            info(t, "vms/"+name, acctest.Has("stripe count: 8")),
			},
		},
	})
}

func meta(t *testing.T, name, key, want string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for line := range strings.Lines(acctest.RBD(t, "image-meta", "list", "vms/"+name)) {
			if f := strings.Fields(line); len(f) == 2 && f[0] == key {
				if f[1] != want {
					return fmt.Errorf("metadata %s is %q, want %q", key, f[1], want)
				}
				return nil
			}
		}
		if want != "" {
			return fmt.Errorf("no metadata %s, want %q", key, want)
		}
		return nil
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	both := config(name, "8MiB", `metadata = { team = "web", tier = "gold" }`, `conf = { rbd_qos_iops_limit = "500", rbd_cache = "false" }`)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{Config: both},
			{ // other people's entries are theirs
				PreConfig: func() {
					acctest.RBD(t, "image-meta", "set", "vms/"+name, "backup", "nightly")
					acctest.RBD(t, "config", "image", "set", "vms/"+name, "rbd_qos_bps_limit", "9000000")
				},
				Config:           both,
				ConfigPlanChecks: providertest.Nothing(),
			},
			{ // ours are put right
				PreConfig: func() {
					acctest.RBD(t, "image-meta", "set", "vms/"+name, "team", "db")
					acctest.RBD(t, "image-meta", "remove", "vms/"+name, "tier")
					acctest.RBD(t, "config", "image", "set", "vms/"+name, "rbd_qos_iops_limit", "1")
				},
				Config: both,
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("metadata").AtMapKey("team"), knownvalue.StringExact("web"))),
				Check: resource.ComposeTestCheckFunc(meta(t, name, "team", "web"), meta(t, name, "tier", "gold"), meta(t, name, "conf_rbd_qos_iops_limit", "500")),
			},
			{ // what is not named any more is removed
				Config: config(name, "8MiB", `metadata = { team = "web" }`),
				Check: resource.ComposeTestCheckFunc(meta(t, name, "team", "web"), meta(t, name, "tier", ""), meta(t, name, "conf_rbd_qos_iops_limit", ""),
					meta(t, name, "backup", "nightly"), meta(t, name, "conf_rbd_qos_bps_limit", "9000000")),
			},
			{Config: config(name, "8MiB"), Check: meta(t, name, "team", "")},
		},
	})
}

func TestShrink(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{Config: config(name, "16MiB")},
			{Config: config(name, "8MiB"), ExpectError: regexp.MustCompile(`(?s)would\s+shrink.*allow_shrink`)},
			{
				Config:           config(name, "8MiB", "allow_shrink = true"),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				Check:            info(t, "vms/"+name, acctest.Has("size 8 MiB")),
			},
			{ // grown by somebody, and said to be put right
				PreConfig:        func() { acctest.RBD(t, "resize", "--no-progress", "--size", "32M", "vms/"+name) },
				Config:           config(name, "8MiB", "allow_shrink = true"),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				Check:            info(t, "vms/"+name, acctest.Has("size 8 MiB")),
			},
		},
	})
}

func TestTrash(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	sameID := compareID()
	inTrash := func(want bool) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if got := len(acctest.Trash(t, "vms", name)) == 1; got != want {
				return fmt.Errorf("in the trash: %v", got)
			}
			return nil
		}
	}
	mv := func() { acctest.RBD(t, "trash", "mv", "vms/"+name) }
	taken := func() { acctest.RBD(t, "create", "--size", "4M", "vms/"+name) }
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{Config: config(name, "8MiB"), ConfigStateChecks: []statecheck.StateCheck{sameID()}},
			{ // moved there by somebody: restored
				PreConfig:         mv,
				Config:            config(name, "8MiB"),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address), planned("trashed", knownvalue.Bool(false))),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
				Check:             resource.ComposeTestCheckFunc(inTrash(false), info(t, "vms/"+name, acctest.Has("size 8 MiB"))),
			},
			{ // restored under another name, and grown on the way
				PreConfig:         mv,
				Config:            config(name+"-2", "16MiB"),
				ConfigPlanChecks:  providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
				Check:             info(t, "vms/"+name+"-2", acctest.Has("size 16 MiB")),
			},
			{
				Config:           config(name, "16MiB", "trashed = true"),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				Check:            inTrash(true),
			},
			empty(config(name, "16MiB", "trashed = true")),
			{
				Config:      config(name, "32MiB", "trashed = true"),
				ExpectError: regexp.MustCompile(`(?s)in\s+the\s+trash\s+can't\s+be\s+changed.*trashed\s+=\s+false`),
			},
			{ // its name was given away
				PreConfig:   taken,
				Config:      config(name, "16MiB"),
				ExpectError: regexp.MustCompile(`name\s+is\s+already\s+taken`),
			},
			{
				PreConfig:         func() { acctest.RBD(t, "rm", "--no-progress", "vms/"+name) },
				Config:            config(name, "16MiB"),
				ConfigStateChecks: []statecheck.StateCheck{sameID()},
			},
			{ // a destroy finds it there
				Config: config(name, "16MiB", "trashed = true"),
			},
		},
	})
	if left := acctest.Trash(t, "vms", name); len(left) > 0 {
		t.Errorf("left in the trash: %v", left)
	}
}

func TestTrashRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{Config: config(name, "8MiB", "trashed = true"), ExpectError: regexp.MustCompile(`A\s+new\s+image\s+can't\s+be\s+in\s+the\s+trash`)},
			{Config: config(name, "8MiB", `trash_delay = "100ms"`), ExpectError: regexp.MustCompile(`whole\s+seconds`)},
			{Config: config(name, "8MiB")},
			{
				PreConfig:   func() { acctest.RBD(t, "lock", "add", "vms/"+name, "backup") },
				Config:      config(name, "8MiB", "trashed = true"),
				ExpectError: regexp.MustCompile(`(?s)In\s+attribute\s+trashed.*is\s+in\s+use.*backup`),
			},
			{
				PreConfig: func() {
					lines := strings.Split(acctest.RBD(t, "lock", "ls", "vms/"+name), "\n")
					acctest.RBD(t, "lock", "rm", "vms/"+name, "backup", strings.Fields(lines[len(lines)-1])[0])
					acctest.RBD(t, "trash", "mv", "--expires-at", "2 days", "vms/"+name)
				},
				Config:      config(name, "8MiB", "trashed = true"),
				Destroy:     true,
				PlanOnly:    true,
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+RBD\s+image.*kept\s+in\s+the\s+trash.*trash\s+rm\s+--force`),
			},
			{Config: config(name, "8MiB")}, // restored
		},
	})
}

func TestLayoutRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	for what, tc := range map[string]struct{ attribute, want string }{
		"unknown feature":     {`features = ["layering", "fastdiff"]`, `"fastdiff" is not one of the features`},
		"object map alone":    {`features = ["object-map", "fast-diff"]`, `object-map needs exclusive-lock`},
		"fast-diff alone":     {`features = ["exclusive-lock", "fast-diff"]`, `switched together`},
		"journaling alone":    {`features = ["layering", "journaling"]`, `journaling needs exclusive-lock`},
		"object size":         {`object_size = "3MiB"`, `power of two`},
		"object size too big": {`object_size = "64MiB"`, `from 4KiB to 32MiB`},
		"stripe unit alone":   {`stripe_unit = "64KiB"`, `stripe_count`},
		"stripe unit":         {"object_size = \"1MiB\"\nstripe_unit = \"768KiB\"\nstripe_count = 2", `does not divide the object size`},
		"data pool":           {`data_pool = "no-such-pool"`, `In attribute data_pool.*pool not found`},
		"own pool":            {"pool = \"vms\"\ndata_pool = \"vms\"", `own pool anyway`},
		"our metadata":        {`metadata = { "terraform-provider-rbd.image" = "x" }`, `this provider's own`},
		"conf in metadata":    {`metadata = { conf_rbd_cache = "x" }`, `goes into conf`},
		"no option":           {`conf = { rbd_nonsense = "1" }`, `"rbd_nonsense" is not an option`},
		"no value":            {`conf = { rbd_qos_iops_limit = "many" }`, `"many" is not a value`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: config(name, "8MiB", tc.attribute), PlanOnly: true,
				ExpectError: regexp.MustCompile("(?is)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
			}}})
		})
	}
}

// Somebody has the image open: the plan of a destroy names the watcher.
func TestImageInUse(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	watch := exec.Command("rbd", "watch", "vms/"+name)
	enter, err := watch.StdinPipe() // it ends when somebody presses enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = enter.Close() })
	refused := func(onDestroy string) resource.TestStep {
		return resource.TestStep{
			Config: config(name, "8MiB", "on_destroy = \""+onDestroy+"\""), Destroy: true, PlanOnly: true,
			ExpectError: regexp.MustCompile(`(?s)is\s+in\s+use:\s+watcher\s+127\.0\.0\.1:\d+/\d+\s+\(client\.\d+\).*rbd\s+status`),
		}
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{Config: config(name, "8MiB")},
			{
				PreConfig: func() {
					out, err := watch.StdoutPipe()
					if err == nil {
						err = watch.Start()
					}
					if err == nil {
						_, err = bufio.NewReader(out).ReadString('\n') // it says so when it watches
					}
					if err != nil {
						t.Fatal(err)
					}
				},
				Config: config(name, "8MiB"), Destroy: true, PlanOnly: true,
				ExpectError: refused("delete").ExpectError,
			},
			{Config: config(name, "8MiB", `on_destroy = "trash"`)},
			refused("trash"),
			{ // in use, it is changed in place all the same
				Config: config(name, "16MiB", `metadata = { team = "web" }`),
				Check:  info(t, "vms/"+name, acctest.Has("size 16 MiB")),
			},
			{
				PreConfig: func() {
					_ = enter.Close()
					_ = watch.Wait()
				},
				Config: config(name, "16MiB"),
			},
		},
	})
}

// A snapshot appears between the plan and the apply.
func TestImageDestroyMeetsARace(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name, "vms", "volumes"),
		Steps: []resource.TestStep{
			{Config: config(name, "8MiB")},
			{
				Config: providertest.Provider(),
				ConfigPlanChecks: providertest.Expect(
					after(func() {
						acctest.RBD(t, "snap", "create", "--no-progress", spec+"@late")
					}),
				),
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+RBD\s+image.*has\s+snapshots:\s+late`),
			},
			{ // the state is right: nothing is to be done
				Config:           config(name, "8MiB"),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{PreConfig: func() { acctest.RBD(t, "snap", "rm", "--no-progress", spec+"@late") }, Config: config(name, "8MiB")},
		},
	})
}

// after is a plan check that does something once the plan is made.
type after func()

func (f after) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	f()
}
