// SPDX-License-Identifier: MPL-2.0

package fileedit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// The given file systems are read and edited; guestinspect reads them in an
// appliance.
func TestFileEditMounts(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	plain := "vms/" + name
	imagestest.Make(t, plain, "import", "--no-progress", guestdisk.Separate(t))
	const mounts = `mounts = { "/" = "/dev/sda2", "/var" = "/dev/sda1" }`
	edit := func(image, tree, files string) string {
		return fmt.Sprintf("resource \"rbd_guest_file_edit\" \"test\" {\n  image = %q\n  %s\n  files = {\n    %s\n  }\n}\n", image, tree, files)
	}
	read := func(image, label, path string) string {
		return fmt.Sprintf("data \"rbd_guest_file\" %q {\n  image = %q\n  path  = %q\n  %s\n  depends_on = [rbd_guest_file_edit.test]\n}\n", label, image, path, mounts)
	}
	const files = `"/var/lib/app.conf" = { content = "new\n" }`
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: edit(plain, `mounts = { "/var" = "/dev/sda1" }`, files), ExpectError: regexp.MustCompile(`No root file system`)},
		{Config: edit(plain, `mounts = { "/" = "sda1" }`, files), ExpectError: regexp.MustCompile(`Not a device of the guest`)},
		{Config: edit(plain, `mounts = { "/" = "/dev/sda2", "var" = "/dev/sda1" }`, files), ExpectError: regexp.MustCompile(`not absolute`)},
		{Config: edit(plain, mounts+"\n  root_device = \"/dev/sda2\"", files), ExpectError: regexp.MustCompile(`Invalid Attribute Combination`)},
		{
			Config: edit(plain, mounts, files) + read(plain, "plain", "/var/lib/app.conf"),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("data.rbd_guest_file.plain", tfjsonpath.New("content"), knownvalue.StringExact("new\n")),
				statecheck.ExpectKnownValue("data.rbd_guest_file.plain", tfjsonpath.New("root_device"), knownvalue.StringExact("/dev/sda2")),
			},
			Check: resource.ComposeAggregateTestCheckFunc(guesttest.Clean(t, plain), func(*terraform.State) error {
				if out := guesttest.Debugfs(t, plain, "cat /lib/app.conf"); !regexp.MustCompile(`(?m)^new$`).MatchString(out) {
					return fmt.Errorf("in the file system of /var: %s", out)
				}
				return nil
			}),
		},
		{ // other file systems, another guest: nothing holds any more
			Config:           edit(plain, `mounts = { "/" = "/dev/sda2", "/etc" = "/dev/sda1" }`, `"/etc/lib/app.conf" = { content = "new\n" }`),
			ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
		},
	}})
}

// onBtrfs is the lab's guest in a subvolume, with /home in another.
func onBtrfs(t *testing.T) string {
	t.Helper()
	disk := filepath.Join(t.TempDir(), "btrfs")
	guesttest.Run(t, "qemu-img", "convert", "-O", "raw", guesttest.Path("tiny-btrfs"), disk)
	return disk
}

// ntfsAt is where the partition of onNTFS begins, in MiB, which is its size too.
const ntfsAt = 16

