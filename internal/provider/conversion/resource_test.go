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
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
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

// disk makes a raw disk of 24 MiB and a bit, with data at its beginning, in its
// middle and at its very end.
func disk(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.raw")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const size = 24<<20 + 512
	for _, at := range []int64{0, 9 << 20, size - 4096} {
		data := make([]byte, 4096)
		for i := range data {
			data[i] = byte(int64(i)*7 + at>>9 + 1)
		}
		if _, err := f.WriteAt(data, at); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

func qemuImg(t *testing.T, args ...string) string {
	t.Helper()
	return runCommand(t, "qemu-img", args...)
}

func runCommand(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// sameContent asks qemu-img itself, with the lab's own configuration.
func sameContent(t *testing.T, source, format, spec string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		out, err := exec.Command("qemu-img", "compare", "-f", format, "-F", "raw", source, "rbd:"+spec+":id=terraform").CombinedOutput()
		if err != nil {
			return fmt.Errorf("qemu-img compare: %w: %s", err, out)
		}
		return nil
	}
}

func TestConversionFormats(t *testing.T) {
	name := providertest.Name(t)
	raw := disk(t)
	for _, f := range []struct{ name, format, options string }{
		{"raw", "raw", ""}, {"qcow2", "qcow2", ""}, {"qcow2-compressed", "qcow2", ""}, {"qcow2-v2", "qcow2", "compat=0.10"},
		{"qcow2-zstd-compressed", "qcow2", "compression_type=zstd"}, {"qcow2-extended-l2", "qcow2", "extended_l2=on,cluster_size=128k"},
		{"vmdk", "vmdk", ""}, {"vmdk-stream", "vmdk", "subformat=streamOptimized"},
		{"vdi", "vdi", ""}, {"vhdx", "vhdx", ""}, {"vpc", "vpc", "force_size=on"},
	} {
		t.Run(f.name, func(t *testing.T) {
			src := filepath.Join(t.TempDir(), "a,b=c."+f.name)
			args := []string{"convert", "-f", "raw", "-O", f.format}
			if f.options != "" {
				args = append(args, "-o", f.options)
			}
			if strings.HasSuffix(f.name, "-compressed") {
				args = append(args, "-c")
			}
			qemuImg(t, append(args, raw, src)...)
			target := name + "-" + f.name
			providertest.Run(t, resource.TestCase{
				CheckDestroy: gone(t, name),
				Steps: []resource.TestStep{{
					Config: config(target, file(src), f.format, "verify_content = true"),
					Check:  sameContent(t, src, f.format, "vms/"+target),
				}},
			})
		})
	}
}

func TestConversionLife(t *testing.T) {
	name := providertest.Name(t)
	src := filepath.Join(t.TempDir(), "disk.qcow2")
	qemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", disk(t), src)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: gone(t, name),
		Steps: []resource.TestStep{
			{
				Config: config(name, file(src), "qcow2"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(24<<20+512)),
				}},
				Check: sameContent(t, src, "qcow2", "vms/"+name),
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
				Config: config(name, file(src), "qcow2", `size = "32MiB"`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(32<<20)),
				},
				Check: sameContent(t, src+".away", "qcow2", "vms/"+name),
			},
			{ // another source is another image
				Config: config(name, file(src+".away"), "qcow2", `size = "32MiB"`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionDestroyBeforeCreate),
				}},
				Check: sameContent(t, src+".away", "qcow2", "vms/"+name),
			},
		},
	})
}

// The runbook's way: a qcow2 that was uploaded to Glance lies in RBD as it is.
func TestConversionFromRBD(t *testing.T) {
	name := providertest.Name(t)
	src := filepath.Join(t.TempDir(), "disk.qcow2")
	qemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", disk(t), src)
	acctest.RBD(t, "import", "--no-progress", src, "images/"+name+"-upload")
	acctest.RBD(t, "snap", "create", "--no-progress", "images/"+name+"-upload@snap")
	providertest.Run(t, resource.TestCase{
		CheckDestroy: gone(t, name),
		Steps: []resource.TestStep{
			{
				Config: config(name, fmt.Sprintf("image = %q", "images/"+name+"-upload@snap"), "qcow2", `size = "32MiB"`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(32<<20)),
				}},
				Check: sameContent(t, src, "qcow2", "vms/"+name),
			},
			{
				Config:      config(name+"-2", fmt.Sprintf("image = %q", "images/"+name+"-nothing@snap"), "qcow2"),
				ExpectError: regexp.MustCompile(`image\s+not\s+found`),
			},
		},
	})
}

