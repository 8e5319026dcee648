// SPDX-License-Identifier: MPL-2.0

package guestresource_test

import (
	"fmt"
	"path/filepath"
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

const (
	mib    = 1 << 20
	growth = "rbd_guest_filesystem_growth.test"
	// secret is longer than a line of guestfish.
	secret = "a long secret\n"
	times  = 5000
)

// changed is a guest that is edited, in secret too, and then grown; more goes into
// the growth.
func changed(image, more string) string {
	return fmt.Sprintf(`
resource "rbd_guest_file_edit" "test" {
  image = %s
  files = {
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
    "/etc/app.token" = {
      content_wo         = %q
      content_wo_version = 1
    }
  }
}

resource "rbd_guest_filesystem_growth" "test" {
  image      = %[1]s
  depends_on = [rbd_guest_file_edit.test]
  %[3]s
}
`, image, strings.Repeat(secret, times), more)
}

// edited are the files of changed, and what they hold then.
var (
	edited     = []string{"/etc/fstab", "/etc/sysconfig/network-scripts/ifcfg-eth0", "/etc/app.token"}
	editedHave = acctest.Has(" / ", "ONBOOT=yes", "PEERDNS=yes", strings.Repeat(secret, times)).Lacks("LABEL=gone", "ONBOOT=no")
)

func has(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(growth, tfjsonpath.New(attribute), want)
}

// On xfs and on a logical volume, where an appliance edits or grows, and on a GPT,
// where none does: the guest has its edits and all of the disk, and boots.
func TestEditAndGrowthOnLayouts(t *testing.T) {
	t.Parallel()
	for _, l := range []layout{
		{
			guest: "tiny-xfs", device: "/dev/sda2", size: 600, check: "xfs_repair -n", start: mib, want: (600*2048 - 33 - 2048) / 8 * 4096,
			read: func(t *testing.T, spec string) string {
				t.Helper()
				return guesttest.XFS(t, spec, edited...)
			},
			mode: fmt.Sprintf("core.mode = 0100600\ncore.size = %d\n", len(secret)*times),
		},
		{
			guest: "tiny-lvm", device: "/dev/vgsys/lvroot", size: 200, check: "e2fsck -fn", start: 2 * mib, want: 196 * mib,
			read: debugfs(guesttest.VolumeAt), mode: "Mode:  0600", extents: 49, // of 4 MiB
		},
		{
			guest: "gpt", device: "/dev/sda2", size: 200, check: "e2fsck -fn", start: mib, want: (200*2048 - 33 - 2048) / 8 * 4096,
			read: debugfs("?offset=1048576"), mode: "Mode:  0600", planned: (200*2048 - 33 - 2048) * 512,
		},
	} {
		t.Run(l.guest, l.test)
	}
}

func debugfs(at string) func(t *testing.T, spec string) string {
	return func(t *testing.T, spec string) string {
		t.Helper()
		return guesttest.DebugfsAt(t, spec, at, "cat "+strings.Join(edited, "\ncat "), "stat /etc/app.token")
	}
}

// layout is a guest, and what becomes of it.
type layout struct {
	guest, device string
	size          int // MiB
	check         string
	start, want   int64 // of the file system, in bytes
	read          func(t *testing.T, spec string) string
	mode          string // what read has of that of a secret
	planned       int64  // of the partition, in bytes, where the image is there before
	extents       int    // of the logical volume
}

func (l layout) test(t *testing.T) {
	name := providertest.Name(t)
	spec := "vms/" + name
	conversion, image := guesttest.Conversion(name, l.guest, fmt.Sprintf("size = \"%dMiB\"", l.size)), "rbd_image_conversion.test.spec"
	planned, gone := resource.ConfigPlanChecks{}, providertest.Gone(t, name)
	if l.planned != 0 {
		conversion, image, gone = "", fmt.Sprintf("%q", spec), nil
		acctest.RBD(t, "import", "--no-progress", onGPT(t), spec)
		acctest.RBD(t, "resize", "--no-progress", "--size", fmt.Sprintf("%dM", l.size), spec)
		planned = providertest.Expect(
			plancheck.ExpectResourceAction(growth, plancheck.ResourceActionCreate),
			providertest.Plans(growth, "partition_size_bytes", knownvalue.Int64Exact(l.planned)),
		)
	}
	checks := []resource.TestCheckFunc{
		guesttest.Clean(t, spec), guesttest.Boots(t, spec, "TINY-READY"), guesttest.Sound(t, spec, l.check, l.start, l.want),
		func(*terraform.State) error {
			out := l.read(t, spec)
			if !strings.Contains(out, l.mode) {
				return fmt.Errorf("the secret has not %q: %s", l.mode, out)
			}
			return editedHave.In(out)
		},
	}
	if l.extents != 0 {
		checks = append(checks, guesttest.VolumeHas(t, spec, l.extents))
	}
	providertest.Run(t, resource.TestCase{CheckDestroy: gone, Steps: []resource.TestStep{
		{
			Config:            conversion + changed(image, fmt.Sprintf("device = %q", l.device)),
			ConfigPlanChecks:  planned,
			ConfigStateChecks: []statecheck.StateCheck{has("filesystem_size_bytes", knownvalue.Int64Exact(l.want)), has("device", knownvalue.StringExact(l.device))},
			Check:             resource.ComposeAggregateTestCheckFunc(checks...),
		},
		{
			Config:           conversion + changed(image, ""),
			ConfigPlanChecks: providertest.Nothing(),
		},
	}})
}

// onGPT is ext4 on a GPT, made of two of the lab's guests: GRUB of the one, the root
// file system of the other.
func onGPT(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	raw := func(guest string) string {
		out := filepath.Join(dir, guest)
		guesttest.Run(t, "qemu-img", "convert", "-O", "raw", guesttest.Path(guest), out)
		return out
	}
	image := filepath.Join(dir, "gpt")
	guesttest.Run(t, "truncate", "-s", "66M", image)
	guesttest.Run(t, "sgdisk", "-a1", "-n1:34:2047", "-t1:ef02", "-n2:2048:133119", "-t2:8300", image)
	for _, c := range []struct {
		from          string
		at, to, bytes int64
	}{{"tiny-xfs", 0, 0, 440}, {"tiny-xfs", 34 * 512, 34 * 512, 2014 * 512}, {"tiny-ext4", mib, mib, 64 * mib}} {
		guesttest.CopyBytes(t, raw(c.from), image, c.at, c.to, c.bytes)
	}
	return image
}
