// SPDX-License-Identifier: MPL-2.0

package inspection_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// config makes an image of a guest, edits it, and inspects the snapshot.
func config(name, guest, edit, more string) string {
	return fmt.Sprintf(`
resource "rbd_image_conversion" "test" {
  name = %q
  source = {
    file   = %q
    format = "qcow2"
  }
}

resource "rbd_guest_file_edit" "test" {
  image = rbd_image_conversion.test.spec
  files = {
%s
  }
}

resource "rbd_snapshot" "test" {
  image = rbd_guest_file_edit.test.spec
  name  = "v-${rbd_guest_file_edit.test.revision}"
}

data "rbd_guest_inspection" "test" {
  image = rbd_snapshot.test.spec
  %s
}
`, name, filepath.Join(os.Getenv("RBD_LAB_GUESTS"), guest+".qcow2"), edit, more)
}

func is(want knownvalue.Check, attribute string, path ...any) statecheck.StateCheck {
	at := tfjsonpath.New(attribute)
	for _, p := range path {
		switch p := p.(type) {
		case int:
			at = at.AtSliceIndex(p)
		case string:
			at = at.AtMapKey(p)
		}
	}
	return statecheck.ExpectKnownValue("data.rbd_guest_inspection.test", at, want)
}

const os0 = "operating_systems"

// An image that lacks everything is told from one that has it.
func TestInspection(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	lacking := `
    "/etc/udev/rules.d/70-persistent-net.rules" = {
      content = "SUBSYSTEM==\"net\", ATTR{address}==\"52:54:00:aa:bb:cc\", NAME=\"eth0\"\n"
    }
    "/boot/grub/grub.cfg" = {
      replace_lines = [{ pattern = "^linux ", line = "linux /boot/vmlinuz root=LABEL=root quiet" }]
    }
`
	having := `
    "/etc/udev/rules.d/70-persistent-net.rules" = {
      empty = true
    }
    "/boot/grub/grub.cfg" = {
      replace_lines = [{ pattern = "^linux ", line = "linux /boot/vmlinuz root=LABEL=root console=ttyS0" }]
    }
    "/usr/bin/cloud-init" = {
      content = "#!/bin/sh\n"
      mode    = "0755"
    }
    "/boot/config-6" = {
      content = "CONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_NET=y\n"
    }
    "/var/lib/dpkg/status" = {
      content = "Package: cloud-init\nStatus: install ok installed\nMaintainer: nobody\nArchitecture: all\nVersion: 1:22.4.2-1\nDescription: one\n two\n\n"
    }
`
	providertest.Run(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config: config(name, "tiny-ext4", lacking, ""),
				ConfigStateChecks: []statecheck.StateCheck{
					is(knownvalue.ListSizeExact(1), os0),
					is(knownvalue.StringExact("linux"), os0, 0, "type"),
					is(knownvalue.StringExact("debian"), os0, 0, "distro"),
					is(knownvalue.StringExact("x86_64"), os0, 0, "architecture"),
					is(knownvalue.StringExact("/dev/sda1"), os0, 0, "root_device"),
					is(knownvalue.StringExact("/dev/sda1"), os0, 0, "mounts", "/"),
					is(knownvalue.StringExact("LABEL=gone"), os0, 0, "missing_mounts", "/data"),
					is(knownvalue.Bool(false), os0, 0, "cloud_init"),
					is(knownvalue.Bool(false), os0, 0, "serial_console"),
					is(knownvalue.Bool(false), os0, 0, "no_fixed_mac_addresses"),
					is(knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("/etc/udev/rules.d/70-persistent-net.rules")}), os0, 0, "mac_address_files"),
					is(knownvalue.Null(), os0, 0, "packages"),
					is(knownvalue.StringExact("/dev/sda1"), "file_systems", 0, "device"),
					is(knownvalue.StringExact("ext4"), "file_systems", 0, "type"),
					is(knownvalue.NotNull(), "file_systems", 0, "uuid"),
					is(positive{}, "file_systems", 0, "free_bytes"),
					is(positive{}, "file_systems", 0, "size_bytes"),
				},
			},
			{
				Config: config(name, "tiny-ext4", having, "packages = true"),
				ConfigStateChecks: []statecheck.StateCheck{
					is(knownvalue.Bool(true), os0, 0, "cloud_init"),
					is(knownvalue.Bool(true), os0, 0, "serial_console"),
					is(knownvalue.Bool(true), os0, 0, "virtio"),
					is(knownvalue.Bool(true), os0, 0, "no_fixed_mac_addresses"),
					is(knownvalue.ListExact(nil), os0, 0, "mac_address_files"),
					is(knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectExact(map[string]knownvalue.Check{
						"name": knownvalue.StringExact("cloud-init"), "version": knownvalue.StringExact("1:22.4.2-1"), "architecture": knownvalue.StringExact("all"),
					})}), os0, 0, "packages"),
				},
				Check: unwatched(t, "vms/"+name),
			},
		},
	})
}

