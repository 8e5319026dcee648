// SPDX-License-Identifier: MPL-2.0

package guestfile_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// golden makes an image of one of the lab's guests, with the snapshot "v1".
func golden(t *testing.T, guest string) string {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw")
	out, err := exec.Command("qemu-img", "convert", "-f", "qcow2", "-O", "raw", filepath.Join(os.Getenv("RBD_LAB_GUESTS"), guest+".qcow2"), raw).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	spec := "vms/" + providertest.Name(t) + "-" + guest
	imagestest.Make(t, spec, "import", "--no-progress", raw)
	imagestest.Snapshot(t, spec+"@v1", false)
	return spec
}

func file(label, image, path string, more ...string) string {
	return fmt.Sprintf("data \"rbd_guest_file\" %q {\n  image = %q\n  path  = %q\n  %s\n}\n", label, image, path, strings.Join(more, "\n  "))
}

func is(label, attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("data.rbd_guest_file."+label, tfjsonpath.New(attribute), want)
}

// Files, directories and links of every guest, as they were put there; without
// an appliance, and with caps to read only. guestinspect reads them in an appliance.
func TestGuestFile(t *testing.T) {
	t.Parallel()
	user, key := imagestest.User(t, "profile rbd-read-only pool=vms")
	provider := fmt.Sprintf("provider \"rbd\" {\n  ceph = {\n    user = %q\n    key  = %q\n  }\n  guestfs = {\n    launch_timeout = \"1s\"\n  }\n}\n", user, key)
	for guest, root := range map[string]string{"tiny-ext4": "/dev/sda1", "tiny-xfs": "/dev/sda2", "tiny-lvm": "/dev/vgsys/lvroot"} {
		t.Run(guest, func(t *testing.T) {
			spec := golden(t, guest)
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: provider + file("fstab", spec+"@v1", "/etc/fstab") + file("head", spec, "/etc/fstab") +
					file("dir", spec+"@v1", "/etc") + file("link", spec+"@v1", "/sbin/init") + file("program", spec+"@v1", "/bin/busybox", fmt.Sprintf("root_device = %q", root)),
				ConfigStateChecks: []statecheck.StateCheck{
					is("fstab", "type", knownvalue.StringExact("regular file")),
					is("fstab", "mode", knownvalue.StringExact("0644")),
					is("fstab", "uid", knownvalue.Int64Exact(0)),
					is("fstab", "root_device", knownvalue.StringExact(root)),
					is("fstab", "link_target", knownvalue.Null()),
					is("fstab", "content", knownvalue.StringRegexp(regexp.MustCompile(`(?m)^\S+ / \S+ `))),
					is("head", "content", knownvalue.StringRegexp(regexp.MustCompile(`(?m)^\S+ / \S+ `))),
					is("dir", "type", knownvalue.StringExact("directory")),
					is("dir", "content", knownvalue.Null()),
					is("dir", "size_bytes", knownvalue.Null()),
					is("link", "type", knownvalue.StringExact("symbolic link")),
					is("link", "link_target", knownvalue.StringExact("../bin/busybox")),
					is("program", "content", knownvalue.Null()),
					is("program", "sha256", knownvalue.StringExact(sumOfBusybox(t))),
				},
			}}})
		})
	}
}

// sumOfBusybox is the SHA-256 of the program that the lab puts into its guests.
func sumOfBusybox(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("sha256sum", "/usr/bin/busybox").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))[0]
}

// What can't be read is said.
func TestGuestFileRefused(t *testing.T) {
	t.Parallel()
	spec := golden(t, "tiny-ext4")
	name := strings.TrimPrefix(spec, "vms/")
	for text, config := range map[string]string{
		`"/etc/gone"\s+in\s+the\s+guest:\s+file\s+does\s+not\s+exist`: file("it", spec, "/etc/gone"),
		`image\s+not\s+found|no\s+such\s+image|not\s+found`:           file("it", "vms/"+name+"-gone", "/etc/fstab"),
		`snapshot\s+not\s+found|not\s+found`:                          file("it", spec+"@gone", "/etc/fstab"),
		`must\s+begin\s+with\s+/dev/`:                                 file("it", spec, "/etc/fstab", `root_device = "sda1"`),
		`is\s+not\s+absolute`:                                         file("it", spec, "etc/fstab"),
		`file\s+is\s+too\s+large`:                                     file("it", spec, "/boot/vmlinuz"),
	} {
		providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{Config: config, ExpectError: regexp.MustCompile(text)}}})
	}
	acctest.RBD(t, "lock", "add", spec, "somebody")
	t.Cleanup(func() { acctest.Admin(t, "rbd", "lock", "rm", spec, "somebody", locker(t, spec)) })
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: file("it", spec, "/etc/fstab"), ExpectError: regexp.MustCompile(`in\s+use`),
	}}})
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: file("it", spec+"@v1", "/etc/fstab"), ConfigStateChecks: []statecheck.StateCheck{is("it", "mode", knownvalue.StringExact("0644"))},
	}}})
}

func locker(t *testing.T, spec string) string {
	t.Helper()
	var locks []struct{ Locker string }
	if err := json.Unmarshal([]byte(acctest.RBD(t, "lock", "ls", "--format", "json", spec)), &locks); err != nil || len(locks) != 1 {
		t.Fatalf("%v: %v", locks, err)
	}
	return locks[0].Locker
}
