// SPDX-License-Identifier: MPL-2.0

package bootcheck_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// disk imports a disk and takes the snapshot golden.
func disk(t *testing.T, spec, raw string) {
	t.Helper()
	acctest.RBD(t, "import", "--no-progress", raw, spec)
	acctest.RBD(t, "snap", "create", "--no-progress", spec+"@golden")
}

// firmwareAsItWas expects that guests have written to no template of the variables.
func firmwareAsItWas(t *testing.T, paths ...string) resource.TestCheckFunc {
	t.Helper()
	was := guesttest.Run(t, "sha256sum", paths...)
	return func(*terraform.State) error {
		if now := guesttest.Run(t, "sha256sum", paths...); now != was {
			t.Errorf("the firmware was\n%s and is\n%s", was, now)
		}
		return nil
	}
}

// A guest that boots by UEFI only does so.
func TestBootCheckUEFI(t *testing.T) {
	t.Parallel()
	spec := "vms/" + providertest.Name(t)
	raw := filepath.Join(t.TempDir(), "raw")
	guesttest.Run(t, "qemu-img", "convert", "-O", "raw", guesttest.Path("tiny-uefi"), raw)
	disk(t, spec, raw)
	golden := spec + "@golden"
	ready := `console_pattern = "^TINY-READY host=tiny"`
	providertest.Run(t, resource.TestCase{
		CheckDestroy: untouched(t, spec),
		Steps: []resource.TestStep{
			{Config: check(golden, ready, `firmware = "openfirmware"`), ExpectError: regexp.MustCompile(`(?s)firmware.*one\s+of`)},
			{
				Config: check(golden, ready, `firmware = "uefi"`),
				ConfigStateChecks: []statecheck.StateCheck{
					text("line", `^TINY-READY host=tiny up=[0-9.]+$`), text("console", `(?s)BdsDxe: starting Boot.*TINY-ROOT-KIB`),
				},
				Check: resource.ComposeAggregateTestCheckFunc(untouched(t, spec), firmwareAsItWas(t, "/usr/share/OVMF/OVMF_VARS_4M.fd")),
			},
			{ // what it was by default
				Config:           check(golden, ready, `firmware = "uefi"`, `architecture = "x86_64"`),
				ConfigPlanChecks: providertest.Expect(providertest.Plans(address, "seconds", knownvalue.NotNull())),
			},
			{ // The guest lacks a driver for SATA; the firmware has one.
				Config:            check(golden, `console_pattern = "^TINY-NO-ROOT"`, `firmware = "uefi"`, `disk_bus = "ide"`, `user_data = "hello"`),
				ConfigPlanChecks:  planned(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{text("console", "BdsDxe: starting Boot")},
			},
			{
				Config:            check(golden, ready, `firmware = "uefi"`, `disk_bus = "scsi"`, `network = "isolated"`),
				ConfigStateChecks: []statecheck.StateCheck{text("line", "^TINY-READY")},
			},
		},
	})
}

// An empty disk gets as far as the firmware of a machine for arm64 does without a
// system.
func TestBootCheckAArch64(t *testing.T) {
	t.Parallel()
	spec := "vms/" + providertest.Name(t)
	raw := filepath.Join(t.TempDir(), "raw")
	if err := os.WriteFile(raw, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	disk(t, spec, raw)
	arm := func(more ...string) string {
		return check(spec+"@golden", `architecture = "aarch64"`, `console_pattern = "^BdsDxe: .* Boot[0-9]{4} "`, strings.Join(more, "\n  "))
	}
	providertest.Run(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: arm(`firmware = "bios"`), ExpectError: regexp.MustCompile(`No BIOS on aarch64`)},
			{Config: arm(`disk_bus = "ide"`), ExpectError: regexp.MustCompile(`No such bus on aarch64`)},
			{
				Config:            arm(`user_data = "hello"`),
				ConfigStateChecks: []statecheck.StateCheck{text("line", "^BdsDxe: "), text("accelerator", "^(tcg|kvm)$")},
				Check:             resource.ComposeAggregateTestCheckFunc(untouched(t, spec), firmwareAsItWas(t, "/usr/share/AAVMF/AAVMF_VARS.fd")),
			},
			{ // what it is there without being asked for
				Config:           arm(`user_data = "hello"`, `firmware = "uefi"`),
				ConfigPlanChecks: providertest.Expect(providertest.Plans(address, "seconds", knownvalue.NotNull())),
			},
			{
				Config:            arm(`disk_bus = "scsi"`, `cpus = 2`, `network = "isolated"`),
				ConfigPlanChecks:  planned(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{text("line", "^BdsDxe: ")},
				Check:             untouched(t, spec),
			},
			{ // the same disk on x86_64, whose BIOS says nothing
				Config:      check(spec+"@golden", `console_pattern = "^BdsDxe: "`, `disk_bus = "scsi"`, `cpus = 2`, `network = "isolated"`, `boot_timeout = "5s"`),
				ExpectError: regexp.MustCompile(`(?s)did\s+not\s+come\s+up.*boot_timeout\s+has\s+passed.*firmware\s+=\s+"uefi"`),
			},
		},
	})
}
