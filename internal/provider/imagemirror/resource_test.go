// SPDX-License-Identifier: MPL-2.0

package imagemirror_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
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

const address = "rbd_image_mirror.test"

func image(name string) string {
	return fmt.Sprintf("resource \"rbd_image\" \"test\" {\n  pool = %q\n  name = %q\n  size = \"8MiB\"\n}\n", acctest.MirrorPool, name)
}

func mirror(image string, more ...string) string {
	return fmt.Sprintf("resource \"rbd_image_mirror\" \"test\" {\n  image = %s\n  %s\n}\n", image, strings.Join(more, "\n  "))
}

// refused matches text across the lines that a diagnostic is wrapped into.
func refused(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)` + strings.ReplaceAll(words, " ", `\s+`))
}

// The mirroring of an image is enabled, changed and imported; what somebody does to it
// shows; it ends with its image in one apply.
func TestImageMirrorLife(t *testing.T) {
	t.Parallel()
	dc2 := acctest.RequireMirror(t)
	name := acctest.Name(t)
	acctest.TidyMirrored(t, dc2, name)
	spec := acctest.MirrorPool + "/" + name
	daily := image(name) + mirror("rbd_image.test.spec", `primary = true`, `schedule = [{ interval = "1d", start_time = "14:00:00+02:00" }]`)
	hourly := image(name) + mirror("rbd_image.test.spec", `primary = true`, `schedule = [{ interval = "1h" }, { interval = "2d" }]`)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(*terraform.State) error {
			if out, err := acctest.TryRBD(t, "info", spec); err == nil {
				return fmt.Errorf("left: %s", out)
			}
			return nil
		},
		Steps: []resource.TestStep{
			{
				Config: daily,
				ConfigPlanChecks: providertest.Expect(
					providertest.Creates(address),
					providertest.Plans(address, "spec", knownvalue.StringExact(spec)),
				),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("mode"), knownvalue.StringExact("snapshot")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("global_id"), knownvalue.NotNull()),
				},
				Check: func(*terraform.State) error {
					return scheduled(t, spec, "1d 14:00:00+02:00")
				},
			},
			{Config: daily, ConfigPlanChecks: providertest.Nothing()},
			{ResourceName: address, ImportState: true, ImportStateId: spec, ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "global_id"},
			{
				Config:           hourly,
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				Check: func(*terraform.State) error {
					return scheduled(t, spec, "1h", "2d")
				},
			},
			{ // somebody changes the schedule
				PreConfig:        func() { scheduleByHand(t, "remove", name, "2d") },
				Config:           hourly,
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
			},
			{ // or ends the mirroring
				PreConfig:        func() { acctest.RBD(t, "mirror", "image", "disable", spec) },
				Config:           hourly,
				ConfigPlanChecks: providertest.Expect(providertest.Creates(address), providertest.Keeps("rbd_image.test")),
			},
			{Config: image(name), ConfigPlanChecks: providertest.Expect(providertest.Destroys(address), providertest.Keeps("rbd_image.test"))},
			{Config: daily}, // and destroy both
		},
	})
}

// scheduled compares what the manager has, in any order.
func scheduled(t *testing.T, spec string, want ...string) error {
	t.Helper()
	pool, name, _ := strings.Cut(spec, "/")
	var got []struct {
		Interval  string `json:"interval"`
		StartTime string `json:"start_time"` // or null
	}
	out := acctest.RBD(t, "mirror", "snapshot", "schedule", "ls", "--pool", pool, "--image", name, "--format", "json")
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		return fmt.Errorf("%w in %q", err, out)
	}
	var schedules []string
	for _, s := range got {
		schedules = append(schedules, strings.TrimSpace(s.Interval+" "+s.StartTime))
	}
	slices.Sort(schedules)
	if !slices.Equal(schedules, want) {
		return fmt.Errorf("scheduled %q, want %q", schedules, want)
	}
	return nil
}

func scheduleByHand(t *testing.T, do, name, interval string) {
	t.Helper()
	acctest.RBD(t, "mirror", "snapshot", "schedule", do, "--pool", acctest.MirrorPool, "--image", name, interval)
}

// What can't be is refused by the plan.
func TestImageMirrorRefused(t *testing.T) {
	t.Parallel()
	dc2 := acctest.RequireMirror(t)
	spec := acctest.Mirrored(t, dc2, "8M")
	there := fmt.Sprintf("%q", spec)
	elsewhere := acctest.Name(t)
	steps := []resource.TestStep{}
	for _, r := range []struct{ config, want string }{
		{mirror(there, `primary = true`, `schedule = [{ interval = "24h" }]`), `notes "24h" as "1d": write that`},
		{mirror(there, `primary = true`, `schedule = [{ interval = "soon" }]`), `must be a number of minutes`},
		{mirror(there, `primary = true`, `schedule = [{ interval = "1d", start_time = "noon" }]`), `must be a time of day`},
		{mirror(there, `primary = true`, `resync = ""`), `length must be at least`},
		{mirror(there, `primary = false`), `image is not mirrored.*same name`},
		{mirror(`"vms/x"`, `primary = true`), `does not mirror by image.*pool enable`},
		{mirror(fmt.Sprintf("%q", spec+"-absent"), `primary = true`), `image not found`},
		{fmt.Sprintf("resource \"rbd_image\" \"other\" {\n  pool = \"vms\"\n  name = %q\n  size = \"8MiB\"\n}\n", elsewhere) + mirror("rbd_image.other.spec", `primary = true`), `does not mirror by image`},
	} {
		steps = append(steps, resource.TestStep{Config: r.config, PlanOnly: true, ExpectError: refused(r.want)})
	}
	steps = append(steps,
		resource.TestStep{
			PreConfig: func() { acctest.RBD(t, "mirror", "image", "enable", spec, "snapshot") },
			Config:    mirror(there, `primary = true`), PlanOnly: true, ExpectError: refused(`mirrored already.*terraform import`),
		},
		resource.TestStep{
			Config: mirror(there, `primary = false`), PlanOnly: true, ExpectError: refused(`is primary in its mirror.*terraform import`),
		},
		resource.TestStep{
			ResourceName: address, ImportState: true, ImportStateId: spec, ImportStatePersist: true,
			Config: mirror(there, `primary = true`),
		},
		resource.TestStep{
			Config:           mirror(there, `primary = true`, `on_destroy = "retain"`),
			ConfigPlanChecks: providertest.Expect(plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)),
		},
		resource.TestStep{
			PreConfig: func() { acctest.Watch(t, spec) },
			Config:    mirror(there, `primary = false`, `on_destroy = "retain"`, `force = true`), PlanOnly: true, ExpectError: refused(`is in use`),
		},
	)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(*terraform.State) error {
			if out := acctest.RBD(t, "info", spec); !strings.Contains(out, "mirroring primary: true") {
				return fmt.Errorf("not retained: %s", out)
			}
			return nil
		},
		Steps: steps,
	})
}
