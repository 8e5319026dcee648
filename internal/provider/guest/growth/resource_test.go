// SPDX-License-Identifier: MPL-2.0

package growth_test

import (
	"fmt"
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

const (
	address = "rbd_guest_filesystem_growth.test"
	mib     = 1 << 20
)

func growth(more ...string) string {
	return "resource \"rbd_guest_filesystem_growth\" \"test\" {\n  image = rbd_image_conversion.test.spec\n  " + strings.Join(more, "\n  ") + "\n}\n"
}

func size(s string) string { return fmt.Sprintf("size = %q", s) }

// planned expects an action, and what the partition will have, in bytes.
func planned(action plancheck.ResourceActionType, partition int64) resource.ConfigPlanChecks {
	return providertest.Expect(
		plancheck.ExpectResourceAction(address, action),
		providertest.Plans(address, "partition_size_bytes", knownvalue.Int64Exact(partition)),
	)
}

func has(attribute string, value int64) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), knownvalue.Int64Exact(value))
}

// The life of a growth on an MBR with ext4: with the image in the same run, by
// itself when others grew the image, to a size, refused where it would shrink.
func TestGrowthLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{ // the guest leaves one MiB at the end
				Config:            guesttest.Conversion(name, "tiny-ext4") + growth(),
				ConfigStateChecks: []statecheck.StateCheck{has("filesystem_size_bytes", 65*mib)},
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: spec,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{ // both in one run, and the plan says so
				Config:           guesttest.Conversion(name, "tiny-ext4", size("100MiB")) + growth(),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, 99*mib),
				ConfigStateChecks: []statecheck.StateCheck{
					has("filesystem_size_bytes", 99*mib), has("partition_size_bytes", 99*mib),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("device"), knownvalue.StringExact("/dev/sda1")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("filesystem"), knownvalue.StringExact("ext4")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("volume_size_bytes"), knownvalue.Null()),
				},
				Check: resource.ComposeAggregateTestCheckFunc(
					guesttest.Sound(t, spec, "e2fsck -fn", 1*mib, 99*mib), guesttest.Clean(t, spec),
				),
			},
			{ // a size that is there already
				Config:           guesttest.Conversion(name, "tiny-ext4", size("100MiB")) + growth(size("99MiB")),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, 99*mib),
			},
			{
				Config:      guesttest.Conversion(name, "tiny-ext4", size("100MiB")) + growth(size("98MiB")),
				ExpectError: regexp.MustCompile(`(?s)it\s+would\s+have\s+to\s+shrink.*never\s+shrunk`),
			},
			{
				Config:      guesttest.Conversion(name, "tiny-ext4", size("100MiB")) + growth(size("2GiB")),
				ExpectError: regexp.MustCompile(`(?s)no\s+room\s+for\s+it.*Grow\s+the\s+image\s+first`),
			},
			{ // the image was grown behind our back, the file system to a size
				PreConfig:        func() { acctest.RBD(t, "resize", "--no-progress", "--size", "400M", spec) },
				Config:           guesttest.Conversion(name, "tiny-ext4", size("400MiB")) + growth(size("200MiB")),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, 200*mib),
				Check: resource.ComposeAggregateTestCheckFunc(
					guesttest.Sound(t, spec, "e2fsck -fn", 1*mib, 200*mib), guesttest.Boots(t, spec, `TINY-ROOT-KIB 1[89]\d\d\d\d`),
				),
			},
			{ // the partition alone was grown, by others
				PreConfig: func() {
					guesttest.Alter(t, spec, func(raw string) {
						guesttest.Run(t, "sh", "-c", `echo ", +" | sfdisk -q -N 1 "$0"`, raw)
					})
				},
				Config:            guesttest.Conversion(name, "tiny-ext4", size("400MiB")) + growth(),
				ConfigPlanChecks:  providertest.Expect(plancheck.ExpectUnknownValue(address, tfjsonpath.New("filesystem_size_bytes"))),
				ConfigStateChecks: []statecheck.StateCheck{has("filesystem_size_bytes", 399*mib)},
				Check:             guesttest.Sound(t, spec, "e2fsck -fn", 1*mib, 399*mib),
			},
			{ // another image, where nothing is to grow
				Config:           guesttest.Conversion(name, "tiny-ext4", `pool = "volumes"`) + growth(size("64MiB")), // which it has
				ConfigPlanChecks: providertest.Expect(plancheck.ExpectResourceAction(address, plancheck.ResourceActionReplace)),
			},
			{ // the image is gone, and the growth with it
				PreConfig:        func() { acctest.RBD(t, "rm", "--no-progress", "volumes/"+name) },
				Config:           guesttest.Conversion(name, "tiny-ext4", `pool = "volumes"`) + growth(size("64MiB")), // which it has
				ConfigPlanChecks: providertest.Expect(providertest.Creates(address)),
			},
		},
	})
}

