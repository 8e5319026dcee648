// SPDX-License-Identifier: MPL-2.0

package bootcheck_test

import (
	"fmt"
	"net"
	"path/filepath"
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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "rbd_guest_boot_check.test"

func check(snapshot string, more ...string) string {
	return fmt.Sprintf("resource \"rbd_guest_boot_check\" \"test\" {\n  snapshot = %q\n  memory = \"256MiB\"\n  %s\n}\n", snapshot, strings.Join(more, "\n  "))
}

// guest imports the lab's ext4 guest with files of its own, and takes the
// snapshot golden.
func guest(t *testing.T, spec string, files map[string]string) {
	t.Helper()
	guesttest.Import(t, spec, files)
	acctest.RBD(t, "snap", "create", "--no-progress", spec+"@golden")
}

func planned(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return providertest.Expect(
		plancheck.ExpectResourceAction(address, action),
		plancheck.ExpectUnknownValue(address, tfjsonpath.New("seconds")),
	)
}

func text(attribute, pattern string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), knownvalue.StringRegexp(regexp.MustCompile(pattern)))
}

// untouched expects that nobody has the image open, and that nothing was
// written to it.
func untouched(t *testing.T, spec string) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		if out := acctest.RBD(t, "status", spec); !strings.Contains(out, "Watchers: none") {
			return fmt.Errorf("%s is watched: %s", spec, out)
		}
		if out := acctest.RBD(t, "diff", "--from-snap", "golden", spec); strings.Contains(out, "data") {
			return fmt.Errorf("%s was written to: %s", spec, out)
		}
		return nil
	}
}

func TestBootCheckLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	disk(t, spec, guesttest.Sector(t, "\r\n\x1b[1;31mTINY\x1b[0m-COLOURED\a and no end", "\r\nREADY host=tiny\r\n", "seed"))
	userData := []string{`console_pattern = "^READY host=tiny"`, `user_data = "hello, user data"`, `disk_bus = "virtio"`}
	providertest.Run(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config: check(spec+"@golden", userData...),
				ConfigStateChecks: []statecheck.StateCheck{
					text("line", `^READY host=tiny$`), text("console", `(?s)^SEED hello, user data\nTINY-COLOURED and no end\nREADY host=tiny\n`),
					text("accelerator", "^tcg$"), text("spec", "@golden$"),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("banner"), knownvalue.Null()),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("seconds"), knownvalue.NotNull()),
				},
				Check: untouched(t, spec),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: spec + "@golden",
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "snapshot_id",
				ImportStateVerifyIgnore: []string{
					"console_pattern", "user_data", "memory", "cpus", "disk_bus", "boot_timeout",
					"accelerator", "seconds", "line", "console",
				},
			},
			{
				Config:           check(spec+"@golden", append(userData, "timeouts = {\n create = \"20m\"\n }")...),
				ConfigPlanChecks: providertest.Expect(providertest.Plans(address, "seconds", knownvalue.NotNull())),
			},
			{ // a prompt, which has no end; and a seed in secret, which is booted again when its version changes
				Config:           check(spec+"@golden", `console_pattern = "no end$"`, `user_data_wo = "hello, secret data"`, `user_data_wo_version = 1`),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					text("console", `(?m)^SEED hello, secret data`), text("line", `^TINY-COLOURED and no end$`),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("user_data_wo"), knownvalue.Null()),
				},
				Check: untouched(t, spec),
			},
			{
				Config:           check(spec+"@golden", `console_pattern = "no end$"`, `user_data_wo = "hello, other data"`, `user_data_wo_version = 1`),
				ConfigPlanChecks: providertest.Nothing(),
			},
			{
				Config:            check(spec+"@golden", `console_pattern = "no end$"`, `user_data_wo = "hello, other data"`, `user_data_wo_version = 2`),
				ConfigPlanChecks:  planned(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{text("console", `(?m)^SEED hello, other data`)},
			},
			{
				Config:      check(spec+"@golden", `console_pattern = "no end$"`, `user_data_wo = "hello"`),
				ExpectError: regexp.MustCompile(`is\s+nothing\s+without\s+user_data_wo_version`),
			},
			{
				Config:      check(spec+"@golden", `console_pattern = "no end$"`, `user_data = "hello"`, `user_data_wo = "hello"`, `user_data_wo_version = 1`),
				ExpectError: regexp.MustCompile(`can't\s+be\s+given\s+beside\s+user_data_wo`),
			},
			{ // renamed: the same snapshot
				PreConfig:        func() { acctest.RBD(t, "snap", "rename", spec+"@golden", spec+"@best") },
				Config:           check(spec+"@best", `console_pattern = "no end$"`, `user_data_wo = "hello, other data"`, `user_data_wo_version = 2`),
				ConfigPlanChecks: providertest.Expect(providertest.Plans(address, "line", knownvalue.NotNull())),
			},
			{ // another one of the same name
				PreConfig: func() {
					acctest.RBD(t, "snap", "rm", "--no-progress", spec+"@best")
					acctest.RBD(t, "snap", "create", "--no-progress", spec+"@best")
				},
				Config: check(spec+"@best", `console_pattern = "COLOURED"`, `triggers = { kernel = "6.1" }`), PlanOnly: true, ExpectNonEmptyPlan: true,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate),
					plancheck.ExpectUnknownValue(address, tfjsonpath.New("seconds")),
				}},
			},
			{
				PreConfig:   func() { acctest.RBD(t, "snap", "rm", "--no-progress", spec+"@best") },
				Config:      check(spec+"@best", `console_pattern = "COLOURED"`),
				ExpectError: regexp.MustCompile(`(?s)Unable to plan a boot.*rbd\s+snap\s+ls`),
			},
		},
	})
}

