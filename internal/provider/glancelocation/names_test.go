// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// quoted is a part of a location as Glance's own driver writes it, which
// compares them as text.
func quoted(t *testing.T, s string) string {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=''), end='')", s).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Names with letters that mean something in a URL, a JSON pointer, or a shell.
func TestLocationNames(t *testing.T) {
	name := providertest.Name(t)
	for _, odd := range []string{"50% of a+b", "ü:é,☃", "~x.y_z#?&=;$'\"\\"} {
		t.Run(odd, func(t *testing.T) {
			image, snapshot := name+" "+odd, "s "+odd
			spec := "images/" + image + "@" + snapshot
			acctest.RBD(t, "create", "--size", "8M", "images/"+image)
			acctest.RBD(t, "snap", "create", "--no-progress", spec)
			acctest.RBD(t, "snap", "protect", spec)
			t.Cleanup(func() { // what is cleaned up by its name has no spaces in it
				for _, args := range [][]string{{"snap", "unprotect", spec}, {"snap", "rm", "--no-progress", spec}, {"rm", "--no-progress", "images/" + image}} {
					if out, err := acctest.TryRBD(t, args...); err != nil {
						t.Errorf("%v: %v: %s", args, err, out)
					}
				}
			})
			url := fmt.Sprintf("rbd://%s/images/%s/%s", acctest.FSID(t), quoted(t, image), quoted(t, snapshot))
			record := "Debian ~12/13 " + odd + " " + name
			hcl := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", "$", "%", "%")
			c := config("SPEC", "NAME", `protected = true`, `tags = ["TAG"]`, `properties = { "a/b~c" = "VALUE", "~1 ~0/" = "/~" }`)
			for word, value := range map[string]string{"SPEC": spec, "NAME": record, "TAG": odd, "VALUE": odd} {
				c = strings.ReplaceAll(c, `"`+word+`"`, `"`+hcl.Replace(value)+`"`)
			}
			is := func(*terraform.State) error {
				images, err := client(t, asMember).FindByName(t.Context(), record)
				if err != nil || len(images) != 1 {
					return fmt.Errorf("records: %v, %w", images, err)
				}
				i := images[0]
				if i.Status != glance.StatusActive || len(i.Locations) != 1 || i.Locations[0].URL != url ||
					len(i.Tags) != 1 || i.Tags[0] != odd || i.Properties["a/b~c"] != odd || i.Properties["~1 ~0/"] != "/~" {
					return fmt.Errorf("the record is %+v, want location %s", i, url)
				}
				return nil
			}
			providertest.Run(t, resource.TestCase{
				CheckDestroy: func(*terraform.State) error {
					if children := acctest.RBD(t, "children", "--all", spec); children != "" {
						return fmt.Errorf("left: %s", children)
					}
					return nil
				},
				Steps: []resource.TestStep{
					{Config: c, Check: is},
					{
						ResourceName: address, ImportState: true, ImportStateIdFunc: resource.ImportStateIdFunc(attribute("image_id")),
						ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
					},
					{ // properties are taken off again, by their odd names
						Config: strings.Replace(c, `, "~1 ~0/" = "/~"`, "", 1), ConfigPlanChecks: update,
					},
					{Config: adminProvider() + c, ConfigPlanChecks: update, Check: is}, // an admin destroys by putting the image aside
				},
			})
		})
	}
}
