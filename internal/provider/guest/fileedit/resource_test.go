// SPDX-License-Identifier: MPL-2.0

package fileedit_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "rbd_guest_file_edit.test"

// config converts one of the lab's guests and edits it.
func config(name, guest, files string) string {
	return guesttest.Conversion(name, guest) + fmt.Sprintf(`
resource "rbd_guest_file_edit" "test" {
  image = rbd_image_conversion.test.spec
  files = {
%s
  }
}
`, files)
}

// golden is what the runbook does by hand.
const golden = `
    "/etc/fstab" = {
      remove_lines = ["^LABEL=gone\\s"]
    }
    "/etc/udev/rules.d/70-persistent-net.rules" = {
      empty = true
    }
    "/etc/sysconfig/network-scripts/ifcfg-eth0" = {
      replace_lines = [{ pattern = "^ONBOOT=", line = "ONBOOT=yes" }]
      append_lines  = ["PEERDNS=yes"]
    }
`

// others are edits of what golden has, and of other files.
const others = `
    "/etc/fstab" = { remove_lines = ["^LABEL=gone\\s"], mode = "0600", uid = 7, gid = 70000 }
    "/etc/new.conf" = { content = "a \"b\" $c \\d\n", mode = "0640" }
    "/etc/hostname" = { absent = true }
    "/etc/motd.tail" = { empty = true, uid = 3 }
`

// kinds are what else a path can be; links take the place of files.
const kinds = `
    "/etc/app/conf.d" = { directory = true, mode = "0700", uid = 5 }
    "/etc/localtime" = { link_target = "../usr/share/zoneinfo/UTC" }
    "/etc/motd" = { link_target = "app/conf.d/issue" }
    "/etc/issue" = { link_target = "app/conf.d/issue" }
    "/etc/app/conf.d/issue" = { content = "as before\n" }
    "/etc/app/conf.d/eth0" = { copy_from = "/etc/sysconfig/network-scripts/ifcfg-eth0" }
    "/etc/app/logo" = { content_base64 = "/wD+" }
`

