// SPDX-License-Identifier: MPL-2.0

package comparison_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// guest makes a disk with these files.
func guest(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, img := t.TempDir(), filepath.Join(t.TempDir(), "img")
	for p, content := range files {
		p = filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", dir, img, "8M").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	return img
}

func is(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("data.rbd_guest_comparison.test", tfjsonpath.New(attribute), want)
}

func text(s string) knownvalue.Check { return knownvalue.StringExact(s) }

// What differs is told, as far as the limit goes; a snapshot that is still to be made
// is waited for; and a guest that can't be read is no error.
func TestComparison(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	before := guest(t, map[string]string{"etc/hosts": "", "bin/sh": "x", "etc/a": "1", "etc/b": "1", "var/log/x": "1"})
	after := guest(t, map[string]string{"etc/hosts": "", "bin/sh": "x", "etc/a": "2", "etc/b": "22", "var/log/x": "2"})
	for spec, img := range map[string]string{"vms/" + name: before, "vms/" + name + "-after": after} {
		imagestest.Make(t, spec, "import", "--no-progress", img)
	}
	imagestest.Make(t, "vms/"+name+"-none", "create", "--size", "8M")
	for _, spec := range []string{"vms/" + name + "@s", "vms/" + name + "-none@s"} {
		acctest.RBD(t, "snap", "create", "--no-progress", spec)
	}
	config := func(before, after, more string) string {
		return fmt.Sprintf(`
resource "rbd_snapshot" "after" {
  image = "vms/%s-after"
  name  = "s"
}

data "rbd_guest_comparison" "test" {
  before = %q
  after  = %s
  %s
}
`, name, before, after, more)
	}
	const later = "rbd_snapshot.after.spec"
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config("vms/"+name+"@s", later, "limit = 1"),
			ConfigStateChecks: []statecheck.StateCheck{
				is("problem", knownvalue.Null()), is("identical", knownvalue.Bool(false)),
				is("files", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{
					"path": text("/etc/a"), "change": text("changed"), "differs": knownvalue.ListExact([]knownvalue.Check{text("content")}),
					"after": knownvalue.ObjectPartial(map[string]knownvalue.Check{"mode": text("0644"), "size_bytes": knownvalue.Int64Exact(1), "target": knownvalue.Null()}),
				})})),
				is("packages", knownvalue.ListSizeExact(0)),
				statecheck.ExpectKnownValue("data.rbd_guest_comparison.test", tfjsonpath.New("counts").AtMapKey("files").AtMapKey("changed"), knownvalue.Int64Exact(2)),
				is("markdown", knownvalue.StringRegexp(regexp.MustCompile("- changed `/etc/a`: content\n- … and 1 more\n"))),
			},
		},
		{
			Config:            config("vms/"+name+"@s", later, `ignore = ["/etc/?"]`),
			ConfigStateChecks: []statecheck.StateCheck{is("identical", knownvalue.Bool(true))},
		},
		{
			Config: config("vms/"+name+"@s", later, "ignore_defaults = false"),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("data.rbd_guest_comparison.test", tfjsonpath.New("counts").AtMapKey("files").AtMapKey("total"), knownvalue.Int64Exact(3)),
			},
		},
		{
			Config: config("vms/"+name+"-none@s", later, ""),
			ConfigStateChecks: []statecheck.StateCheck{
				is("problem", knownvalue.StringRegexp(regexp.MustCompile("no operating system found"))), is("identical", knownvalue.Bool(false)),
				is("markdown", knownvalue.StringRegexp(regexp.MustCompile("Not compared: "))),
			},
		},
		{Config: config("vms/"+name+"@s", later, `ignore = ["etc"]`), ExpectError: regexp.MustCompile("Not a pattern of paths")},
		{Config: config("vms/"+name+"@s", `"vms/`+name+`-after@none"`, ""), ExpectError: regexp.MustCompile("(?s)Unable to compare guests of RBD snapshots.*not found")},
	}})
}
