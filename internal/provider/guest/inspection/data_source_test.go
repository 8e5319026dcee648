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

// edited makes an image of the guest on a logical volume, edits it, and inspects the
// snapshot.
func edited(name string) string {
	return guesttest.Conversion(name, "tiny-lvm") + `
resource "rbd_guest_file_edit" "test" {
  image = rbd_image_conversion.test.spec
  files = {
    "/etc/udev/rules.d/70-persistent-net.rules" = {
      content = "SUBSYSTEM==\"net\", ATTR{address}==\"52:54:00:aa:bb:cc\", NAME=\"eth0\"\n"
    }
  }
}

resource "rbd_snapshot" "test" {
  image = rbd_guest_file_edit.test.spec
  name  = "v-${rbd_guest_file_edit.test.revision}"
}

data "rbd_guest_inspection" "test" {
  image = rbd_snapshot.test.spec
}
`
}

func is(want knownvalue.Check, attribute string, path ...any) statecheck.StateCheck {
	return of("test", want, attribute, path...)
}

// of is is for another of the data sources.
func of(label string, want knownvalue.Check, attribute string, path ...any) statecheck.StateCheck {
	at := tfjsonpath.New(attribute)
	for _, p := range path {
		switch p := p.(type) {
		case int:
			at = at.AtSliceIndex(p)
		case string:
			at = at.AtMapKey(p)
		}
	}
	return statecheck.ExpectKnownValue("data.rbd_guest_inspection."+label, at, want)
}

const (
	os0   = "operating_systems"
	rules = "/etc/udev/rules.d/70-persistent-net.rules"
)

// having imports a guest that has what it needs in a cloud, but for a serial console.
func having(t *testing.T, spec string) {
	t.Helper()
	guesttest.Import(t, spec, map[string]string{
		"/usr/bin/cloud-init":  "#!/bin/sh\n",
		"/boot/config-6":       "CONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_NET=y\n",
		"/var/lib/dpkg/status": "Package: cloud-init\nStatus: install ok installed\nMaintainer: nobody\nArchitecture: all\nVersion: 1:22.4.2-1\nDescription: one\n two\n\n",
	})
	silent := filepath.Join(t.TempDir(), "grub.cfg")
	if err := os.WriteFile(silent, []byte("linux /boot/vmlinuz root=LABEL=root quiet\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	guesttest.AlterRoot(t, spec, "rm "+rules, "write "+os.DevNull+" "+rules, "rm /boot/grub/grub.cfg", "write "+silent+" /boot/grub/grub.cfg")
	acctest.RBD(t, "snap", "create", "--no-progress", spec+"@s")
}

// What one guest has, on a logical volume, is told from what another has, on a
// partition. What was found in a snapshot is kept on this machine; another snapshot
// of the same name is another.
func TestInspection(t *testing.T) {
	name := providertest.Name(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	spec := "vms/" + name + "-having"
	having(t, spec)
	both := edited(name) + fmt.Sprintf("data \"rbd_guest_inspection\" \"having\" {\n  image = %q\n  packages = true\n}\n", spec+"@s")
	found := []statecheck.StateCheck{
		is(knownvalue.ListSizeExact(1), os0),
		is(knownvalue.StringExact("linux"), os0, 0, "type"),
		is(knownvalue.StringExact("debian"), os0, 0, "distro"),
		is(knownvalue.StringExact("x86_64"), os0, 0, "architecture"),
		is(knownvalue.StringExact("/dev/vgsys/lvroot"), os0, 0, "root_device"),
		is(knownvalue.StringExact("/dev/vgsys/lvroot"), os0, 0, "mounts", "/"),
		is(knownvalue.StringExact("LABEL=gone"), os0, 0, "missing_mounts", "/data"),
		is(knownvalue.Bool(false), os0, 0, "cloud_init"),
		is(knownvalue.Bool(true), os0, 0, "serial_console"),
		is(knownvalue.Bool(false), os0, 0, "no_fixed_mac_addresses"),
		is(knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact(rules)}), os0, 0, "mac_address_files"),
		is(knownvalue.Null(), os0, 0, "packages"),
		is(knownvalue.StringExact("ext4"), "file_systems", 0, "type"),
		is(knownvalue.NotNull(), "file_systems", 0, "uuid"),

		of("having", knownvalue.StringExact("/dev/sda1"), os0, 0, "root_device"),
		of("having", knownvalue.StringExact("/dev/sda1"), os0, 0, "mounts", "/"),
		of("having", knownvalue.Bool(true), os0, 0, "cloud_init"),
		of("having", knownvalue.Bool(false), os0, 0, "serial_console"),
		of("having", knownvalue.Bool(true), os0, 0, "virtio"),
		of("having", knownvalue.Bool(true), os0, 0, "no_fixed_mac_addresses"),
		of("having", knownvalue.ListExact(nil), os0, 0, "mac_address_files"),
		of("having", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectExact(map[string]knownvalue.Check{
			"name": knownvalue.StringExact("cloud-init"), "version": knownvalue.StringExact("1:22.4.2-1"), "architecture": knownvalue.StringExact("all"),
		})}), os0, 0, "packages"),
		of("having", knownvalue.StringExact("/dev/sda1"), "file_systems", 0, "device"),
		of("having", knownvalue.StringExact("ext4"), "file_systems", 0, "type"),
		of("having", positive{}, "file_systems", 0, "free_bytes"),
		of("having", positive{}, "file_systems", 0, "size_bytes"),
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: both, ConfigStateChecks: found,
			Check: resource.ComposeAggregateTestCheckFunc(unwatched(t, "vms/"+name), unwatched(t, spec)),
		},
		{PreConfig: func() { noAppliance(t) }, Config: both, ConfigStateChecks: found},
		{Config: strings.Replace(both, "packages = true", "", 1), ExpectError: regexp.MustCompile(`no\s+appliance\s+here`)},
		{
			PreConfig: func() {
				acctest.RBD(t, "snap", "rm", "--no-progress", spec+"@s")
				acctest.RBD(t, "snap", "create", "--no-progress", spec+"@s")
			},
			Config: both, ExpectError: regexp.MustCompile(`no\s+appliance\s+here`),
		},
	}})
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

// noAppliance has every start of an appliance fail from now on.
func noAppliance(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	acctest.Script(t, filepath.Join(dir, "guestfish"), "#!/bin/sh\necho no appliance here >&2\nexit 1\n")
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}
