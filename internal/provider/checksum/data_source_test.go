// SPDX-License-Identifier: MPL-2.0

package checksum_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "data.rbd_image_checksum.test"

// sum is what the commands say that the data source stands for.
func sum(t *testing.T, command, spec string) string {
	t.Helper()
	out, err := exec.Command("bash", "-c", `set -o pipefail; rbd export --no-progress "$1" - | "$2"`, "-", spec, command).Output()
	if err != nil {
		t.Fatalf("%s of %s: %v", command, spec, err)
	}
	return strings.Fields(string(out))[0]
}

// imported makes an image of so many bytes, of which those from and to are
// written. Its snapshot is "s".
func imported(t *testing.T, spec string, size, from, to int64, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "raw")
	f, err := os.Create(file)
	if err == nil {
		_, err = f.Seek(from, io.SeekStart)
	}
	if err == nil {
		_, err = io.CopyN(f, rand.Reader, to-from)
	}
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	imagestest.Make(t, spec, append(append([]string{"import", "--no-progress"}, args...), file)...)
	imagestest.Snapshot(t, spec+"@s", false)
	return spec + "@s"
}

// Images of all sorts have the hashes that the commands print.
func TestChecksum(t *testing.T) {
	t.Parallel()
	ns := imagestest.Namespace(t, "vms")
	place := "vms/" + ns + "/"
	imagestest.Make(t, place+"empty", "create", "--size", "128M")
	imagestest.Snapshot(t, place+"empty@s", true)
	imagestest.Make(t, place+"nothing", "create", "--size", "0")
	imagestest.Snapshot(t, place+"nothing@s", false)
	full := imported(t, place+"full", 12<<20, 0, 12<<20)
	specs := []string{
		place + "empty@s",
		place + "nothing@s",
		place + "nothing",
		full,
		imported(t, place+"sparse", 128<<20, 101<<20, 107<<20),
		imported(t, place+"odd", 9<<20+513, 9<<20, 9<<20+513),
		imported(t, place+"tiny", 1, 0, 1),
		imported(t, place+"small-objects", 9<<20+1, 0, 3<<20, "--object-size", "8K"),
		imported(t, place+"striped", 50<<20+7, 5<<20, 6<<20, "--stripe-unit", "64K", "--stripe-count", "5"),
		imported(t, place+"no-map", 64<<20, 33<<20, 34<<20, "--image-feature", "layering"),
		imported(t, place+"data-pool", 16<<20, 4<<20, 6<<20, "--data-pool", "volumes"),
	}
	imagestest.Clone(t, 2, full, place+"clone")
	acctest.RBD(t, "resize", "--no-progress", "--size", "20M", place+"clone")
	imagestest.Write(t, place+"clone", 1)
	imagestest.Snapshot(t, place+"clone@s", false)
	specs = append(specs, place+"clone@s", place+"clone")

	var config strings.Builder
	var checks []statecheck.StateCheck
	for i, spec := range specs {
		at := fmt.Sprint(address, i)
		fmt.Fprintf(&config, "data \"rbd_image_checksum\" \"test%d\" {\n  spec = %q\n  algorithms = [\"sha512\", \"md5\", \"sha256\"]\n}\n", i, spec)
		snapshot := knownvalue.Check(knownvalue.NotNull())
		if !strings.Contains(spec, "@") {
			snapshot = knownvalue.Null()
		}
		checks = append(checks,
			statecheck.ExpectKnownValue(at, tfjsonpath.New("md5"), knownvalue.StringExact(sum(t, "md5sum", spec))),
			statecheck.ExpectKnownValue(at, tfjsonpath.New("sha256"), knownvalue.StringExact(sum(t, "sha256sum", spec))),
			statecheck.ExpectKnownValue(at, tfjsonpath.New("sha512"), knownvalue.StringExact(sum(t, "sha512sum", spec))),
			statecheck.ExpectKnownValue(at, tfjsonpath.New("snapshot_id"), snapshot),
		)
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{Config: config.String(), ConfigStateChecks: checks}}})
}

