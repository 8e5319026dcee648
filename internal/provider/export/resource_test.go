// SPDX-License-Identifier: MPL-2.0

package export_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "rbd_image_export.test"

func config(snapshot, file, format string, more ...string) string {
	return fmt.Sprintf(`
resource "rbd_image_export" "test" {
  snapshot = %s
  file     = %q
  format   = %q
  %s
}
`, snapshot, file, format, strings.Join(more, "\n"))
}

func empty() resource.ConfigPlanChecks {
	return providertest.Nothing()
}

// A raw file and a compressed qcow2, imported again. Images of all kinds of sizes
// are exported in internal/operation/export.
func TestExportFormats(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := disktest.Snapshot(t, name, 24*mib+512, 2, 4*mib-4096)
	for _, f := range []struct{ format, compression string }{{"raw", "none"}, {"qcow2", "zstd"}} {
		t.Run(f.format+" "+f.compression, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "a,b=c:d."+f.format)
			providertest.Run(t, resource.TestCase{
				CheckDestroy: holds(dir),
				Steps: []resource.TestStep{
					{
						Config: config(quoted(spec), file, f.format, fmt.Sprintf("compression = %q", f.compression)),
						Check: resource.ComposeTestCheckFunc(
							sameContent(t, file, f.format, spec), holds(dir, filepath.Base(file)), hashed(t, file),
						),
					},
					{
						ResourceName: address, ImportState: true, ImportStateId: file + "," + spec,
						ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "file",
					},
				},
			})
		})
	}
}

func hashed(t *testing.T, file string) resource.TestCheckFunc {
	return func(s *terraform.State) error {
		a := s.RootModule().Resources[address].Primary.Attributes
		if got := a["sha256"]; got != disktest.SHA256(disktest.Content(t, file)) {
			return fmt.Errorf("sha256 is %s, not %s", got, disktest.SHA256(disktest.Content(t, file)))
		}
		if a["size_bytes"] != fmt.Sprint(len(disktest.Content(t, file))) {
			return fmt.Errorf("size_bytes is %s", a["size_bytes"])
		}
		return nil
	}
}

func TestExportLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := disktest.Snapshot(t, name, 24*mib, 1, 0, 9*mib)
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "4K", "--io-total", "64K", "vms/"+name)
	acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"@later")
	later := "vms/" + name + "@later"
	renamed := "vms/" + name + "-2@s"
	dir := t.TempDir()
	file, other := filepath.Join(dir, "disk.img"), filepath.Join(dir, "other.img")
	providertest.Run(t, resource.TestCase{
		CheckDestroy: holds(dir, "other.img"), // retained
		Steps: []resource.TestStep{
			{
				Config: config(quoted(spec), file, "raw"),
				ConfigPlanChecks: providertest.Expect(providertest.Creates(address),
					providertest.Plans(address, "virtual_size_bytes", knownvalue.Int64Exact(24*mib)),
					providertest.Plans(address, "revision", knownvalue.StringRegexp(regexp.MustCompile(`^[0-9a-f]{12}$`))),
				),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(24*mib)),
				},
				Check: resource.ComposeTestCheckFunc(sameContent(t, file, "raw", spec), perm(file, 0o600)),
			},
			{ // in place
				Config:           config(quoted(spec), file, "raw", `file_mode = "0644"`),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				Check:            perm(file, 0o644),
			},
			{ // a rename of the image is no change
				PreConfig: func() { acctest.RBD(t, "rename", "vms/"+name, "vms/"+name+"-2") },
				Config:    config(quoted(spec), file, "raw", `file_mode = "0644"`), ConfigPlanChecks: empty(),
			},
			{ // nor is its new name
				Config:           config(quoted(renamed), file, "raw", `file_mode = "0644"`),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
			},
			{ // another snapshot is another file
				PreConfig:        func() { acctest.RBD(t, "rename", "vms/"+name+"-2", "vms/"+name) },
				Config:           config(quoted(later), file, "raw"),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            sameContent(t, file, "raw", later),
			},
			{ // so are another format
				Config:           config(quoted(later), file, "qcow2", `compression = "zlib"`),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            sameContent(t, file, "qcow2", later),
			},
			{ // and another name
				Config:           config(quoted(later), other, "qcow2", `compression = "zlib"`, `on_destroy = "retain"`),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            holds(dir, "other.img"),
			},
			{ // the snapshot may go
				PreConfig: func() { acctest.RBD(t, "snap", "purge", "--no-progress", "vms/"+name) },
				Config:    config(quoted(later), other, "qcow2", `compression = "zlib"`, `on_destroy = "retain"`), ConfigPlanChecks: empty(),
			},
			{ // and be taken again
				PreConfig: func() { acctest.RBD(t, "snap", "create", "--no-progress", later) },
				Config:    config(quoted(later), other, "qcow2", `compression = "zlib"`, `on_destroy = "retain"`), ConfigPlanChecks: empty(),
			},
		},
	})
}