// All kinds of edits, on ext4; guestresource has the other layouts, and boots what was
// edited.
func TestFileEditLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	same := statecheck.CompareValue(&revisions{})
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{
				Config: config(name, "tiny-ext4", golden),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("drift"), knownvalue.MapSizeExact(0)),
				},
				Check: resource.ComposeAggregateTestCheckFunc(
					guesttest.Contains(t, spec,
						[]string{"cat /etc/fstab", "stat /etc/udev/rules.d/70-persistent-net.rules", "cat /etc/sysconfig/network-scripts/ifcfg-eth0"},
						acctest.Has("Type: regular", "Size: 0\n", "ONBOOT=yes", "PEERDNS=yes", "DEVICE=eth0").Lacks("LABEL=gone", "ONBOOT=no")),
					guesttest.Clean(t, spec),
				),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: spec,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
				ImportStateVerifyIgnore: []string{"files", "revision"},
			},
			{ // undone behind our back: the plan says which file, and nothing else
				PreConfig: func() {
					fstab := filepath.Join(t.TempDir(), "fstab")
					if err := os.WriteFile(fstab, []byte("LABEL=root / ext4 defaults 0 1\nLABEL=gone /data ext4 defaults 0 2\n"), 0o600); err != nil {
						t.Fatal(err)
					}
					guesttest.AlterRoot(t, spec, "rm /etc/fstab", "write "+fstab+" /etc/fstab", "write "+fstab+" /etc/motd", "sif /etc/hostname mode 0100600")
				},
				Config: config(name, "tiny-ext4", golden), PlanOnly: true, ExpectNonEmptyPlan: true,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{
					providertest.Updates(address),
					providertest.Keeps("rbd_image_conversion.test"),
					driftIs(address, "/etc/fstab", "must be removed"),
				}},
			},
			{ // other edits: modes and owners, directories, links, copies, and what is no text; in one go
				Config: config(name, "tiny-ext4", others+kinds),
				ConfigPlanChecks: providertest.Expect(
					providertest.Updates(address),
					driftIs(address, "/etc/fstab", "must be removed"),
				),
				ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(address, tfjsonpath.New("revision"))},
				Check: resource.ComposeAggregateTestCheckFunc(
					guesttest.Contains(t, spec, []string{"cat /etc/fstab", "stat /etc/fstab"},
						acctest.Has("LABEL=root", "Type: regular", "Mode:  0600", "User:     7", "Group: 70000").Lacks("LABEL=gone")),
					guesttest.Contains(t, spec, []string{"cat /etc/new.conf", "stat /etc/new.conf", "stat /etc/hostname"},
						acctest.Has("a \"b\" $c \\d\n", "Mode:  0640", "/etc/hostname: File not found")),
					guesttest.Contains(t, spec, []string{"stat /etc/motd.tail"}, acctest.Has("User:     3", "Size: 0\n")),
					guesttest.Contains(t, spec, []string{"stat /etc/app/conf.d"}, acctest.Has("Type: directory", "Mode:  0700", "User:     5")),
					guesttest.Contains(t, spec, []string{"stat /etc/app"}, acctest.Has("Type: directory", "Mode:  0755")),
					guesttest.Contains(t, spec, []string{"stat /etc/localtime"}, acctest.Has("Type: symlink", `"../usr/share/zoneinfo/UTC"`)),
					guesttest.Contains(t, spec, []string{"stat /etc/motd"}, acctest.Has("Type: symlink", `"app/conf.d/issue"`)), // in the place of a file
					guesttest.Contains(t, spec, []string{"cat /etc/app/conf.d/eth0"}, acctest.Has("ONBOOT=yes")),
					guesttest.Contains(t, spec, []string{"stat /etc/issue", "cat /etc/app/conf.d/issue", "cat /etc/app/logo", "ls /etc"},
						acctest.Has("Type: symlink", `"app/conf.d/issue"`, "as before\n", "\xff\x00\xfe", "motd").Lacks(".terraform-")),
				),
			},
			{ // another link behind our back: the same edits are made again
				PreConfig: func() {
					guesttest.AlterRoot(t, spec, "rm /etc/localtime", "symlink /etc/localtime /dev/null")
				},
				Config: config(name, "tiny-ext4", others+kinds),
				ConfigPlanChecks: providertest.Expect(
					providertest.Updates(address),
					providertest.Keeps("rbd_image_conversion.test"),
					driftIs(address, "/etc/localtime", "must lead to"),
				),
				ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(address, tfjsonpath.New("revision"))},
				Check:             guesttest.Contains(t, spec, []string{"stat /etc/localtime"}, acctest.Has(`"../usr/share/zoneinfo/UTC"`)),
			},
		},
	})
}

func TestFileEditRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "tiny-ext4", `"etc/fstab" = { empty = true }`), ExpectError: regexp.MustCompile(`not absolute`)},
			{Config: config(name, "tiny-ext4", `"/proc/sys/a" = { content = "x" }`), ExpectError: regexp.MustCompile(`(?s)running\s+guest.*/proc`)},
			{Config: config(name, "tiny-ext4", `"/etc/fstab" = {}`), ExpectError: regexp.MustCompile(`Nothing to edit`)},
			{Config: config(name, "tiny-ext4", `"/etc/fstab" = { empty = true, content = "x" }`), ExpectError: regexp.MustCompile(`Invalid Attribute Combination`)},
			{Config: config(name, "tiny-ext4", `"/etc/fstab" = { remove_lines = ["("] }`), ExpectError: regexp.MustCompile(`Not a regular expression`)},
			{Config: config(name, "tiny-ext4", `"/etc/fstab" = { content_base64 = "a secret" }`), ExpectError: regexp.MustCompile(`Not Base64`)},
			{Config: config(name, "tiny-ext4", `"/etc/a" = { link_target = "b", mode = "0644" }`), ExpectError: regexp.MustCompile(`Invalid Attribute Combination`)},
			{Config: config(name, "tiny-ext4", `"/etc/a" = { copy_from = "/etc/fstab" }
    "/etc/fstab" = { empty = true }`), ExpectError: regexp.MustCompile(`is\s+to\s+be\s+edited\s+itself`)},
			{ // nothing of it is done when one of it can't be
				Config: config(name, "tiny-ext4", `"/etc/fstab" = { empty = true }
    "/etc/fstabb" = { append_lines = ["x"] }`),
				ExpectError: regexp.MustCompile(`(?s)/etc/fstabb: there is no such file.*typing\s+error`),
			},
			{ // an image that somebody has locked
				PreConfig: func() {
					acctest.RBD(t, "lock", "add", spec, "backup")
					t.Cleanup(func() { _, _ = acctest.TryRBD(t, "rm", spec) })
				},
				Config:      config(name, "tiny-ext4", golden),
				ExpectError: regexp.MustCompile(`(?s)is\s+in\s+use.*backup`),
			},
			{
				PreConfig: func() {
					lines := strings.Split(acctest.RBD(t, "lock", "ls", spec), "\n")
					acctest.RBD(t, "lock", "rm", spec, "backup", strings.Fields(lines[len(lines)-1])[0])
				},
				Config:      config(name, "tiny-ext4", `"/sbin/init" = { content = "x" }`),
				PlanOnly:    true, // before anything is started
				ExpectError: regexp.MustCompile(`not\s+a\s+regular\s+file\s+but\s+a\s+symbolic\s+link|symbolic\s+link`),
			},
			{
				Config:      config(name, "tiny-ext4", `"/no/such/folder" = { content = "x" }`),
				PlanOnly:    true,
				ExpectError: regexp.MustCompile(`/no/such`),
			},
			{
				Config: config(name, "tiny-ext4", `"/etc/fstab" = { mode = "0644" }`),
				Check: resource.ComposeAggregateTestCheckFunc(guesttest.Clean(t, spec),
					guesttest.Contains(t, spec, []string{"cat /etc/fstab"}, acctest.Has("LABEL=gone"))),
			},
		},
	})
}

