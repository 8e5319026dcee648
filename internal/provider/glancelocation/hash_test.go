// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// newWritten is a golden image with data in it.
func newWritten(t *testing.T) golden {
	t.Helper()
	g := newGolden(t)
	acctest.RBD(t, "snap", "unprotect", g.Spec+"@s")
	acctest.RBD(t, "snap", "rm", "--no-progress", g.Spec+"@s")
	acctest.RBD(t, "bench", "--io-type", "write", "--io-total", "5M", "--io-size", "1M", g.Spec)
	g.Snapshot("s")
	return g
}

// sum is what the commands say of the snapshot "s".
func (g *golden) sum(command string) string {
	g.T.Helper()
	out, err := exec.Command("bash", "-c", `set -o pipefail; rbd export --no-progress "$1" - | "$2"`, "-", g.Spec+"@s", command).Output()
	if err != nil {
		g.T.Fatalf("%s: %v", command, err)
	}
	return strings.Fields(string(out))[0]
}

// tamper changes a column of the record, which no call of the API can.
func (g *golden) tamper(column, value string) {
	g.T.Helper()
	db := filepath.Join(os.Getenv("RBD_LAB"), "glance", "glance.sqlite")
	out, err := exec.Command("sqlite3", db, ".timeout 5000",
		fmt.Sprintf("update images set %s = '%s' where id = '%s'", column, value, g.Record(g.Name).ID)).CombinedOutput()
	if err != nil {
		g.T.Fatalf("sqlite3: %v: %s", err, out)
	}
}

func (g *golden) hashed(i *glance.Image) error {
	if i.HashAlgo != "sha512" || i.HashValue != g.sum("sha512sum") || i.Checksum != g.sum("md5sum") {
		return fmt.Errorf("the hashes are %s %s, md5 %s", i.HashAlgo, i.HashValue, i.Checksum)
	}
	return nil
}

func hashMatches(c knownvalue.Check) []statecheck.StateCheck {
	return []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("hash_matches"), c)}
}

func TestLocationHash(t *testing.T) {
	g := newWritten(t)
	c := func(more ...string) string { return config(g.Spec+"@s", g.Name, more...) }
	id, other := statecheck.CompareValue(same{}), ""
	keeps := func(c knownvalue.Check) []statecheck.StateCheck {
		return append(hashMatches(c), id.AddStateValue(address, tfjsonpath.New("image_id")))
	}
	wrong := strings.Repeat("0", 128)
	// As if the data were not what was hashed: a snapshot can't be written to.
	forge := func() {
		g.tamper("os_hash_value", wrong)
		key := prefix + "glance." + g.Record(g.Name).ID
		note := acctest.RBD(t, "image-meta", "get", g.Spec, key)
		acctest.RBD(t, "image-meta", "set", g.Spec, key, strings.Replace(note, g.sum("sha512sum"), wrong, 1))
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{
				Config: c(), ConfigStateChecks: hashMatches(knownvalue.Null()),
				Check: g.registered(g.Name, func(i *glance.Image) error {
					other = i.ID
					if i.HashValue != "" || i.Checksum != "" {
						return fmt.Errorf("there are hashes: %+v", i)
					}
					return nil
				}),
			},
			{ // nothing to compare with
				Config: c(`verify_hash = true`), ExpectError: regexp.MustCompile(`(?s)has\s+no\s+hash.*verify_hash`),
			},
			{ // Glance takes them for a new one only
				Config: c(`hash = "once"`), ConfigPlanChecks: replace, ConfigStateChecks: keeps(knownvalue.Bool(true)),
				Check: g.registered(g.Name, g.hashed, func(i *glance.Image) error {
					if i.ID == other {
						return fmt.Errorf("it is still image %s", i.ID)
					}
					return nil
				}),
			},
			{
				ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
			},
			{Config: c(`hash = "eager"`), ConfigPlanChecks: update, ConfigStateChecks: keeps(knownvalue.Bool(true))},
			{Config: c(`hash = "eager"`), ConfigPlanChecks: empty, ConfigStateChecks: keeps(knownvalue.Bool(true))},
			{Config: c(), ConfigPlanChecks: update, Check: g.registered(g.Name, g.hashed), ConfigStateChecks: keeps(knownvalue.Bool(true))},
			{Config: c(`os_hash_algo = "sha512"`), ConfigPlanChecks: empty}, // as it is
			{Config: c(`os_hash_algo = "sha256"`), ExpectError: regexp.MustCompile(`(?s)os_hash_algo.*another\s+algorithm\s+\(sha512\)`)},
			{Config: c(`verify_hash = "1"`), ConfigPlanChecks: update, ConfigStateChecks: keeps(knownvalue.Bool(true))},
			{Config: c(`hash = "once"`), ConfigPlanChecks: update, ConfigStateChecks: keeps(knownvalue.Bool(true))},
			{ // as noted, but not as Glance says; with "off" it is only shown
				PreConfig: func() { g.tamper("os_hash_value", wrong) },
				Config:    c(), ConfigPlanChecks: update, ConfigStateChecks: keeps(knownvalue.Bool(false)),
			},
			{ // on demand
				Config: c(`verify_hash = "2"`), ExpectError: regexp.MustCompile(`(?is)the\s+data\s+is\s+not\s+what\s+Glance\s+says.*` + wrong[:30]),
			},
			{
				Config: c(`hash = "once"`), ConfigPlanChecks: replace, ConfigStateChecks: hashMatches(knownvalue.Bool(true)),
				Check: g.registered(g.Name, g.hashed),
			},
			{ // only reading shows this
				PreConfig: forge,
				Config:    c(`hash = "once"`), ConfigPlanChecks: empty,
			},
			{Config: c(`hash = "eager"`), ExpectError: regexp.MustCompile(`(?is)the\s+data\s+is\s+not\s+what\s+Glance\s+says`)},
			{
				Config: c(`hash = "eager"`), ConfigPlanChecks: replace, ConfigStateChecks: hashMatches(knownvalue.Bool(true)),
				Check: g.registered(g.Name, g.hashed),
			},
			{ // every refresh reads
				PreConfig: forge,
				Config:    c(`hash = "eager"`), ConfigPlanChecks: replace, Check: g.registered(g.Name, g.hashed),
			},
		},
	})
}

