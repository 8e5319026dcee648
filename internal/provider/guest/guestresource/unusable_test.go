// SPDX-License-Identifier: MPL-2.0

package guestresource_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// What no appliance could use is refused in the plan, in the words of whoever built
// the disk, and nothing is started.
func TestGuestsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	const gpt = "label: gpt\nstart=2048,size=16384,type=L\nstart=20480,size=16384,type=L\n"
	for name, disk := range map[string]struct {
		at   map[int64]string
		want string
	}{
		"luks": {map[int64]string{10 << 20: "LUKS\xba\xbe\x00\x02"}, `/dev/sda2 is encrypted \(LUKS\)`},
		"4096": {map[int64]string{512: strings.Repeat("\x00", 8), 4096: "EFI PART"}, `sectors of 4096 bytes`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := guestdisk.Disk(t, gpt, map[int64]map[string]string{1: {"grub/grub.cfg": "boot\n"}})
			f, err := os.OpenFile(raw, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			for at, b := range disk.at {
				if _, err := f.WriteAt([]byte(b), at); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			spec := "vms/" + providertest.Name(t)
			acctest.RBD(t, "import", "--no-progress", raw, spec)
			var steps []resource.TestStep
			for kind, arguments := range map[string]string{
				"rbd_guest_file_edit":         `files = { "/etc/motd" = { content = "x" } }`,
				"rbd_guest_sysprep":           "",
				"rbd_guest_customization":     `run = ["true"]`,
				"rbd_guest_filesystem_growth": "",
			} {
				steps = append(steps, resource.TestStep{
					Config:      fmt.Sprintf("resource %q \"test\" {\n  image = %q\n  %s\n}\n", kind, spec, arguments),
					PlanOnly:    true,
					ExpectError: regexp.MustCompile(`(?s)` + strings.ReplaceAll(disk.want, " ", `\s+`) + `.*Nothing\s+was\s+started`),
				})
			}
			providertest.Run(t, resource.TestCase{Steps: steps})
		})
	}
}
