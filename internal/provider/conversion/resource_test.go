// SPDX-License-Identifier: MPL-2.0

package conversion_test

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

const address = "rbd_image_conversion.test"

func config(name, source, format string, more ...string) string {
	return fmt.Sprintf(`
resource "rbd_image_conversion" "test" {
  name = %q
  source = {
    %s
    format = %q
  }
  %s
}
`, name, source, format, strings.Join(more, "\n"))
}

func file(name string) string { return fmt.Sprintf("file = %q", name) }

// sameContent compares with what qemu-img itself reads.
func sameContent(source, format, spec string) resource.TestCheckFunc {
	return func(*terraform.State) error { return disktest.Compare(source, format, spec) }
}

func TestConversionLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	src := filepath.Join(t.TempDir(), "disk.qcow2")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", disktest.Raw(t), src)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{
				Config:           config(name, file(src), "qcow2"),
				ConfigPlanChecks: providertest.Expect(providertest.Plans(address, "size_bytes", knownvalue.Int64Exact(24<<20+512))),
				Check:            sameContent(src, "qcow2", "vms/"+name),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: "vms/" + name,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
				ImportStateVerifyIgnore: []string{"source", "verify_content", "sparsify"},
			},
			{ // grown in place, and the source is not needed any more
				PreConfig: func() {
					if err := os.Rename(src, src+".away"); err != nil {
						t.Error(err)
					}
				},
				Config:           config(name, file(src), "qcow2", `size = "32MiB"`),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(32<<20)),
				},
				Check: sameContent(src+".away", "qcow2", "vms/"+name),
			},
			{ // another source is another image
				Config:           config(name, file(src+".away"), "qcow2", `size = "32MiB"`),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
				Check:            sameContent(src+".away", "qcow2", "vms/"+name),
			},
		},
	})
}

// The runbook's way: a qcow2 that was uploaded to Glance lies in RBD as it is.
func TestConversionFromRBD(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	src := filepath.Join(t.TempDir(), "disk.qcow2")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", disktest.Raw(t), src)
	acctest.RBD(t, "import", "--no-progress", src, "images/"+name+"-upload")
	acctest.RBD(t, "snap", "create", "--no-progress", "images/"+name+"-upload@snap")
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{
				Config:           config(name, fmt.Sprintf("image = %q", "images/"+name+"-upload@snap"), "qcow2", `size = "32MiB"`),
				ConfigPlanChecks: providertest.Expect(providertest.Plans(address, "size_bytes", knownvalue.Int64Exact(32<<20))),
				Check:            sameContent(src, "qcow2", "vms/"+name),
			},
		},
	})
}

// What is refused, and where in the configuration that is shown. What else a source
// is refused for is tested in internal/operation/conversion.
func TestConversionRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	at := func(n string) string { return filepath.Join(t.TempDir(), n) }
	raw, good, backing, flat, huge := disktest.Raw(t), at("good"), at("backing"), at("flat.vmdk"), at("huge.qcow2")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", raw, good)
	disktest.QemuImg(t, "create", "-f", "qcow2", "-F", "raw", "-b", raw, backing)
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, flat)
	disktest.QemuImg(t, "create", "-f", "qcow2", "-o", "cluster_size=2M", huge, "1P")
	acctest.RBD(t, "create", "--size", "8M", "vms/"+name+"-taken")
	chain := "\n    allow_backing_chain = true"
	var steps []resource.TestStep
	for _, tc := range []struct{ config, want string }{
		{config(name, file(raw), "qcow2"), `attribute source.file: .*: not in the stated format.*State the format`},
		{config(name, file(backing), "qcow2"), `has a backing file: it names .*disk.raw".*may mean harm.*allow_backing_chain`},
		{config(name, file(flat), "vmdk"), `data in another file: .*"flat-flat.vmdk".*may mean harm.*itself a raw disk`},
		{config(name+"-taken", file(good), "qcow2"), `name is already taken`},
		{config(name, file(good), "qcow2", `size = "8MiB"`), `size = "8MiB".*smaller than the source`},
		{config(name, file(huge), "qcow2"), `attribute size: the image would be too large: its object map`},
		{config(name, file(good), "auto"), `value must be one of`},
		{config(name, file(good)+"\n    image = \"vms/x\"", "qcow2"), `Invalid Attribute Combination`},
		{config(name, file(good), "qcow2", `pool = "no-such-pool"`), `pool not found`},
		{config(name, file(raw)+"\n    allow_any_content = true", "qcow2"), `allow_any_content is for raw sources.*Leave it out`},
		{config(name, file(raw)+chain, "raw"), `of a qcow2 only`},
		{config(name, file(raw)+"\n    internal_snapshot = \"a\"", "raw"), `Only a qcow2 has internal snapshots`},
		{config(name, file(good)+"\n    internal_snapshot = \"a\"", "qcow2"), `no such internal snapshot: "a": it has none.*qemu-img snapshot -l`},
		{config(name, "url = \"http://example.org/a\""+chain, "qcow2"), `Invalid Attribute Combination`},
		{config(name, fmt.Sprintf("image = %q", "images/"+name+"-nothing@snap"), "qcow2"), `attribute source.image: .*image not found`},
	} {
		steps = append(steps, refused(tc.config, tc.want))
	}
	providertest.Run(t, resource.TestCase{Steps: steps})
	if left := acctest.Images(t, "vms", name); len(left) != 1 {
		t.Errorf("left in the pool: %v", left)
	}
}

// refused is a plan that fails with these words.
func refused(config, want string) resource.TestStep {
	return resource.TestStep{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile("(?is)" + strings.ReplaceAll(want, " ", `\s+`))}
}

// A time-out ends qemu-img and leaves nothing.
func TestConversionTimeout(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	src := filepath.Join(t.TempDir(), "disk.raw")
	data := make([]byte, 64<<20)
	for i := range data {
		data[i] = byte(i>>12 + i)
	}
	if err := os.WriteFile(src, data, 0o600); err != nil {
		t.Fatal(err)
	}
	slow := `
provider "rbd" {
  ceph = {
    pool = "vms"
    options = {
      ms_inject_delay_type        = "osd"
      ms_inject_delay_probability = "1"
      ms_inject_delay_max         = "0.5"
    }
  }
}
`
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      slow + config(name, file(src), "raw", "timeouts = {\n    create = \"4s\"\n  }"),
		ExpectError: regexp.MustCompile(`(?s)Unable to create RBD image.*(time\s+limit|in\s+time|deadline)`),
	}}})
	if left := acctest.Images(t, "vms", name); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
