// SPDX-License-Identifier: MPL-2.0

package conversion_test

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
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func infoConfig(source, format string) string {
	return fmt.Sprintf("data \"rbd_disk_image_info\" \"test\" {\n  %s\n  format = %q\n}\n", source, format)
}

// What images say, from a file and from RBD: every attribute is set and is null
// in one of them. More sorts are in internal/operation/conversion.
func TestDiskImageInfo(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	raw := disktest.Raw(t)
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-o", "extended_l2=on,cluster_size=128k,compression_type=zstd", raw, at("new"))
	disktest.QemuImg(t, "snapshot", "-c", "before", at("new"))
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-o", "compat=0.10", raw, at("old"))
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, at("stream"))
	disktest.QemuImg(t, "create", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", at("backing"), "3M")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, at("flat"))
	if err := os.WriteFile(at("stated"), disktest.Content(t, at("old")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("odd"), make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	type values map[string]knownvalue.Check
	text, yes, no, null := knownvalue.StringExact, knownvalue.Bool(true), knownvalue.Bool(false), knownvalue.Null()
	const size = 24<<20 + 512
	for what, tc := range map[string]struct {
		format string
		want   values
	}{
		"new": {"qcow2", values{
			"virtual_size_bytes": knownvalue.Int64Exact(size), "cluster_size_bytes": knownvalue.Int64Exact(128 << 10), "compat": text("1.1"),
			"compression_type": text("zstd"), "extended_l2": yes, "encrypted": no, "dirty": no, "corrupt": no, "backing_file": null, "data_file": null, "create_type": null,
			"snapshots": knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(values{"name": text("before"), "id": text("1"), "vm_state_size_bytes": knownvalue.Int64Exact(0)})}),
		}},
		"stream":  {"vmdk", values{"virtual_size_bytes": knownvalue.Int64Exact(size), "create_type": text("streamOptimized"), "compat": null, "snapshots": null}},
		"backing": {"qcow2", values{"virtual_size_bytes": knownvalue.Int64Exact(3 << 20), "backing_file": text("/etc/shadow"), "backing_format": text("raw")}},
		"flat":    {"vmdk", values{"virtual_size_bytes": knownvalue.Int64Exact(size), "create_type": text("monolithicFlat"), "data_file": text("flat-flat"), "content": null}},
		"odd":     {"raw", values{"virtual_size_bytes": knownvalue.Int64Exact(1<<20 + 512), "size_bytes": knownvalue.Int64Exact(1<<20 + 1), "disk_size_bytes": knownvalue.NotNull(), "cluster_size_bytes": null, "content": null}},
		"stated":  {"raw", values{"content": text("a qcow2 disk image"), "virtual_size_bytes": knownvalue.NotNull()}},
	} {
		t.Run(what, func(t *testing.T) {
			uploaded := "images/" + name + "-" + what
			acctest.RBD(t, "import", "--no-progress", at(what), uploaded)
			archive := filepath.Join(t.TempDir(), "a.tar")
			if out, err := exec.Command("tar", "-C", dir, "-cf", archive, "./"+what).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, source := range []string{file(at(what)), fmt.Sprintf("image = %q", uploaded), file(archive) + fmt.Sprintf("\narchive_member = %q", what)} {
				checks := []statecheck.StateCheck{
					statecheck.ExpectKnownValue("data.rbd_disk_image_info.test", tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(int64(len(disktest.Content(t, at(what)))))),
				}
				for key, want := range tc.want {
					checks = append(checks, statecheck.ExpectKnownValue("data.rbd_disk_image_info.test", tfjsonpath.New(key), want))
				}
				providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{Config: infoConfig(source, tc.format), ConfigStateChecks: checks}}})
			}
		})
	}
}

func TestDiskImageInfoErrors(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	raw := disktest.Raw(t)
	if err := os.WriteFile(at("zip"), disktest.Gzip(t, []byte("x")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-C", dir, "-cf", at("tar"), "zip"}, {"-C", filepath.Dir(raw), "-Scf", at("sparse.tar"), "disk.raw"}} {
		if out, err := exec.Command("tar", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for what, tc := range map[string]struct{ config, want string }{
		"missing":      {infoConfig(file(at("nothing")), "qcow2"), `no such file`},
		"no image":     {infoConfig(fmt.Sprintf("image = \"vms/%s-nothing\"", name), "qcow2"), `image not found`},
		"wrong format": {infoConfig(file(raw), "qcow2"), `not in the stated format.*State the format`},
		"wrapped":      {infoConfig(file(at("zip")), "raw"), `compressed as a whole.*Decompress it first`},
		"tar":          {infoConfig(file(at("tar")), "qcow2"), `is a tar archive, not qcow2.*archive_member names the file`},
		"not in it":    {infoConfig(file(at("tar"))+"\narchive_member = \"x\"", "qcow2"), `no such file: "x"; it holds "zip"`},
		"sparse":       {infoConfig(file(at("sparse.tar"))+"\narchive_member = \"disk.raw\"", "raw"), `can't be read where it lies in the archive.*Unpack it first`},
		"of an image":  {infoConfig("image = \"vms/a\"\narchive_member = \"x\"", "raw"), `archive_member is nothing without file`},
		"two":          {infoConfig(file(raw)+"\nimage = \"vms/a\"", "raw"), `Invalid Attribute Combination`},
		"neither":      {infoConfig("", "raw"), `Invalid Attribute Combination|one \(and only one\)`},
		"probe":        {infoConfig(file(raw), "auto"), `value must be one of`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: tc.config, ExpectError: regexp.MustCompile("(?is)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
			}}})
		})
	}
}
