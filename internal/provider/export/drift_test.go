// SPDX-License-Identifier: MPL-2.0

package export_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func TestExportDrift(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := disktest.Snapshot(t, name, 8*mib, 1, 0)
	dir := t.TempDir()
	file := filepath.Join(dir, "disk.raw")
	cfg := config(quoted(spec), file, "raw")
	same := sameContent(t, file, "raw", spec)
	poke := func() {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if _, err := f.WriteAt([]byte("poke"), mib); err != nil {
			t.Fatal(err)
		}
	}
	hash := statecheck.CompareValue(compare.ValuesSame())
	providertest.Run(t, resource.TestCase{
		CheckDestroy: holds(dir),
		Steps: []resource.TestStep{
			{Config: cfg, Check: same, ConfigStateChecks: []statecheck.StateCheck{hash.AddStateValue(address, tfjsonpath.New("sha256"))}},
			{ // removed: written again
				PreConfig:        func() { _ = os.Remove(file) },
				Config:           cfg,
				ConfigPlanChecks: providertest.Expect(providertest.Creates(address)), Check: same,
			},
			{ // changed: written again
				PreConfig: poke,
				Config:    cfg,
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address),
					plancheck.ExpectUnknownValue(address, tfjsonpath.New("sha256"))),
				Check:             same,
				ConfigStateChecks: []statecheck.StateCheck{hash.AddStateValue(address, tfjsonpath.New("sha256"))},
			},
			{ // longer
				PreConfig:        func() { _ = os.Truncate(file, 9*mib) },
				Config:           cfg,
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)), Check: same,
			},
			{ // touched: it is the same still
				PreConfig: func() { _ = os.Chtimes(file, time.Time{}, time.Now().Add(-time.Hour)) },
				Config:    cfg, ConfigPlanChecks: empty(),
			},
			{ // another mode: put right in place
				PreConfig:        func() { _ = os.Chmod(file, 0o640) },
				Config:           cfg,
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)), Check: perm(file, 0o600),
			},
			{ // a changed one is not removed
				PreConfig: poke,
				Config:    cfg, Destroy: true,
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+export.*somebody\s+changed\s+it`),
			},
			{ // tainted and replaced
				Config: cfg, Taint: []string{address}, Check: same,
			},
		},
	})
}