func TestFileEditOfARunningMachine(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	watched := func(want bool) func() bool {
		return func() bool { return strings.Contains(acctest.RBD(t, "status", spec), "watcher=") == want }
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "tiny-ext4", `"/etc/fstab" = { mode = "0644" }`)},
			{
				PreConfig: func() {
					qemu := exec.Command("qemu-system-x86_64", "-machine", "accel=tcg", "-m", "128", "-nodefaults", "-display", "none", "-S",
						"-drive", "file=rbd:"+spec+":id=terraform,format=raw,if=virtio")
					if err := qemu.Start(); err != nil {
						t.Fatal(err)
					}
					stop := func() { _ = qemu.Process.Signal(os.Interrupt); _ = qemu.Wait() }
					t.Cleanup(stop)
					acctest.Await(t, "qemu has the image open", watched(true))
				},
				Config:      config(name, "tiny-ext4", golden),
				ExpectError: regexp.MustCompile(`(?s)is\s+in\s+use.*watcher`),
			},
			{
				PreConfig: func() {
					if out, err := exec.Command("pkill", "-INT", "-f", "file=rbd:"+spec).CombinedOutput(); err != nil {
						t.Fatalf("%v: %s", err, out)
					}
					acctest.Await(t, "qemu has closed the image", watched(false))
				},
				Config: config(name, "tiny-ext4", `"/etc/fstab" = { mode = "0644" }`),
				Check:  guesttest.Contains(t, spec, []string{"cat /etc/fstab"}, acctest.Has("LABEL=gone")),
			},
		},
	})
}

// What somebody did in the guest is no reason for a refresh to fail: another
// configuration, or a destroy, is the way out.
func TestFileEditWhoseSourceIsGone(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "tiny-ext4", `"/etc/a" = { copy_from = "/etc/udev/rules.d/70-persistent-net.rules" }`)},
			{
				PreConfig: func() {
					guesttest.AlterRoot(t, "vms/"+name, "rm /etc/udev/rules.d/70-persistent-net.rules", "mkdir /etc/udev/rules.d/70-persistent-net.rules")
				},
				Config:      config(name, "tiny-ext4", `"/etc/a" = { copy_from = "/etc/udev/rules.d/70-persistent-net.rules" }`),
				PlanOnly:    true,
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+plan.*persistent-net`),
			},
			{
				Config:           config(name, "tiny-ext4", `"/etc/a" = { copy_from = "/etc/hostname" }`),
				ConfigPlanChecks: providertest.Expect(providertest.Updates("rbd_guest_file_edit.test")),
			},
		},
	})
}