// copyINI copies a file of Windows's line ends into an NTFS.
func copyINI(t *testing.T, part string) {
	t.Helper()
	ini := filepath.Join(t.TempDir(), "ini")
	if err := os.WriteFile(ini, []byte("[app]\r\nlevel=1\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	guesttest.Run(t, "ntfscp", part, ini, "/App.ini")
}

// putBack puts the file of copyINI back in the disk of onNTFS.
func putBack(t *testing.T, disk string) {
	t.Helper()
	part := filepath.Join(t.TempDir(), "part")
	guesttest.Run(t, "dd", "bs=1M", fmt.Sprint("skip=", ntfsAt), "if="+disk, "of="+part)
	copyINI(t, part)
	guesttest.Run(t, "dd", "conv=notrunc", "bs=1M", fmt.Sprint("seek=", ntfsAt), "if="+part, "of="+disk)
}

// onNTFS makes a disk with an NTFS and a file of Windows's line ends in it.
func onNTFS(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	disk, part := filepath.Join(dir, "ntfs"), filepath.Join(dir, "part")
	guesttest.Run(t, "truncate", "-s", "16M", part)
	guesttest.Run(t, "mkntfs", "-F", "-Q", "-p", "32768", "-H", "16", "-S", "63", part)
	copyINI(t, part)
	guesttest.Run(t, "truncate", "-s", "32M", disk)
	guesttest.Run(t, "sh", "-c", `echo "label: dos
start=32768,type=7" | sfdisk -q "$1"`, "sh", disk)
	guesttest.Run(t, "dd", "conv=notrunc,sparse", "bs=1M", fmt.Sprint("seek=", ntfsAt), "if="+part, "of="+disk)
	return disk
}

// What only an appliance reads and edits: subvolumes of btrfs, a Windows.
func TestFileEditInAppliance(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	btrfs, windows := "vms/"+name+"-btrfs", "vms/"+name+"-windows"
	disks := map[string]string{btrfs: onBtrfs(t), windows: onNTFS(t)}
	for image, disk := range disks {
		imagestest.Make(t, image, "import", "--no-progress", disk)
	}
	edit := func(label, image, more, files string) string {
		return fmt.Sprintf("resource \"rbd_guest_file_edit\" %q {\n  image = %q\n  %s\n  files = {\n    %s\n  }\n}\n", label, image, more, files)
	}
	both := edit("btrfs", btrfs, `root_device = "btrfsvol:/dev/sda1/root"`, `"/etc/app.conf" = { content = "new\n", mode = "0600" }
    "/etc/kept" = { content = "kept\n" }
    "/home/u/.profile" = { content = "mine\n" }
    "/home/u" = { directory = true }`) +
		edit("windows", windows, `root_device = "/dev/sda1"`, `"/APP.INI" = {
      replace_lines = [{ pattern = "^level=", line = "level=2" }]
      append_lines  = ["[more]"]
    }
    "/Setup/Scripts" = { directory = true }
    "/setup/scripts/done.cmd" = { content = "echo done\r\n" }`)
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		// Seen without an appliance, in the plan.
		{Config: edit("windows", windows, "", `"/App.ini" = { empty = true, mode = "0644" }`), PlanOnly: true, ExpectError: regexp.MustCompile(`no\s+modes,\s+owners`)},
		{Config: edit("windows", windows, "", `"/App.ini" = { empty = true }
    "/app.INI" = { absent = true }`), PlanOnly: true, ExpectError: regexp.MustCompile(`the\s+same\s+file`)},
		{
			Config: both,
			Check: resource.ComposeAggregateTestCheckFunc(guesttest.Clean(t, btrfs), guesttest.Clean(t, windows), func(*terraform.State) error {
				raw := filepath.Join(t.TempDir(), "raw")
				acctest.RBD(t, "export", "--no-progress", windows, raw)
				guesttest.Run(t, "dd", "bs=1M", fmt.Sprint("skip=", ntfsAt), "if="+raw, "of="+raw+".part")
				got := guesttest.Run(t, "ntfscat", raw+".part", "/App.ini") + guesttest.Run(t, "ntfscat", raw+".part", "/Setup/Scripts/done.cmd")
				if want := "[app]\r\nlevel=2\r\n[more]\r\necho done\r\n"; got != want {
					return fmt.Errorf("in the NTFS %q, want %q", got, want)
				}
				return nil
			}, func(*terraform.State) error {
				raw, to := filepath.Join(t.TempDir(), "raw"), t.TempDir()
				acctest.RBD(t, "export", "--no-progress", btrfs, raw)
				// guestfish has the partition begin at sector 128.
				guesttest.Run(t, "dd", "conv=sparse", "bs=64K", "skip=1", "if="+raw, "of="+raw+".part")
				guesttest.Run(t, "btrfs", "restore", "-s", "-m", raw+".part", to)
				for p, want := range map[string]string{"root/etc/app.conf": "new\n", "home/u/.profile": "mine\n"} {
					if got, err := os.ReadFile(filepath.Join(to, p)); err != nil || string(got) != want {
						return fmt.Errorf("%s: %q, %w", p, got, err)
					}
				}
				return nil
			}, func(*terraform.State) error {
				// Behind our back, so that the next plan finds what holds and what does not.
				guesttest.Run(t, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", disks[btrfs], "rbd:"+btrfs+":id=terraform")
				guesttest.Alter(t, windows, func(raw string) { putBack(t, raw) })
				return nil
			}),
			ExpectNonEmptyPlan: true,
			ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{
				drifts{"rbd_guest_file_edit.btrfs", 3}, driftIs("rbd_guest_file_edit.windows", "/APP.INI", "level"),
			}},
		},
	}})
}
