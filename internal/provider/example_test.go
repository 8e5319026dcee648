// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// The images and namespaces of the examples. Tests give them names of their own,
// so that several can run on one lab; all else is applied as it stands there.
var exampleImages = []string{"debian-12", "web-1-data", "tenant-a"}

// prerequisites make what an example takes for granted.
var prerequisites = map[string]func(t *testing.T, name string){
	"data rbd_glance_image":     func(t *testing.T, name string) { registeredImage(t, name) },
	"data rbd_guest_file":       goldenGuest,
	"data rbd_guest_inspection": goldenGuest,
	"data rbd_guest_comparison": goldenGuest,
	"data rbd_image":            goldenImage,
	"data rbd_images":           goldenImage,
	"data rbd_image_checksum":   goldenImage,
	"data rbd_image_lineage":    goldenImage,
	"data rbd_image_provenance": goldenImage,
	"data rbd_mirror_status":    mirroredImage,
	"data rbd_snapshots":        goldenImage,
	"resource rbd_image_mirror": func(t *testing.T, name string) {
		t.Helper()
		acctest.TidyMirrored(t, acctest.RequireMirror(t), name+"-debian-12")
	},
	"resource rbd_mirror_pool":             mirroredPool,
	"ephemeral rbd_mirror_bootstrap_token": mirroredPool,
}

func mirroredPool(t *testing.T, _ string) {
	t.Helper()
	acctest.RequireMirror(t)
}

func mirroredImage(t *testing.T, name string) {
	t.Helper()
	acctest.TidyMirrored(t, acctest.RequireMirror(t), name+"-debian-12")
	image := acctest.MirrorPool + "/" + name + "-debian-12"
	acctest.RBD(t, "create", "--size", "8M", image)
	acctest.RBD(t, "mirror", "image", "enable", image, "snapshot")
}

func goldenImage(t *testing.T, name string) {
	t.Helper()
	image := "images/" + name + "-debian-12"
	acctest.RBD(t, "create", "--size", "8M", image)
	acctest.RBD(t, "snap", "create", "--no-progress", image+"@golden")
	acctest.RBD(t, "snap", "protect", image+"@golden")
}

// registeredImage is a golden image that somebody registered by hand.
func registeredImage(t *testing.T, name string) (id string) {
	t.Helper()
	goldenImage(t, name)
	return recordOf(t, glance.CreateOpts{Name: name + "-debian-12", Properties: map[string]string{"os_distro": "debian"}},
		fmt.Sprintf("rbd://%s/images/%s-debian-12/golden", acctest.FSID(t), name))
}

// goldenGuest is goldenImage with one of the lab's guests in it.
func goldenGuest(t *testing.T, name string) {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw")
	out, err := exec.Command("qemu-img", "convert", "-f", "qcow2", "-O", "raw", filepath.Join(os.Getenv("RBD_LAB_GUESTS"), "tiny-ext4.qcow2"), raw).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	image := "images/" + name + "-debian-12"
	acctest.RBD(t, "import", "--no-progress", raw, image)
	acctest.RBD(t, "snap", "create", "--no-progress", image+"@golden")
}

// notImported is what an import can't find in the cluster.
var notImported = map[string][]string{
	"rbd_image":            {"metadata", "conf", "on_destroy", "trash_delay"},
	"rbd_image_conversion": {"source", "size", "verify_content", "sparsify"},
	"rbd_guest_file_edit":  {"files", "revision", "drift"},
	"rbd_image_replica":    {"source"},
	"rbd_guest_sysprep":    {"operations", "disabled_operations", "triggers", "performed", "revision"},
	"rbd_guest_customization": {
		"mkdir", "append_line", "hostname", "ssh_inject", "run", "truncate", "messages", "revision",
	},
	"rbd_guest_boot_check": {
		"console_pattern", "failure_pattern", "user_data_wo_version", "boot_timeout", "memory", "cpus", "disk_bus",
		"accelerator", "seconds", "line", "console",
	},
}

// identified names what tells a resource from others of its type; it is the spec
// where nothing else is said.
var identified = map[string]string{"rbd_image_export": "file"}

