// SPDX-License-Identifier: MPL-2.0

package mirrorpool_test

import (
	"encoding/base64"
	"fmt"
	"os"
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

const address = "rbd_mirror_pool.test"

// provider is who may change what the monitors keep.
const provider = "provider \"rbd\" {\n  ceph = {\n    user = \"admin\"\n  }\n}\n"

func admin(t *testing.T, args ...string) string {
	t.Helper()
	out, err := acctest.RBDIn([]string{"CEPH_ARGS=--id admin"}, args...)
	if err != nil {
		t.Fatalf("rbd %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// newPool makes a pool that is not mirrored.
func newPool(t *testing.T) string {
	t.Helper()
	acctest.RequireLab(t)
	pool := providertest.Name(t)
	ceph := func(args ...string) {
		cmd := exec.Command("ceph", args...)
		cmd.Env = append(os.Environ(), "CEPH_ARGS=--id admin")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ceph %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	ceph("osd", "pool", "create", pool, "1")
	t.Cleanup(func() { ceph("osd", "pool", "rm", pool, pool, "--yes-i-really-really-mean-it") })
	admin(t, "pool", "init", pool)
	return pool
}

func mirrored(pool string, more ...string) string {
	return provider + fmt.Sprintf("resource \"rbd_mirror_pool\" \"test\" {\n  pool = %q\n  %s\n}\n", pool, strings.Join(more, "\n  "))
}

const (
	someKey = "AQBrfgprVIKAFRAA/Tvx4QwytDNK2oP5sZBxBw=="
	noKey   = "c2VjcmV0LWtleQ=="
)

// peer has a token that the monitors of the lab refuse.
func peer(fsid, key string) string {
	monitors, _ := exec.Command("ceph-conf", "--lookup", "mon_host").Output()
	token := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"fsid":%q,"client_id":"a","key":%q,"mon_host":%q}`, fsid, key, strings.TrimSpace(string(monitors))))
	return fmt.Sprintf("peer = {\n    bootstrap_token_wo         = %q\n    bootstrap_token_wo_version = 1\n  }", token)
}

func refused(text string) *regexp.Regexp {
	return regexp.MustCompile(`(?is)` + strings.ReplaceAll(text, " ", `\s+`))
}

func has(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
}

// A pool is enabled and named, imported, brought back after others have changed it, and
// not disabled while it mirrors.
func TestMirrorPoolLife(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	site := strings.TrimSpace(strings.TrimPrefix(strings.Split(admin(t, "mirror", "pool", "info", acctest.MirrorPool), "\n")[1], "Site Name:"))
	named := mirrored(pool, fmt.Sprintf("site_name = %q", site))
	exactly := knownvalue.StringExact
	updates := providertest.Expect(plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate))
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(*terraform.State) error {
			if out := admin(t, "mirror", "pool", "info", pool); !strings.Contains(out, "Mode: disabled") {
				return fmt.Errorf("not disabled: %s", out)
			}
			return nil
		},
		Steps: []resource.TestStep{
			{
				Config: mirrored(pool),
				ConfigStateChecks: []statecheck.StateCheck{
					has("mode", exactly("image")), has("spec", exactly(pool)), has("site_name", exactly(site)), has("peer", knownvalue.Null()), has("peers", knownvalue.ListExact(nil)),
				},
			},
			{Config: named, ConfigPlanChecks: providertest.Expect(plancheck.ExpectEmptyPlan())},
			{ResourceName: address, ImportState: true, ImportStateId: pool, ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "spec", Config: named},
			{ResourceName: address, ImportState: true, ImportStateId: "vms", ExpectError: refused("the pool is not mirrored"), Config: named},
			{
				PreConfig:        func() { admin(t, "mirror", "pool", "enable", pool, "pool") },
				Config:           named,
				ConfigPlanChecks: updates,
			},
			{
				PreConfig: func() { admin(t, "mirror", "pool", "disable", pool) },
				Config:    named, ConfigPlanChecks: providertest.Expect(providertest.Creates(address)),
			},
			{
				PreConfig: func() {
					admin(t, "namespace", "create", pool+"/ns")
					admin(t, "mirror", "pool", "enable", pool+"/ns", "image")
					admin(t, "create", "--size", "1M", pool+"/ns/a")
					admin(t, "mirror", "image", "enable", pool+"/ns/a", "snapshot")
				},
				Config: named, Destroy: true, ExpectError: refused("images are mirrored: " + pool + "/ns/a"),
			},
			{
				PreConfig: func() { admin(t, "mirror", "image", "disable", pool+"/ns/a") },
				Config:    named, ConfigPlanChecks: providertest.Expect(plancheck.ExpectEmptyPlan()),
			},
		},
	})
}

// What can't be done is refused in the plan.
func TestMirrorPoolRefusals(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	fsid := acctest.FSID(t)
	var steps []resource.TestStep
	for _, r := range []struct{ config, want string }{
		{mirrored(pool + "-absent"), `pool not found`},
		{mirrored(pool, `namespace = "absent"`), `namespace not found`},
		{mirrored(pool, `namespace = "a"`, `site_name = "dc1"`), `over the peers of its pool`},
		{mirrored(pool, `namespace = "a"`, peer("00000000-0000-4000-8000-000000000000", someKey)), `over the peers of its pool`},
		{mirrored(pool, `mode = "pool"`), `Not by image.*journaling`},
		{mirrored(pool, `mode = "disabled"`), `Leave the resource out`},
		{mirrored(pool, `site_name = " "`), `it is empty`},
		{mirrored(pool, peer(fsid, someKey)), `this cluster's own`},
		{mirrored(pool, peer("00000000-0000-4000-8000-000000000000", noKey)), `not a bootstrap token`},
		{mirrored(pool, "peer = {\n    bootstrap_token_wo         = \"bm8=\"\n    bootstrap_token_wo_version = 1\n  }"), `not a bootstrap token`},
		{mirrored(pool, "peer = {\n    bootstrap_token_wo_version = 1\n  }"), `there is no token`},
		{mirrored(pool, `site_name = "dc1"`) + strings.ReplaceAll(strings.TrimPrefix(mirrored("vms", `site_name = "dc7"`), provider), `"test"`, `"other"`), `another site name`},
		{mirrored(acctest.MirrorPool), `is mirrored already.*terraform import`},
		{provider + "ephemeral \"rbd_mirror_bootstrap_token\" \"test\" {\n  pool = \"vms\"\n}\n", `the pool is not mirrored`},
	} {
		steps = append(steps, resource.TestStep{Config: r.config, PlanOnly: true, ExpectError: refused(r.want)})
	}
	steps = append(steps,
		// What fails leaves the pool as it was.
		resource.TestStep{Config: mirrored(pool, peer("00000000-0000-4000-8000-000000000000", someKey)), ExpectError: refused(`could not be asked`)},
		resource.TestStep{
			PreConfig: func() {
				if out := admin(t, "mirror", "pool", "info", pool); !strings.Contains(out, "Mode: disabled") {
					t.Errorf("after what failed: %s", out)
				}
			},
			Config: mirrored(pool, `on_destroy = "retain"`),
		},
	)
	providertest.Run(t, resource.TestCase{
		Steps: steps,
		CheckDestroy: func(*terraform.State) error {
			if out := admin(t, "mirror", "pool", "info", pool); !strings.Contains(out, "Mode: image") {
				return fmt.Errorf("not retained: %s", out)
			}
			return nil
		},
	})
}
