// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// The tutorial's configuration: the first release, and the second one, whose
// record is there before the first one's goes.
func TestGettingStarted(t *testing.T) {
	acctest.RequireLab(t)
	name := providertest.Name(t)
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "terraform-provider-rbd")
	first := strings.NewReplacer(
		"4b5c8c0a-ff60-454b-a1b4-9747aa737d19", acctest.FSID(t),
		`"dc1"`, fmt.Sprintf("%q", os.Getenv("OS_CLOUD")),
		`"debian-12.qcow2"`, fmt.Sprintf("%q", filepath.Join(os.Getenv("RBD_LAB_GUESTS"), "tiny-ext4.qcow2")),
		`"debian-12"`, fmt.Sprintf("%q", name),
		`"Debian 12"`, fmt.Sprintf("%q", name),
	).Replace(read(t, filepath.Join(top, "examples", "getting-started", "main.tf")))
	second := strings.Replace(first, "made by Terraform", "made by Terraform, second edition", 1)
	motd := func(want string) resource.TestCheckFunc {
		return func(s *terraform.State) error {
			snapshot := s.RootModule().Resources["rbd_snapshot.debian"].Primary.Attributes["spec"]
			return guesttest.Contains(t, snapshot, []string{"cat /etc/motd"}, acctest.Has(want+"\n"))(s)
		}
	}
	providertest.Run(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: first, Check: motd("Debian 12, made by Terraform")},
			{
				Config: second, Check: motd("Debian 12, made by Terraform, second edition"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction("rbd_image_conversion.debian", plancheck.ResourceActionNoop),
					plancheck.ExpectResourceAction("rbd_guest_file_edit.debian", plancheck.ResourceActionUpdate),
					plancheck.ExpectResourceAction("rbd_snapshot.debian", plancheck.ResourceActionCreateBeforeDestroy),
					plancheck.ExpectResourceAction("rbd_glance_image_location.debian", plancheck.ResourceActionCreateBeforeDestroy),
				}},
			},
		},
		CheckDestroy: func(*terraform.State) error {
			if left := acctest.Images(t, "images", name); len(left) > 0 {
				return fmt.Errorf("left: %v", left)
			}
			return nil
		},
	})
}
