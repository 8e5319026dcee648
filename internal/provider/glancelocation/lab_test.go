// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const address = "rbd_glance_image_location.test"

// The lab's callers.
const (
	asMember = registrationtest.AsMember
	asAdmin  = registrationtest.AsAdmin
	asOther  = registrationtest.AsOther
)

var (
	client    = registrationtest.Client
	cloud     = registrationtest.Cloud
	project   = registrationtest.Project
	rbdID     = registrationtest.RBDID
	dropAlias = registrationtest.DropAlias
)

// golden has checks as steps of acceptance tests take them.
type golden struct{ registrationtest.Golden }

func newGolden(t *testing.T) golden { return golden{registrationtest.NewGolden(t)} }

// newNamed is one whose image is still to be made.
func newNamed(t *testing.T) golden {
	t.Helper()
	g := golden{registrationtest.Golden{T: t, Name: acctest.Name(t)}}
	g.Spec = "images/" + g.Name
	return g
}

func (g *golden) untouched(*terraform.State) error { return g.Untouched() }

func (g *golden) registered(name string, more ...func(*glance.Image) error) func(*terraform.State) error {
	return func(*terraform.State) error { return g.Registered(name, more...) }
}

func config(snapshot, name string, more ...string) string {
	return fmt.Sprintf(`
resource "rbd_glance_image_location" "test" {
  snapshot = %q
  name     = %q
  %s
}
`, snapshot, name, strings.Join(more, "\n  "))
}

// chain has image and snapshot in the configuration too.
func chain(name string) string {
	return fmt.Sprintf(`
resource "rbd_image" "test" {
  pool = "images"
  name = %q
  size = "8MiB"
}

resource "rbd_snapshot" "test" {
  image = rbd_image.test.spec
  name  = "s"
}
`, name) + strings.Replace(config("SNAPSHOT", name), `"SNAPSHOT"`, "rbd_snapshot.test.spec", 1)
}

// provider is a provider block with another cloud.
func provider(cloud string) string {
	return strings.Replace(providertest.Provider(), "guestfs = {", fmt.Sprintf("openstack = {\n    cloud = %q\n  }\n  guestfs = {", cloud), 1)
}

func adminProvider() string { return provider(cloud(asAdmin)) }

// attribute gives an attribute of the resource, for imports.
func attribute(name string) func(*terraform.State) (string, error) {
	return func(s *terraform.State) (string, error) {
		return s.RootModule().Resources[address].Primary.Attributes[name], nil
	}
}

func nothing(t *testing.T, name string) func(*terraform.State) error {
	return func(*terraform.State) error {
		if left := acctest.Images(t, "images", name); len(left) > 0 {
			return fmt.Errorf("left: %v", left)
		}
		images, err := client(t, asAdmin).FindByName(t.Context(), name)
		if err != nil || len(images) > 0 {
			return fmt.Errorf("records are left: %v, %w", images, err)
		}
		return nil
	}
}

// same compares the values of one attribute over several steps.
type same struct{}

func (same) CompareValues(values ...any) error {
	for _, v := range values {
		if v != values[0] {
			return fmt.Errorf("%v is not %v", v, values[0])
		}
	}
	return nil
}