func perm(file string, want os.FileMode) resource.TestCheckFunc {
	return func(*terraform.State) error {
		fi, err := os.Stat(file)
		if err == nil && fi.Mode().Perm() != want {
			err = fmt.Errorf("%s has mode %v", file, fi.Mode())
		}
		return err
	}
}

// Rights to read are enough for a raw file, also of a clone, and for its import.
func TestExportWithCapsToRead(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	parent := disktest.Snapshot(t, name, 24*mib, 1, 0, 9*mib)
	acctest.RBD(t, "snap", "protect", parent)
	acctest.RBD(t, "clone", parent, "vms/"+name+"-clone")
	acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"-clone@s")
	spec := "vms/" + name + "-clone@s"
	dir := t.TempDir()
	file, keyring := filepath.Join(dir, "disk.raw"), filepath.Join(t.TempDir(), "keyring")
	user := "client." + name
	acctest.Admin(t, "ceph", "auth", "get-or-create", user, "mon", "profile rbd", "osd", "profile rbd-read-only pool=vms", "-o", keyring)
	t.Cleanup(func() { acctest.Admin(t, "ceph", "auth", "rm", user) })
	limited := fmt.Sprintf("provider \"rbd\" {\n  ceph = {\n    user = %q\n    keyring_file = %q\n  }\n}\n", name, keyring)
	cfg := limited + config(quoted(spec), file, "raw")
	providertest.Run(t, resource.TestCase{
		CheckDestroy: holds(dir),
		Steps: []resource.TestStep{
			{Config: cfg, Check: resource.ComposeTestCheckFunc(sameContent(t, file, "raw", spec), func(*terraform.State) error { return disktest.CheckSparse(file) })},
			{
				Config: cfg, ResourceName: address, ImportState: true, ImportStateId: file + "," + spec,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "file",
			},
		},
	})
}

// Image, snapshot and file in one run: what they are follows each other.
func TestExportOfWhatIsMadeInTheSameRun(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "disk.qcow2")
	all := func(image, objects string) string {
		return fmt.Sprintf(`
resource "rbd_image" "test" {
  name        = %q
  size        = "8MiB"
  object_size = %q
}
resource "rbd_snapshot" "test" {
  image = rbd_image.test.spec
  name  = "golden"
}
`, image, objects) + config("rbd_snapshot.test.spec", file, "qcow2")
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: holds(dir),
		Steps: []resource.TestStep{
			{Config: all(name, "4MiB"), Check: sameContent(t, file, "qcow2", "vms/"+name+"@golden")},
			{ // renamed
				Config: all(name+"-2", "4MiB"), ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
			},
			{ // a new image and snapshot of the same names
				Config: all(name+"-2", "1MiB"), ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check: sameContent(t, file, "qcow2", "vms/"+name+"-2@golden"),
			},
			{Config: all(name+"-2", "1MiB"), ConfigPlanChecks: empty()},
		},
	})
}

// Where Terraform creates the replacement first, the new file takes the place of
// the old one, and the deletion of the old one leaves it.
func TestExportCreatedBeforeTheOldOneIsDestroyed(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "disk.img")
	var steps []resource.TestStep
	for i, format := range []string{"raw", "qcow2"} {
		spec := disktest.Snapshot(t, fmt.Sprintf("%s-%d", name, i), 8*mib, byte(i))
		first := config(quoted(spec), file, format, "lifecycle {\n    create_before_destroy = true\n  }")
		steps = append(steps,
			resource.TestStep{Config: first, Check: sameContent(t, file, format, spec)},
			resource.TestStep{Config: first, ConfigPlanChecks: empty()},
			resource.TestStep{Config: first, Taint: []string{address}, Check: sameContent(t, file, format, spec)},
		)
	}
	other := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, other); err != nil {
		t.Fatal(err)
	}
	twice := strings.Replace(config(quoted("vms/"+name+"-1@s"), filepath.Join(other, "disk.img"), "qcow2"), `"test"`, `"other"`, 1)
	steps = append(steps, resource.TestStep{
		Config: config(quoted("vms/"+name+"-1@s"), file, "qcow2") + twice, PlanOnly: true,
		ExpectError: regexp.MustCompile(`another\s+rbd_image_export\s+of\s+this\s+configuration\s+has\s+the\s+same\s+file`),
	})
	providertest.Run(t, resource.TestCase{CheckDestroy: holds(dir), Steps: steps})
}

func TestExportRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := disktest.Snapshot(t, name, 8*mib, 1)
	odd := disktest.Snapshot(t, name+"-odd", 8*mib+1000, 1)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	disktest.Write(t, at("there"), []byte("mine"))
	var steps []resource.TestStep
	for _, tc := range []struct{ config, want string }{
		{config(quoted(spec), at("there"), "raw"), `(?s)the file is there already.*terraform import`},
		{config(quoted(spec), dir, "raw"), `the file is there already`},
		{config(quoted(spec), at("no/file"), "raw"), `no such file or directory`},
		{config(quoted(spec+"2"), at("f"), "raw"), `snapshot not found`},
		{config(quoted("vms/"+name+"-no@s"), at("f"), "raw"), `image not found`},
		{config(quoted("vms/"+name), at("f"), "raw"), `a snapshot is wanted`},
		{config(quoted(spec), at("f"), "raw", `compression = "zstd"`), `Nothing compresses a raw file`},
		{config(quoted(odd), at("f"), "qcow2"), `(?s)sectors of 512 bytes.*format = "raw"`},
		{config(quoted(spec), at("f"), "vmdk"), `value must be one of`},
		{config(quoted(spec), at("f"), "raw", `file_mode = "0999"`), `must be a mode in octal`},
	} {
		steps = append(steps, resource.TestStep{
			Config: tc.config, PlanOnly: true,
			ExpectError: regexp.MustCompile("(?i)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
		})
	}
	providertest.Run(t, resource.TestCase{Steps: steps})
	if err := disktest.CheckFolder(dir, "there"); err != nil || string(disktest.Content(t, at("there"))) != "mine" {
		t.Error(err)
	}
}

func TestExportImportRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec, other := disktest.Snapshot(t, name, 8*mib, 1), disktest.Snapshot(t, name+"-other", 8*mib, 2)
	dir := t.TempDir()
	for _, format := range []string{"raw", "qcow2"} {
		file := filepath.Join(dir, "disk."+format)
		step := func(id, want string) resource.TestStep {
			return resource.TestStep{
				ResourceName: address, ImportState: true, ImportStateId: id,
				ExpectError: regexp.MustCompile(strings.ReplaceAll(want, " ", `\s+`)),
			}
		}
		providertest.Run(t, resource.TestCase{
			CheckDestroy: holds(dir),
			Steps: []resource.TestStep{
				{Config: config(quoted(spec), file, format)},
				step(file+","+other, "does not have the content of the snapshot"),
				step(file+",vms/"+name, "want FILE,pool"),
				step(file+"2,"+spec, "no such file"),
				step(dir+","+spec, "not a regular file"),
				step(file+","+spec+"2", "snapshot not found"),
			},
		})
	}
}

// A time-out leaves nothing, in either format.
func TestExportTimeout(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	acctest.RBD(t, "create", "--size", "128M", "vms/"+name)
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "4M", "--io-total", "128M", "vms/"+name)
	acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"@s")
	slow := `
provider "rbd" {
  ceph = {
    pool = "vms"
    options = {
      ms_inject_delay_type        = "osd"
      ms_inject_delay_probability = "1"
      ms_inject_delay_max         = "2"
    }
  }
}
`
	for _, format := range []string{"raw", "qcow2"} {
		dir := t.TempDir()
		providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
			Config:      slow + config(quoted("vms/"+name+"@s"), filepath.Join(dir, "f"), format, "timeouts = {\n    create = \"9s\"\n  }"),
			ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+create\s+export.*(time\s+limit|in\s+time|deadline)`),
		}}})
		if err := disktest.CheckFolder(dir); err != nil {
			t.Error(err)
		}
	}
}
