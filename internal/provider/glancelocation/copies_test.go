// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// Glance copies a registered image to further stores: one that is lost is copied
// again, and one that is not wanted any more is removed, but for those of others.
func TestLocationCopies(t *testing.T) {
	g := newGolden(t)
	files := t.TempDir()
	if err := os.Chmod(files, 0o777); err != nil { // Glance may be another user
		t.Fatal(err)
	}
	server := acctest.StartGlance(t, map[string]string{
		"enabled_backends":               "rbd:rbd, files:file, more:file",
		"files.filesystem_store_datadir": filepath.Join(files, "files"), "more.filesystem_store_datadir": filepath.Join(files, "more"),
	})
	member, admin := through(server.Address, cloud(asMember)), through(server.Address, cloud(asAdmin))
	with := func(stores string) string {
		return config(g.Spec+"@s", g.Name, fmt.Sprintf("copy_to_stores = [%s]", stores))
	}
	id := ""
	copies := func(want ...string) func(*terraform.State) error {
		return func(s *terraform.State) error {
			id = s.RootModule().Resources[address].Primary.Attributes["image_id"]
			for _, store := range []string{"files", "more"} {
				there, wanted := false, false
				if info, err := os.Stat(filepath.Join(files, store, id)); err == nil && info.Size() == 8<<20 {
					there = true
				}
				for _, w := range want {
					wanted = wanted || w == store
				}
				if there != wanted {
					return fmt.Errorf("store %s has a copy: %t", store, there)
				}
			}
			return g.Intact()
		}
	}
	lose := func() {
		r := acctest.Request{User: "admin", Project: "admin", Method: http.MethodDelete, Address: server.Address + "/v2/stores/files/" + id}
		if code := r.Send(t); code != http.StatusNoContent {
			t.Errorf("stores-delete: %d", code)
		}
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: func(*terraform.State) error {
			left, _ := filepath.Glob(filepath.Join(files, "*", "*"))
			if len(left) > 0 {
				return fmt.Errorf("left: %v", left)
			}
			return g.Untouched()
		},
		Steps: []resource.TestStep{
			{Config: admin + with(`"nope"`), ExpectError: regexp.MustCompile(`(?s)no\s+such\s+store:\s+"nope";\s+there\s+are\s+rbd,\s+files,\s+more`)},
			{Config: admin + config(g.Spec+"@s", g.Name, `store = "rbd"`, `copy_to_stores = ["rbd"]`), ExpectError: regexp.MustCompile(`(?s)has\s+the\s+registered\s+snapshot\s+itself`)},
			{Config: member + with(`"files"`), ExpectError: regexp.MustCompile(`(?s)policy\s+copy_image.*does\s+not\s+allow`)},
			{ // what the member has begun is gone on with, where the policy allows it
				Config: member + config(g.Spec+"@s", g.Name), Check: copies(),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("os_hash_value"), knownvalue.Null())},
			},
			{
				Config: admin + with(`"files", "more"`), Check: copies("files", "more"), ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("os_hash_value"), knownvalue.NotNull())},
			},
			{ // drift
				PreConfig: lose, Config: admin + with(`"files", "more"`), Check: copies("files", "more"),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
			},
			{
				Config: admin + with(`"files", "more"`), ResourceName: address, ImportState: true, ImportStateIdFunc: attribute("image_id"),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{Config: admin + with(`"more"`), Check: copies("more"), ConfigPlanChecks: providertest.Expect(providertest.Updates(address))},
		},
	})
}
