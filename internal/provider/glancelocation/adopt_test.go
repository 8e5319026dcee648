// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// command runs the glance command as a member, with secrets in its environment.
func command(t *testing.T, args ...string) {
	t.Helper()
	// Whatever its standard input is, unless closed, is uploaded.
	cmd := exec.Command("bash", append([]string{"-c", `glance "$@" <&-`, "-"}, args...)...)
	endpoint, err := client(t, asMember).Endpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	// In a home of its own: with the image schema that an earlier run has kept
	// there, it fails (argument --stores: conflicting option string).
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "OS_AUTH_TOKEN="+acctest.Token(t, cloud(asMember)), "OS_IMAGE_URL="+strings.TrimSuffix(endpoint, "/"))
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("glance %v: %v: %s", args, err, stderr.String())
	}
}

// A record that the runbook made by hand is taken over as it is; the first apply
// puts its guard in place, and a destroy keeps the data.
func TestLocationAdopted(t *testing.T) {
	g := newGolden(t)
	id := glance.NewID()
	command(t, "image-create", "--id", id, "--name", g.Name, "--disk-format", "raw", "--container-format", "bare",
		"--visibility", "private", "--min-disk", "1", "--tag", "theirs", "--property", "os_type=linux")
	command(t, "location-add", id, "--url", fmt.Sprintf("rbd://%s/%s/s", acctest.FSID(t), g.Spec))
	unguarded := func(*terraform.State) error {
		if guards := g.Guards(); len(guards) > 0 {
			return fmt.Errorf("guards: %v", guards)
		}
		return nil
	}
	imported := fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", address, id)
	same := []string{`tags = ["theirs"]`, `properties = { os_type = "linux" }`}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: g.untouched,
		Steps: []resource.TestStep{
			{ // as it is
				Config: imported + config(g.Spec+"@s", g.Name, append(same, `protection = "none"`)...), Check: unguarded,
				ConfigPlanChecks: providertest.Expect(providertest.Keeps(address)),
			},
			{
				Config: config(g.Spec+"@s", g.Name, same...), ConfigPlanChecks: update, Check: g.registered(g.Name),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("image_id"), knownvalue.StringExact(id))},
			},
		},
	})
}
