package fileedit_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// separate is a guest with /var in a file system of its own, which its fstab
// names wrongly.
func separate(t *testing.T) string {
	t.Helper()
	return guesttest.Disk(t, "label: gpt\nstart=2048,size=16384,type=L\nstart=20480,size=16384,type=L\n", map[int64]map[string]string{
		1:  {"lib/app.conf": "old\n"},
		10: {"etc/fstab": "UUID=gone /var ext4 defaults 0 2\n", "var/lib/hidden": "", "bin/sh": ""},
	})
}

// Without an appliance and in one, the given file systems are read and edited.
func TestFileEditMounts(t *testing.T) {
	name := providertest.Name(t)
	plain, odd := "vms/"+name, "vms/"+name+"-odd"
	raw := separate(t)
	imagestest.Make(t, plain, "import", "--no-progress", raw)
	f, err := os.OpenFile(raw, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// Taken for a part of a RAID, which only the appliance's kernel knows better.
	if _, err := f.WriteAt([]byte{0xfc, 0x4e, 0x2b, 0xa9}, 10<<20+4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	imagestest.Make(t, odd, "import", "--no-progress", raw)
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
			Config: edit(plain, mounts, files) + read(plain, "plain", "/var/lib/app.conf") + read(odd, "odd", "/var/lib/app.conf"),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("data.rbd_guest_file.plain", tfjsonpath.New("content"), knownvalue.StringExact("new\n")),
				statecheck.ExpectKnownValue("data.rbd_guest_file.plain", tfjsonpath.New("root_device"), knownvalue.StringExact("/dev/sda2")),
				statecheck.ExpectKnownValue("data.rbd_guest_file.odd", tfjsonpath.New("content"), knownvalue.StringExact("old\n")),
				statecheck.ExpectKnownValue("data.rbd_guest_file.odd", tfjsonpath.New("root_device"), knownvalue.StringExact("/dev/sda2")),
			},
			Check: resource.ComposeAggregateTestCheckFunc(guesttest.Clean(t, plain), func(*terraform.State) error {
				if out := guesttest.Look(t, plain, "cat /lib/app.conf"); !regexp.MustCompile(`(?m)^new$`).MatchString(out) {
					return fmt.Errorf("in the file system of /var: %s", out)
				}
				return nil
			}),
		},
		{ // other file systems, another guest: nothing holds any more
			Config: edit(plain, `mounts = { "/" = "/dev/sda2", "/etc" = "/dev/sda1" }`, `"/etc/lib/app.conf" = { content = "new\n" }`),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
			}},
		},
	}})
}