// What can't grow is refused in the plan, and nothing is done to it; a logical
// partition grows with the extended one around it.
func TestGrowthPartitions(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	image := filepath.Join(t.TempDir(), "disk")
	guesttest.Run(t, "truncate", "-s", "64M", image)
	guesttest.Run(t, "sh", "-c", `printf 'label: dos\nstart=2048,size=40960,type=83\nstart=45056,size=81920,type=5\nstart=47104,size=79872,type=83\n' | sfdisk -q "$0"`, image)
	guesttest.Run(t, "mke2fs", "-q", "-t", "ext4", "-E", "offset=1048576", image, "16M")
	guesttest.Run(t, "mke2fs", "-q", "-t", "ext4", "-E", "offset=24117248", image, "39M")
	acctest.RBD(t, "import", "--no-progress", image, spec)
	acctest.RBD(t, "resize", "--no-progress", "--size", "128M", spec)
	config := func(device, more string) string {
		return strings.NewReplacer("rbd_image_conversion.test.spec", fmt.Sprintf("%q", spec)).Replace(growth(fmt.Sprintf("device = %q", device), more))
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config("/dev/sda1", ""), ExpectError: regexp.MustCompile(`(?s)/dev/sda2\s+\(extended\s+partition\)\s+begins\s+behind\s+it`)},
		{Config: config("/dev/sda1", size("22MiB")), ExpectError: regexp.MustCompile(`(?s)another\s+partition\s+is\s+behind\s+it`)},
		{Config: config("/dev/sda9", ""), ExpectError: regexp.MustCompile(`(?s)no\s+device\s+/dev/sda9`)},
		{Config: config("sda1", ""), ExpectError: regexp.MustCompile(`must\s+begin\s+with\s+/dev/`)},
		{
			Config: config("/dev/sda5", ""), ConfigPlanChecks: planned(plancheck.ResourceActionCreate, 105*mib),
			ConfigStateChecks: []statecheck.StateCheck{has("filesystem_size_bytes", 105*mib)},
			Check:             guesttest.Sound(t, spec, "e2fsck -fn", 23*mib, 105*mib),
		},
	}})
}

// A journal that must be replayed hides the root file system from a look without
// an appliance: that is found by inspection, replayed, and grown.
func TestGrowthDirtyJournal(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	raw := filepath.Join(t.TempDir(), "raw")
	guesttest.Run(t, "qemu-img", "convert", "-O", "raw", guesttest.Path("tiny-ext4"), raw)
	guesttest.Run(t, "debugfs", "-w", "-R", "feature needs_recovery", raw+"?offset=1048576")
	acctest.RBD(t, "import", "--no-progress", raw, spec)
	acctest.RBD(t, "resize", "--no-progress", "--size", "100M", spec)
	config := strings.NewReplacer("rbd_image_conversion.test.spec", fmt.Sprintf("%q", spec)).Replace(growth())
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:           config,
		ConfigPlanChecks: providertest.Expect(plancheck.ExpectUnknownValue(address, tfjsonpath.New("device"))),
		ConfigStateChecks: []statecheck.StateCheck{
			has("filesystem_size_bytes", 99*mib),
			statecheck.ExpectKnownValue(address, tfjsonpath.New("device"), knownvalue.StringExact("/dev/sda1")),
		},
		Check: guesttest.Sound(t, spec, "e2fsck -fn", mib, 99*mib),
	}}})
}