// encrypted makes an encrypted qcow2. qemu-img measures how fast the CPU is for
// that, and gives up now and then on a busy machine.
func encrypted(t *testing.T, name string) {
	t.Helper()
	var out []byte
	var err error
	for range 10 {
		out, err = exec.Command("qemu-img", "create", "-f", "qcow2", "--object", "secret,id=s,data=x",
			"-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", name, "1M").CombinedOutput()
		if err == nil {
			return
		}
	}
	t.Fatalf("%v: %s", err, out)
}

func TestConversionRefusals(t *testing.T) {
	name := providertest.Name(t)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	raw := disk(t)
	qemuImg(t, "convert", "-f", "raw", "-O", "qcow2", raw, at("good"))
	qemuImg(t, "create", "-f", "qcow2", "-F", "raw", "-b", raw, at("backing"))
	qemuImg(t, "create", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", at("shadow"), "1M")
	qemuImg(t, "create", "-f", "qcow2", "-o", "data_file="+at("data"), at("datafile"), "1M")
	qemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, at("flat.vmdk"))
	encrypted(t, at("luks"))
	// The header of a good one, and then nothing.
	if err := os.WriteFile(at("cut"), []byte("QFI\xfb\x00\x00\x00\x03"), 0o600); err != nil {
		t.Fatal(err)
	}
	acctest.RBD(t, "create", "--size", "8M", "vms/"+name+"-taken")
	for what, tc := range map[string]struct{ config, want string }{
		"missing":      {config(name, file(at("nothing")), "qcow2"), `no such file`},
		"folder":       {config(name, file(dir), "qcow2"), `not a regular file`},
		"no qcow2":     {config(name, file(raw), "qcow2"), `(?s)attribute source.file: not in the stated format.*State the format`},
		"qcow2 as vdi": {config(name, file(at("good")), "vdi"), `(?s)qemu-img failed`},
		"cut off":      {config(name, file(at("cut")), "qcow2"), `cut off`},
		"backing file": {config(name, file(at("backing")), "qcow2"), `(?s)has a backing file.*self-contained`},
		"shadow":       {config(name, file(at("shadow")), "qcow2"), `(?s)has a backing file.*self-contained`},
		"data file":    {config(name, file(at("datafile")), "qcow2"), `data in another file`},
		"flat vmdk":    {config(name, file(at("flat.vmdk")), "vmdk"), `not in the stated format`},
		"encrypted":    {config(name, file(at("luks")), "qcow2"), `encrypted`},
		"taken":        {config(name+"-taken", file(at("good")), "qcow2"), `name is already taken`},
		"too small":    {config(name, file(at("good")), "qcow2", `size = "8MiB"`), `(?s)size = "8MiB".*smaller than the source`},
		"probe":        {config(name, file(at("good")), "auto"), `value must be one of`},
		"two sources":  {config(name, file(at("good"))+"\n    image = \"vms/x\"", "qcow2"), `Invalid Attribute Combination`},
		"no pool":      {config(name, file(at("good")), "qcow2", `pool = "no-such-pool"`), `pool not found`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: tc.config, PlanOnly: true,
				ExpectError: regexp.MustCompile("(?i)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
			}}})
		})
	}
	if left := acctest.Images(t, "vms", name); len(left) != 1 {
		t.Errorf("left in the pool: %v", left)
	}
}

func gone(t *testing.T, prefix string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if left := acctest.Images(t, "vms", prefix); len(left) > 0 {
			return fmt.Errorf("left: %v", left)
		}
		return nil
	}
}

// A time-out ends qemu-img and leaves nothing.
func TestConversionTimeout(t *testing.T) {
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
  ceph {
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
		Config:      slow + config(name, file(src), "raw", "timeouts {\n    create = \"4s\"\n  }"),
		ExpectError: regexp.MustCompile(`(?s)Unable to create RBD image.*(time\s+limit|in\s+time|deadline)`),
	}}})
	if left := acctest.Images(t, "vms", name); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
