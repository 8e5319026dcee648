// SPDX-License-Identifier: MPL-2.0

package images_test

import (
	"encoding/json"
	"fmt"
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

const address = "data.rbd_images.test"

func image(i int, values map[string]knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New("images").AtSliceIndex(i), knownvalue.ObjectPartial(values))
}

func count(n int) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New("images"), knownvalue.ListSizeExact(n))
}

// What a namespace has, with the numbers of the rbd command.
func TestImages(t *testing.T) {
	t.Parallel()
	ns := imagestest.Namespace(t, "vms")
	place := "vms/" + ns + "/"
	written := imagestest.Make(t, place+"written", "create", "--size", "32M", "--object-size", "1M", "--data-pool", "volumes")
	imagestest.Write(t, place+"written", 5)
	imagestest.Snapshot(t, place+"written@one", true)
	imagestest.Snapshot(t, place+"written@two", false)
	imagestest.Clone(t, 2, place+"written@one", place+"clone")
	slow := imagestest.Make(t, place+"slow", "create", "--size", "16M", "--image-feature", "layering")
	imagestest.Write(t, place+"slow", 5)
	trashed := imagestest.Make(t, place+"old", "create", "--size", "8M")
	imagestest.Trash(t, place+"old")
	var info struct {
		Created  string   `json:"create_timestamp"`
		Features []string `json:"features"`
	}
	if err := json.Unmarshal([]byte(acctest.RBD(t, "info", "--format", "json", place+"written")), &info); err != nil {
		t.Fatal(err)
	}

	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: fmt.Sprintf(`data "rbd_images" "test" {
  namespace = %q
  trash     = true
  used      = true
}`, ns),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, tfjsonpath.New("pool"), knownvalue.StringExact("vms")),
				count(4),
				image(0, map[string]knownvalue.Check{
					"name":           knownvalue.StringExact("clone"),
					"parent":         knownvalue.StringExact(place + "written@one"),
					"used_bytes":     knownvalue.Int64Exact(0),
					"snapshot_count": knownvalue.Int64Exact(0),
					"data_pool":      knownvalue.StringExact(""),
				}),
				image(1, map[string]knownvalue.Check{
					"name":     knownvalue.StringExact("old"),
					"spec":     knownvalue.StringExact(place + "old"),
					"image_id": knownvalue.StringExact(trashed),
					"trashed":  knownvalue.Bool(true),
				}),
				image(2, map[string]knownvalue.Check{
					"image_id":   knownvalue.StringExact(slow),
					"features":   knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("layering")}),
					"used_bytes": knownvalue.Int64Exact(imagestest.Used(t, place+"slow")),
				}),
				image(3, map[string]knownvalue.Check{
					"spec":              knownvalue.StringExact(place + "written"),
					"image_id":          knownvalue.StringExact(written),
					"size_bytes":        knownvalue.Int64Exact(32 << 20),
					"object_size_bytes": knownvalue.Int64Exact(1 << 20),
					"used_bytes":        knownvalue.Int64Exact(imagestest.Used(t, place+"written")),
					"features":          knownvalue.ListSizeExact(len(info.Features)),
					"parent":            knownvalue.Null(),
					"snapshot_count":    knownvalue.Int64Exact(2),
					"data_pool":         knownvalue.StringExact("volumes"),
					"managed":           knownvalue.Bool(false),
					"trashed":           knownvalue.Bool(false),
					"created_at":        knownvalue.StringRegexp(regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:]{8}Z$`)),
					"modified_at":       knownvalue.StringRegexp(regexp.MustCompile(`Z$`)),
					"accessed_at":       knownvalue.StringRegexp(regexp.MustCompile(`Z$`)),
				}),
			},
		},
		{
			Config: fmt.Sprintf("data \"rbd_images\" \"test\" {\n  pool = \"vms\"\n  namespace = %q\n  name_regex = \"^(slow|old|clone)$\"\n}\n", ns),
			ConfigStateChecks: []statecheck.StateCheck{
				count(2),
				image(0, map[string]knownvalue.Check{"name": knownvalue.StringExact("clone"), "used_bytes": knownvalue.Null()}),
				image(1, map[string]knownvalue.Check{"name": knownvalue.StringExact("slow")}),
			},
		},
		{
			Config:            fmt.Sprintf("data \"rbd_images\" \"test\" {\n  namespace = %q\n  name_regex = \"no such\"\n}\n", ns),
			ConfigStateChecks: []statecheck.StateCheck{count(0)},
		},
	}})
}

// An image of a resource is told from others.
func TestImagesManaged(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	imagestest.Make(t, "vms/"+name+"-other", "create", "--size", "8M")
	config := fmt.Sprintf(`resource "rbd_image" "test" {
  name = "%[1]s-ours"
  size = "8MiB"
}
data "rbd_images" "test" {
  name_regex = "^%[1]s-"
  depends_on = [rbd_image.test]
}`, name)
	// Only the refresh after the creation says that a state has the image.
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{Config: config}, {
		Config: config,
		ConfigStateChecks: []statecheck.StateCheck{
			count(2),
			image(0, map[string]knownvalue.Check{"name": knownvalue.StringExact(name + "-other"), "managed": knownvalue.Bool(false)}),
			image(1, map[string]knownvalue.Check{"name": knownvalue.StringExact(name + "-ours"), "managed": knownvalue.Bool(true)}),
		},
	}}})
}

func TestImagesErrors(t *testing.T) {
	t.Parallel()
	for what, tc := range map[string]struct{ config, want string }{
		"no such pool":         {`pool = "no-such-pool"`, `(?s)In\s+attribute\s+pool:.*ceph\s+osd\s+pool\s+ls`},
		"no such namespace":    {`namespace = "no-such"`, `(?s)In\s+attribute\s+namespace:.*rbd\s+namespace\s+create`},
		"a broken expression":  {`name_regex = "a("`, `(?s)Not\s+a\s+regular\s+expression.*missing\s+closing`},
		"a pool out of bounds": {`pool = "device_health_metrics"`, `(?s)list\s+RBD\s+images\s+of\s+"device_health_metrics".*capabilities`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:      "data \"rbd_images\" \"test\" {\n" + tc.config + "\n}\n",
				ExpectError: regexp.MustCompile(tc.want),
			}}})
		})
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      "provider \"rbd\" {}\ndata \"rbd_images\" \"test\" {}\n",
		ExpectError: regexp.MustCompile(`names\s+a\s+pool`),
	}}})
}