// Every example is applied, changes nothing the second time, and is imported as
// its import.sh says.
func TestExamples(t *testing.T) {
	for _, r := range registeredTypes(t) {
		t.Run(r.block+" "+r.name, func(t *testing.T) {
			t.Parallel()
			name := providertest.Name(t)
			if prepare, ok := prerequisites[r.block+" "+r.name]; ok {
				prepare(t, name)
			}
			renamed := []string{"/srv/images", t.TempDir()}
			for _, image := range exampleImages {
				renamed = append(renamed, image, name+"-"+image)
			}
			names := strings.NewReplacer(renamed...)
			example := names.Replace(read(t, filepath.Join(r.exampleFolder(), r.example)))
			variables := exampleVariables(t, example)
			if r.name == "rbd_guest_boot_check" {
				// What boots sooner than Debian.
				qcow2 := filepath.Join(t.TempDir(), "qcow2")
				guesttest.Run(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", guesttest.Sector(t, "READY\r\n", ""), qcow2)
				variables["debian_qcow2"] = config.StringVariable(qcow2)
			}

			steps := []resource.TestStep{{
				Config: example, ConfigVariables: variables,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			}}
			if r.block == "resource" {
				words := strings.Fields(names.Replace(read(t, filepath.Join(r.exampleFolder(), "import.sh"))))
				steps = append(steps, importStep(r.name, words[len(words)-2], words[len(words)-1]))
				last := &steps[len(steps)-1]
				last.Config, last.ConfigVariables = example, variables
			}
			providertest.Run(t, resource.TestCase{Steps: steps, CheckDestroy: func(*terraform.State) error {
				if r.block != "resource" {
					return nil // the test's own prerequisites
				}
				for _, pool := range []string{"images", "vms", "volumes"} {
					if left := acctest.Images(t, pool, name); len(left) > 0 {
						return fmt.Errorf("left in %s: %v", pool, left)
					}
				}
				return nil
			}})
		})
	}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// importStep imports what is at the address and compares it with the state. An
// id that the cloud gave is taken from the state.
func importStep(name, address, id string) resource.TestStep {
	step := resource.TestStep{
		ResourceName: address, ImportStateId: id,
		ImportState: true, ImportStateVerify: true,
		ImportStateVerifyIdentifierAttribute: cmp.Or(identified[name], "spec"),
		ImportStateVerifyIgnore:              notImported[name],
	}
	if uuid.MatchString(id) {
		step.ImportStateVerifyIdentifierAttribute = "image_id"
		step.ImportStateIdFunc = func(s *terraform.State) (string, error) {
			r, ok := s.RootModule().Resources[address]
			if !ok {
				return "", fmt.Errorf("%s is not in the state", address)
			}
			return r.Primary.Attributes["image_id"], nil
		}
	}
	return step
}

// The provider's example works but for its paths and ids, which are the lab's.
func TestProviderExample(t *testing.T) {
	acctest.RequireLab(t)
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "terraform-provider-rbd")
	example := read(t, filepath.Join(top, "examples", "provider", "provider.tf"))
	example = regexp.MustCompile(`"/etc/ceph/.*"`).ReplaceAllLiteralString(example, fmt.Sprintf("%q", os.Getenv("CEPH_CONF")))
	example = regexp.MustCompile(`(fsid\s+=) ".*"`).ReplaceAllString(example, fmt.Sprintf("${1} %q", acctest.FSID(t)))
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: example,
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue("data.rbd_cluster.dc2", tfjsonpath.New("fsid"), knownvalue.StringExact(acctest.FSID(t))),
		},
	}}})
}

// exampleVariables are values for the variables that the example declares.
func exampleVariables(t *testing.T, example string) config.Variables {
	t.Helper()
	values := config.Variables{
		"debian_qcow2":     config.StringVariable(filepath.Join(os.Getenv("RBD_LAB_GUESTS"), "tiny-ext4.qcow2")),
		"mirror_password":  config.StringVariable("a secret"),
		"console_password": config.StringVariable("a secret"),
	}
	variables := config.Variables{}
	for _, match := range regexp.MustCompile(`(?m)^variable "(\w+)"`).FindAllStringSubmatch(example, -1) {
		value, ok := values[match[1]]
		if !ok {
			t.Fatalf("this test has no value for the variable %s", match[1])
		}
		variables[match[1]] = value
	}
	return variables
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