// Without algorithms it is SHA-512, and with caps to read it can be had.
func TestChecksumDefaults(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := imported(t, "vms/"+name, 5<<20, 0, 5<<20)
	var info struct {
		ID   string
		Size int64
	}
	if err := json.Unmarshal([]byte(acctest.RBD(t, "info", "--format", "json", spec)), &info); err != nil {
		t.Fatal(err)
	}
	var snaps []struct{ ID int64 }
	if err := json.Unmarshal([]byte(acctest.RBD(t, "snap", "ls", "--format", "json", "vms/"+name)), &snaps); err != nil {
		t.Fatal(err)
	}
	user, key := imagestest.User(t, "profile rbd-read-only pool=vms")
	provider := fmt.Sprintf("provider \"rbd\" {\n  ceph = {\n    user = %q\n    key  = %q\n  }\n}\n", user, key)
	for _, spec := range []string{spec, "vms/" + name} {
		id := knownvalue.Check(knownvalue.Int64Exact(snaps[0].ID))
		if !strings.Contains(spec, "@") {
			id = knownvalue.Null()
		}
		providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
			Config: provider + fmt.Sprintf("data \"rbd_image_checksum\" \"test\" {\n  spec = %q\n}\n", spec),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("sha512"), knownvalue.StringExact(sum(t, "sha512sum", spec))),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("sha256"), knownvalue.Null()),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("md5"), knownvalue.Null()),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(info.Size)),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("image_id"), knownvalue.StringExact(info.ID)),
				statecheck.ExpectKnownValue(address, tfjsonpath.New("snapshot_id"), id),
			},
		}}})
	}
}

func TestChecksumErrors(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	imagestest.Make(t, "vms/"+name, "create", "--size", "8M")
	acctest.RBD(t, "lock", "add", "vms/"+name, "backup")
	for what, tc := range map[string]struct{ config, want string }{
		"no image":        {`spec = "vms/no-such-image@s"`, `image\s+not\s+found`},
		"no snapshot":     {`spec = "vms/` + name + `@no-such"`, `snapshot\s+not\s+found`},
		"no spec":         {`spec = "vms"`, `Not\s+a\s+spec`},
		"in use":          {`spec = "vms/` + name + `"`, `in\s+use:\s+lock\s+"backup"`},
		"no such hash":    {"spec = \"vms/a@s\"\n algorithms = [\"crc32\"]", `"md5"\s+"sha256"\s+"sha512"`},
		"not even a hash": {"spec = \"vms/a@s\"\n algorithms = []", `at\s+least\s+1`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:      "data \"rbd_image_checksum\" \"test\" {\n" + tc.config + "\n}\n",
				ExpectError: regexp.MustCompile("(?s)" + tc.want),
			}}})
		})
	}
	out := strings.Fields(acctest.RBD(t, "lock", "ls", "vms/"+name))
	acctest.RBD(t, "lock", "rm", "vms/"+name, "backup", out[len(out)-3])
}

// What takes too long ends in time, says how far it came, and leaves no watch.
func TestChecksumTimeout(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	imagestest.Make(t, "vms/"+name, "create", "--size", "2T")
	imagestest.Snapshot(t, "vms/"+name+"@s", false)
	begin := time.Now()
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      fmt.Sprintf("data \"rbd_image_checksum\" \"test\" {\n  spec = \"vms/%s@s\"\n  timeouts = {\n    read = \"2s\"\n  }\n}\n", name),
		ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+hash\s+content\s+of.*ended\s+after\s+\d+\s+of\s+2199023255552\s+bytes.*timeouts`),
	}}})
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	if out := acctest.RBD(t, "status", "vms/"+name); !strings.Contains(out, "Watchers: none") {
		t.Error(out)
	}
}