// A guest that does not come up fails the apply, which says what it saw.
func TestBootCheckFailures(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	disk(t, spec, guesttest.Sector(t, "emergency mode: no disk\r\n", ""))
	off := spec + "-off"
	disk(t, off, guesttest.Sector(t, "going down\r\n", "", "off"))
	filling := spec + "-filling"
	disk(t, filling, guesttest.Sector(t, "going to fill\r\n", "", "fill"))
	limited := strings.Replace(providertest.Provider(), "guestfs = {", "guestfs = {\n    max_overlay_size = \"4MiB\"", 1)
	golden := spec + "@golden"
	providertest.Run(t, resource.TestCase{
		CheckDestroy: resource.ComposeAggregateTestCheckFunc(untouched(t, spec), untouched(t, off), untouched(t, filling)), // none of it leaves anything
		Steps: []resource.TestStep{
			{Config: check(golden), ExpectError: regexp.MustCompile(`(?s)console_pattern.*ssh_banner|ssh_banner.*console_pattern`)},
			{Config: check(golden, `console_pattern = "("`), ExpectError: regexp.MustCompile(`Not a regular expression`)},
			{Config: check(golden, `ssh_banner = "SSH"`, `network = "none"`), ExpectError: regexp.MustCompile(`No network for ssh`)},
			{Config: check(spec, `console_pattern = "x"`), ExpectError: regexp.MustCompile(`a\s+snapshot\s+is\s+wanted`)},
			{Config: check(golden, `console_pattern = "x"`, `boot_timeout = "0s"`), ExpectError: regexp.MustCompile(`No time`)},
			{
				Config:      check(golden, `console_pattern = "^never$"`, `ssh_banner = "OpenSSH"`, `boot_timeout = "3s"`),
				ExpectError: regexp.MustCompile(`(?s)did\s+not\s+come\s+up.*no\s+line\s+of\s+its\s+console.*no\s+ssh\s+banner\s+came.*boot_timeout\s+has\s+passed.*Raise\s+boot_timeout`),
			},
			{
				Config:      check(golden, `console_pattern = "^never$"`, `failure_pattern = "emergency mode"`),
				ExpectError: regexp.MustCompile(`(?s)console\s+shows\s+a\s+failure.*emergency mode: no disk`),
			},
			{
				Config:      check(off+"@golden", `console_pattern = "^never$"`),
				ExpectError: regexp.MustCompile(`(?s)emu\s+ended\s+before.*going down`),
			},
			{ // a guest that writes without an end
				Config:      limited + check(filling+"@golden", `console_pattern = "^never$"`),
				ExpectError: regexp.MustCompile(`(?s)ore\s+is\s+written\s+than\s+may\s+be.*at\s+most\s+4194304.*raise\s+max_overlay_size.*going to fill`),
			},
		},
	})
}

