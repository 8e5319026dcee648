// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// A real Debian goes through all of the image guide, boots, and is registered.
func TestDebianExample(t *testing.T) {
	name := providertest.Name(t)
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "terraform-provider-rbd")
	if _, err := os.Stat(guesttest.Path("debian-12")); err != nil {
		t.Fatalf("%v: run `lab/lab debian`, or just `make test`", err)
	}
	example := read(t, filepath.Join(top, "examples", "golden-image-debian", "main.tf"))
	example = strings.Replace(example, "provider \"rbd\" {", "provider \"rbd\" {\n  guestfs = {\n    accelerator = \"tcg\"\n  }", 1)
	step := resource.TestStep{Config: example, ConfigVariables: config.Variables{
		"name":         config.StringVariable(name),
		"debian_qcow2": config.StringVariable(guesttest.Path("debian-12")),
		"packages":     config.StringVariable(filepath.Join(filepath.Dir(guesttest.Path("debian-12")), "debian-12-packages")),
	}}
	first, drifted := step, step
	var golden string
	first.Check = func(s *terraform.State) error {
		golden = s.RootModule().Resources["rbd_snapshot.golden"].Primary.Attributes["spec"]
		return inGlance(t, name, golden)
	}
	first.ConfigPlanChecks.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	// Somebody works on the image that the golden one was made of.
	drifted.PreConfig = func() { lookAndSpoil(t, golden, "images/"+name+"-build") }
	drifted.PlanOnly, drifted.ExpectNonEmptyPlan = true, true
	drifted.ConfigPlanChecks.PostApplyPostRefresh = []plancheck.PlanCheck{
		providertest.Updates("rbd_guest_file_edit.build"),
		providertest.Keeps("rbd_image_conversion.golden"),
	}
	providertest.Run(t, resource.TestCase{
		Steps: []resource.TestStep{first, drifted},
		CheckDestroy: func(*terraform.State) error {
			if left := acctest.Images(t, "images", name); len(left) > 0 {
				return fmt.Errorf("left: %v", left)
			}
			return nil
		},
	})
}

// inGlance expects an active image of Glance whose data are the snapshot, which
// is protected.
func inGlance(t *testing.T, name, snapshot string) error {
	t.Helper()
	var answer struct {
		Images []struct {
			Status       string
			MinDisk      int64  `json:"min_disk"`
			Distribution string `json:"os_distro"`
			Location     string `json:"direct_url"`
		}
	}
	if err := json.Unmarshal([]byte(guesttest.Run(t, guesttest.Lab(t, "glance-get"), "/v2/images?name="+name)), &answer); err != nil {
		return err
	}
	url := "rbd://" + acctest.FSID(t) + "/" + strings.ReplaceAll(snapshot, "@", "/")
	if len(answer.Images) != 1 {
		return fmt.Errorf("Glance has %+v", answer.Images)
	}
	if i := answer.Images[0]; i.Status != "active" || i.MinDisk != 1 || i.Distribution != "debian" || i.Location != url {
		return fmt.Errorf("Glance has %+v, not %s", i, url)
	}
	image, _, _ := strings.Cut(snapshot, "@")
	if out := acctest.RBD(t, "snap", "ls", image); !strings.Contains(out, "yes") {
		return fmt.Errorf("the snapshot is not protected: %s", out)
	}
	return nil
}

// lookAndSpoil looks into the golden image, and changes a file of the one that
// it was made of.
func lookAndSpoil(t *testing.T, golden, build string) {
	t.Helper()
	out := guestdisk.Guestfish(t, `
add-drive `+build+` format:raw protocol:rbd username:terraform
add-drive `+golden+` readonly:true format:raw protocol:rbd username:terraform
run
mount /dev/sda1 /
write /etc/cloud/cloud.cfg.d/99-openstack.cfg "datasource_list: [ None ]\n"
umount-all
mount-ro /dev/sdb1 /
cat /etc/cloud/cloud.cfg.d/99-openstack.cfg
command "dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' cloud-init cloud-guest-utils acpid"
ls /etc/systemd/system/multi-user.target.wants
grep console=ttyS0 /boot/grub/grub.cfg
filesize /etc/machine-id
is-file /etc/network/if-up.d/avahi-autoipd
is-file /etc/udev/rules.d/70-persistent-net.rules
is-file /root/.bash_history
is-dir /var/tmp/terraform-provider-rbd-packages
blockdev-getsize64 /dev/sdb1
`)
	got := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		"datasource_list: [ NoCloud, ConfigDrive, OpenStack, None ]",
		"acpid ii cloud-guest-utils ii cloud-init ii", " acpid.service ",
		"console=tty0 console=ttyS0,115200n8",
		// no machine id, no zeroconf, no other machine's card, no history, no packages
		" 0 false false false false 1072693248",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s:\n%s", want, golden, out)
		}
	}
}
