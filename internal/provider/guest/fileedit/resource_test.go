package fileedit_test

import (
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

// kinds are what else a path can be; links take the place of files.
const kinds = `
    "/etc/app/conf.d" = { directory = true, mode = "0700", uid = 5 }
    "/etc/localtime" = { link_target = "../usr/share/zoneinfo/UTC" }
    "/etc/motd" = { link_target = "app/conf.d/issue" }
    "/etc/issue" = { link_target = "app/conf.d/issue" }
    "/etc/app/conf.d/issue" = { content = "as before\n" }
    "/etc/app/conf.d/fstab" = { copy_from = "/etc/fstab" }
    "/etc/app/logo" = { content_base64 = "/wD+" }
`

func contains(t *testing.T, image, root, script string, want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		out := guesttest.Guestfish(t, image, root, script)
		for _, w := range want {
			if not, ok := strings.CutPrefix(w, "!"); ok == strings.Contains(out, not) && ok {
				return fmt.Errorf("%q is in the guest:\n%s", not, out)
			} else if !ok && !strings.Contains(out, w) {
				return fmt.Errorf("%q is not in the guest:\n%s", w, out)
			}
		}
		return nil
	}
}

// The three kinds of root, with one edit each; ext4 with all the rest.
func TestFileEditLife(t *testing.T) {
	name := providertest.Name(t)
	spec := "vms/" + name
	same := &revisions{}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: guesttest.Gone(t, name),
		Steps: []resource.TestStep{
			{
				Config: config(name, "tiny-ext4", golden),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.CompareValue(same).AddStateValue(address, tfjsonpath.New("revision")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("drift"), knownvalue.MapSizeExact(0)),
				},
				Check: resource.ComposeAggregateTestCheckFunc(
					contains(t, spec, "/dev/sda1", "cat /etc/fstab\necho --\nfilesize /etc/udev/rules.d/70-persistent-net.rules\ncat /etc/sysconfig/network-scripts/ifcfg-eth0",
						"!LABEL=gone", "--\n0\n", "ONBOOT=yes", "!ONBOOT=no", "PEERDNS=yes", "DEVICE=eth0"),
					guesttest.Boots(t, spec, "TINY-READY"), guesttest.Clean(t, spec),
				),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: spec,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
				ImportStateVerifyIgnore: []string{"files", "revision"},
			},
			{ // undone behind our back: the plan says which file, and nothing else
				PreConfig: func() {
					guesttest.Guestfish(t, spec, "/dev/sda1", "write-append /etc/fstab \"LABEL=gone /data ext4 defaults 0 2\\n\"\nchmod 0600 /etc/hostname")
				},
				Config: config(name, "tiny-ext4", golden),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
						plancheck.ExpectResourceAction("rbd_image_conversion.test", plancheck.ResourceActionNoop),
						driftIs(address, "/etc/fstab", "must be removed"),
					},
				},
				Check: contains(t, spec, "/dev/sda1", "cat /etc/fstab", "!LABEL=gone"),
			},
			{ // other edits
				Config: config(name, "tiny-ext4", `
    "/etc/fstab" = { remove_lines = ["^LABEL=gone\\s"], mode = "0600", uid = 7, gid = 70000 }
    "/etc/new file" = { content = "a \"b\" $c \\d\n", mode = "0640" }
    "/etc/hostname" = { absent = true }
    "/etc/motd" = { empty = true, uid = 3 }
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
				}},
				Check: contains(t, spec, "/dev/sda1",
					"stat /etc/fstab\necho --\ncat \"/etc/new file\"\nexists /etc/hostname\nstat /etc/motd",
					"uid: 7", "gid: 70000", "mode: 33152", "a \"b\" $c \\d", "false", "uid: 3"),
			},
			{ // directories, links, copies, and what is no text; in one go
				Config: config(name, "tiny-ext4", kinds),
				Check: contains(t, spec, "/dev/sda1",
					"stat /etc/app/conf.d\necho --\nstat /etc/app\necho --\nreadlink /etc/localtime\nreadlink /etc/issue\ncat /etc/app/conf.d/issue\nhexdump /etc/app/logo\nls /etc",
					"mode: 16832", "uid: 5", "--", "mode: 16877", "../usr/share/zoneinfo/UTC\n", "app/conf.d/issue\n", "as before\n", "ff 00 fe", "!.terraform-"),
			},
			{ // another link behind our back, and a directory's mode
				PreConfig: func() {
					guesttest.Guestfish(t, spec, "/dev/sda1", "ln-sf /dev/null /etc/localtime")
				},
				Config: config(name, "tiny-ext4", kinds),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					driftIs(address, "/etc/localtime", "must lead to"),
				}},
				Check: contains(t, spec, "/dev/sda1", "readlink /etc/localtime", "../usr/share/zoneinfo/UTC\n"),
			},
		},
	})
}

func TestFileEditRoots(t *testing.T) {
	for guest, root := range map[string]string{"tiny-xfs": "/dev/sda2", "tiny-lvm": "/dev/vgsys/lvroot"} {
		t.Run(guest, func(t *testing.T) {
			name := providertest.Name(t)
			providertest.Run(t, resource.TestCase{
				CheckDestroy: guesttest.Gone(t, name),
				Steps: []resource.TestStep{{
					Config: config(name, guest, golden),
					Check: resource.ComposeAggregateTestCheckFunc(guesttest.Boots(t, "vms/"+name, "TINY-READY"), guesttest.Clean(t, "vms/"+name),
						contains(t, "vms/"+name, root, "cat /etc/sysconfig/network-scripts/ifcfg-eth0\ncat /etc/fstab", "ONBOOT=yes", "!LABEL=gone")),
				}},
			})
		})
	}
}

func TestFileEditRefusals(t *testing.T) {
	name := providertest.Name(t)
	spec := "vms/" + name
	providertest.Run(t, resource.TestCase{
		CheckDestroy: guesttest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, "tiny-ext4", `"etc/fstab" = { empty = true }`), ExpectError: regexp.MustCompile(`not absolute`)},
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
				ExpectError: regexp.MustCompile(`not\s+a\s+regular\s+file\s+but\s+a\s+symbolic\s+link|symbolic\s+link`),
			},
			{
				Config: config(name, "tiny-ext4", `"/etc/fstab" = { mode = "0644" }`),
				Check: resource.ComposeAggregateTestCheckFunc(guesttest.Clean(t, spec),
					contains(t, spec, "/dev/sda1", "cat /etc/fstab", "LABEL=gone")),
			},
		},
	})
}

func TestFileEditOfARunningMachine(t *testing.T) {
	name := providertest.Name(t)
	spec := "vms/" + name
	watched := func(want bool) func() bool {
		return func() bool { return strings.Contains(acctest.RBD(t, "status", spec), "watcher=") == want }
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: guesttest.Gone(t, name),
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
				Check:  contains(t, spec, "/dev/sda1", "cat /etc/fstab", "LABEL=gone"),
			},
		},
	})
}