// An ssh banner counts, not a TCP connection; the guest reaches nothing outside unless
// that is asked for; and it has the seed. A boot check and an edit of one image in one
// run are each seen by the other as a use of the image, and wait.
func TestBootCheckNetwork(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	go func() {
		for {
			c, err := outside.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintln(c, "hello")
			_ = c.Close()
		}
	}()
	files := map[string]string{
		"/etc/banner": "#!/bin/sh\necho welcome\nprintf 'SSH-2.0-tiny\\r\\n'\n",
		"/etc/rc.local": fmt.Sprintf(`#!/bin/sh
for m in failover net_failover virtio_net cdrom isofs; do busybox insmod /etc/$m.ko; done
busybox mount -t iso9660 "$(busybox findfs LABEL=cidata)" /opt
busybox ip link set eth0 up
busybox ip addr add 10.0.2.15/24 dev eth0
echo "SEED $(busybox cat /opt/user-data)"
echo "OUTSIDE $(busybox nc -w 5 10.0.2.2 %d </dev/null || echo blocked)"
busybox sleep 3
busybox nc -ll -p 22 -e /etc/banner &
`, outside.Addr().(*net.TCPAddr).Port),
	}
	kernel := strings.TrimSpace(guesttest.Run(t, guesttest.Lab(t, "guest", "kernel-version")))
	for _, module := range []string{"drivers/net/net_failover", "net/core/failover", "drivers/net/virtio_net", "drivers/cdrom/cdrom", "fs/isofs/isofs"} {
		// Debian 13 has them packed.
		files["/etc/"+filepath.Base(module)+".ko"] = guesttest.Run(t, "sh", "-c", `if [ -e "$1.xz" ]; then xz -dc "$1.xz"; else cat "$1"; fi`, "sh",
			"/lib/modules/"+kernel+"/kernel/"+module+".ko")
	}
	guest(t, spec, files)
	providertest.Run(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config: check(spec+"@golden", `ssh_banner = "^SSH-2\\.0-"`, `user_data = "hello, user data"`),
				ConfigStateChecks: []statecheck.StateCheck{
					text("banner", "^SSH-2.0-tiny$"), text("console", "OUTSIDE .*blocked"), text("console", `(?s)TINY-ROOT-KIB \d+\n.*SEED hello, user data\n`),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("line"), knownvalue.Null()),
				},
				Check: untouched(t, spec),
			},
			{
				Config: check(spec+"@golden", `ssh_banner = "tiny"`, `console_pattern = "OUTSIDE hello"`, `network = "outside"`) + fmt.Sprintf(
					"resource \"rbd_guest_file_edit\" \"test\" {\n  image = %q\n  files = {\n    \"/etc/motd\" = { content = \"edited\\n\" }\n  }\n}\n", spec),
				ConfigPlanChecks:  planned(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{text("line", "OUTSIDE hello"), text("banner", "tiny")},
				Check: func(*terraform.State) error {
					if out := acctest.RBD(t, "diff", "--from-snap", "golden", spec); !strings.Contains(out, "data") {
						return fmt.Errorf("the edit has written nothing: %s", out)
					}
					if out := acctest.RBD(t, "snap", "ls", "--all", spec); strings.Contains(out, "terraform-undo") {
						return fmt.Errorf("left: %s", out)
					}
					return nil
				},
			},
		},
	})
}
