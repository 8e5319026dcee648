// SPDX-License-Identifier: MPL-2.0

package fileedit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// secretly is an edit with a secret, and another one beside it.
func secretly(secret string, version int, motd string) string {
	return fmt.Sprintf(`
    "/etc/app.token" = { content_wo = %q, content_wo_version = %d }
    "/etc/motd"      = { content = %q }
`, secret, version, motd)
}

// contentKey is the key that the image has for the prints of its one secret.
func contentKey(t *testing.T, spec string) string {
	t.Helper()
	found := regexp.MustCompile(`content-key\.\w+\s+(\w+:\w+)`).FindStringSubmatch(acctest.RBD(t, "image-meta", "ls", spec))
	if found == nil {
		return ""
	}
	return found[1]
}

// A secret is written once for each version, and where the file is not what was
// written; another value alone is not seen.
func TestFileEditSecrets(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	edit := func(files string) string { return config(name, "tiny-ext4", files) }
	token := func(want string) resource.TestCheckFunc {
		return guesttest.Contains(t, spec, []string{"cat /etc/app.token", "stat /etc/app.token"}, acctest.Has(want, "Mode:  0600"))
	}
	same := statecheck.CompareValue(&revisions{})
	var keys []string
	key := func(*terraform.State) error {
		k := contentKey(t, spec)
		if len(keys) > 0 && k == keys[len(keys)-1] || k == "" {
			return fmt.Errorf("the key is %q, was %q", k, keys)
		}
		keys = append(keys, k)
		return nil
	}
	noKey := func(*terraform.State) error {
		if k := contentKey(t, spec); k != "" {
			return fmt.Errorf("the key %q is left", k)
		}
		return nil
	}
	var changed string
	revision := tfjsonpath.New("revision")
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: edit(`"/etc/a" = { content_wo = "x" }`), ExpectError: regexp.MustCompile(`is\s+nothing\s+without\s+content_wo_version`)},
			{Config: edit(`"/etc/a" = { content_wo_version = 1 }`), ExpectError: regexp.MustCompile(`is\s+nothing\s+without\s+content_wo:`)},
			{Config: edit(`"/etc/a" = { content_wo = "x", content_wo_version = 1, content = "x" }`), ExpectError: regexp.MustCompile(`can't\s+be\s+given\s+beside\s+content`)},
			{
				Config: edit(secretly("token one", 1, "a")),
				ConfigStateChecks: []statecheck.StateCheck{
					same.AddStateValue(address, revision),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("files").AtMapKey("/etc/app.token").AtMapKey("content_wo"), knownvalue.Null()),
				},
				Check: resource.ComposeAggregateTestCheckFunc(token("token one"), key),
			},
			{Config: edit(secretly("token two", 1, "a")), ConfigPlanChecks: providertest.Nothing()},
			{ // what else is edited leaves the secret alone
				Config:           edit(secretly("token two", 1, "b")),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				Check:            token("token one"),
			},
			{ // changed behind our back
				PreConfig: func() {
					changed = filepath.Join(t.TempDir(), "token")
					if err := os.WriteFile(changed, []byte("token 1wo"), 0o600); err != nil {
						t.Fatal(err)
					}
					guesttest.AlterRoot(t, spec, "rm /etc/app.token", "write "+changed+" /etc/app.token", "sif /etc/app.token mode 0100600")
				},
				Config: edit(secretly("token two", 1, "b")), PlanOnly: true, ExpectNonEmptyPlan: true,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{
					providertest.Updates(address), driftIs(address, "/etc/app.token", "content is not what was written"),
				}},
			},
			{
				Config: edit(secretly("token two", 1, "b")),
				Check:  resource.ComposeAggregateTestCheckFunc(token("token two"), key),
			},
			{ // back, which is the same revision
				Config:            edit(secretly("token three", 1, "a")),
				ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(address, revision)},
				Check:             token("token two"),
			},
			{
				Config: edit(secretly("token three", 2, "a")),
				ConfigPlanChecks: providertest.Expect(
					providertest.Updates(address),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("files").AtMapKey("/etc/app.token").AtMapKey("content_wo"), knownvalue.Null()),
				),
				Check: resource.ComposeAggregateTestCheckFunc(token("token three"), key),
			},
			{ // without its key a print says nothing
				PreConfig: func() {
					label := regexp.MustCompile(`\S+content-key\.\w+`).FindString(acctest.RBD(t, "image-meta", "ls", spec))
					acctest.RBD(t, "image-meta", "rm", spec, label)
				},
				Config: edit(secretly("token three", 2, "a")),
				ConfigPlanChecks: providertest.Expect(
					providertest.Updates(address), driftIs(address, "/etc/app.token", "the key for that is gone"),
				),
				Check: resource.ComposeAggregateTestCheckFunc(token("token three"), key),
			},
			{ // a secret no more
				Config: edit(`"/etc/app.token" = { mode = "0600" }`),
				Check:  resource.ComposeAggregateTestCheckFunc(token("token three"), noKey),
			},
			{
				Config: edit(secretly("token four", 1, "a")),
				Check:  resource.ComposeAggregateTestCheckFunc(token("token four"), key),
			},
			{ // destroyed: the image stays
				Config: guesttest.Conversion(name, "tiny-ext4"),
				Check:  resource.ComposeAggregateTestCheckFunc(token("token four"), noKey),
			},
		},
	})
}