// An algorithm that the server does not use leaves nothing behind.
func TestLocationHashRefused(t *testing.T) {
	g := newGolden(t)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{
				Config:      config(g.Spec+"@s", g.Name, `hash = "once"`, `os_hash_algo = "sha256"`),
				ExpectError: regexp.MustCompile(`(?s)another\s+algorithm\s+than\s+sha256.*hashing_algorithm`),
			},
			{
				PreConfig: func() {
					if err := g.untouched(nil); err != nil {
						t.Error(err)
					}
				},
				Config:      config(g.Spec+"@s", g.Name, `os_hash_algo = "sha512"`),
				ExpectError: regexp.MustCompile(`An\s+algorithm\s+without\s+a\s+hash`),
			},
			{
				Config: config(g.Spec+"@s", g.Name, `hash = "once"`, `timeouts = {`, `create = "1ns"`, `}`), ExpectError: regexp.MustCompile(`(?s)deadline`),
			},
		},
	})
}

// Hashes that somebody else gave are compared when they are taken over.
func TestLocationHashOfOthers(t *testing.T) {
	for what, right := range map[string]bool{"right": true, "wrong": false} {
		t.Run(what, func(t *testing.T) {
			g := newWritten(t)
			v := glance.ValidationData{HashAlgo: "sha512", HashValue: strings.Repeat("a", 128), Checksum: strings.Repeat("b", 32)}
			if right {
				v.HashValue, v.Checksum = g.sum("sha512sum"), g.sum("md5sum")
			}
			member, ctx := client(t, asMember), t.Context()
			rec, err := member.Create(ctx, glance.CreateOpts{Name: g.Name, DiskFormat: "raw", ContainerFormat: "bare", Visibility: "private", MinDiskGiB: 1})
			if err == nil {
				_, err = member.AddLocation(ctx, rec.ID, fmt.Sprintf("rbd://%s/%s/s", acctest.FSID(t), g.Spec), nil, &v)
			}
			if err != nil {
				t.Fatal(err)
			}
			imported := fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", address, rec.ID)
			c := config(g.Spec+"@s", g.Name, `hash = "once"`)
			steps := []resource.TestStep{{
				Config: imported + c, ConfigPlanChecks: update,
				ConfigStateChecks: hashMatches(knownvalue.Bool(true)), Check: g.registered(g.Name),
			}}
			if !right {
				steps = []resource.TestStep{
					{Config: imported + c, ExpectError: regexp.MustCompile(`(?is)the\s+data\s+is\s+not\s+what\s+Glance\s+says`)},
					{Config: c, ConfigPlanChecks: replace, Check: g.registered(g.Name, g.hashed)},
				}
			}
			providertest.Run(t, resource.TestCase{CheckDestroy: g.untouched, Steps: steps})
		})
	}
}