type positive struct{}

func (positive) CheckValue(v any) error {
	if n, err := fmt.Sscan(fmt.Sprint(v), new(int64)); n != 1 || err != nil || fmt.Sprint(v)[0] == '-' || fmt.Sprint(v) == "0" {
		return fmt.Errorf("%v is not positive", v)
	}
	return nil
}

func (positive) String() string { return "a positive number" }

func unwatched(t *testing.T, spec string) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		if out := acctest.RBD(t, "status", spec); !regexp.MustCompile("Watchers: none").MatchString(out) {
			return fmt.Errorf("%s: %s", spec, out)
		}
		return nil
	}
}

// The guest that has two places for its files.
func TestInspectionOfLVM(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: config(name, "tiny-lvm", "\"/etc/motd\" = { content = \"hello\" }", ""),
		ConfigStateChecks: []statecheck.StateCheck{
			is(knownvalue.StringExact("/dev/vgsys/lvroot"), os0, 0, "root_device"),
			is(knownvalue.Bool(true), os0, 0, "serial_console"),
		},
	}}})
}

// What was found in a snapshot is kept on this machine; another snapshot of the
// same name is another.
func TestInspectionIsKept(t *testing.T) {
	spec := "vms/" + providertest.Name(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	guesttest.Import(t, spec, nil)
	acctest.RBD(t, "snap", "create", "--no-progress", spec+"@s")
	config := fmt.Sprintf("data \"rbd_guest_inspection\" \"test\" {\n  image = %q\n}\n", spec+"@s")
	found := []statecheck.StateCheck{
		is(knownvalue.StringExact("debian"), os0, 0, "distro"),
		is(knownvalue.StringExact("/dev/sda1"), os0, 0, "mounts", "/"),
		is(knownvalue.StringExact("LABEL=gone"), os0, 0, "missing_mounts", "/data"),
		is(knownvalue.Bool(false), os0, 0, "no_fixed_mac_addresses"),
		is(knownvalue.ListSizeExact(1), os0, 0, "mac_address_files"),
		is(knownvalue.Null(), os0, 0, "packages"),
		is(positive{}, "file_systems", 0, "free_bytes"),
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config, ConfigStateChecks: found},
		{PreConfig: func() { noAppliance(t) }, Config: config, ConfigStateChecks: found},
		{Config: strings.Replace(config, "}", "  packages = true\n}", 1), ExpectError: regexp.MustCompile(`no\s+appliance\s+here`)},
		{
			PreConfig: func() {
				acctest.RBD(t, "snap", "rm", "--no-progress", spec+"@s")
				acctest.RBD(t, "snap", "create", "--no-progress", spec+"@s")
			},
			Config: config, ExpectError: regexp.MustCompile(`no\s+appliance\s+here`),
		},
	}})
}

// noAppliance has every start of an appliance fail from now on.
func noAppliance(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	acctest.Script(t, filepath.Join(dir, "guestfish"), "#!/bin/sh\necho no appliance here >&2\nexit 1\n")
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}
