// SPDX-License-Identifier: MPL-2.0

package image_test

import (
	"encoding/json"
	"fmt"
	"regexp"
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

// What `rbd info` shows of an image that has it all.
func TestImageDataSourceInFull(t *testing.T) {
	t.Parallel()
	ns := imagestest.Namespace(t, "vms")
	spec := "vms/" + ns + "/a"
	imagestest.Make(t, spec, "create", "--size", "64M", "--object-size", "1M", "--stripe-unit", "64K", "--stripe-count", "4", "--data-pool", "volumes")
	imagestest.Write(t, spec, 5)
	imagestest.Snapshot(t, spec+"@removed", false)
	imagestest.Snapshot(t, spec+"@s", false)
	imagestest.Make(t, "vms/"+ns+"/plain", "create", "--size", "8M")
	imagestest.Clone(t, 2, spec+"@removed", "vms/"+ns+"/child")
	acctest.RBD(t, "snap", "rm", "--no-progress", spec+"@removed")
	acctest.RBD(t, "config", "image", "set", spec, "rbd_qos_iops_limit", "500")
	acctest.RBD(t, "image-meta", "set", spec, "team", "storage")
	var info struct {
		Prefix  string `json:"block_name_prefix"`
		Created string `json:"create_timestamp"`
	}
	if err := json.Unmarshal([]byte(acctest.RBD(t, "info", "--format", "json", spec)), &info); err != nil {
		t.Fatal(err)
	}
	created, err := time.ParseInLocation(time.ANSIC, info.Created, time.Local)
	if err != nil {
		t.Fatal(err)
	}
	acctest.Watch(t, spec)

	values := map[string]knownvalue.Check{
		"used_bytes":        knownvalue.Int64Exact(imagestest.Used(t, spec)),
		"object_size_bytes": knownvalue.Int64Exact(1 << 20),
		"stripe_unit_bytes": knownvalue.Int64Exact(64 << 10),
		"stripe_count":      knownvalue.Int64Exact(4),
		"data_pool":         knownvalue.StringExact("volumes"),
		"block_name_prefix": knownvalue.StringExact(info.Prefix),
		"created_at":        knownvalue.StringExact(created.UTC().Format(time.RFC3339)),
		"modified_at":       knownvalue.StringRegexp(regexp.MustCompile(`Z$`)),
		"accessed_at":       knownvalue.StringRegexp(regexp.MustCompile(`Z$`)),
		"watchers":          knownvalue.ListExact([]knownvalue.Check{knownvalue.StringRegexp(regexp.MustCompile(`^\S+ \(client\.\d+\)$`))}),
		"conf":              knownvalue.MapExact(map[string]knownvalue.Check{"rbd_qos_iops_limit": knownvalue.StringExact("500")}),
		"metadata":          knownvalue.MapExact(map[string]knownvalue.Check{"team": knownvalue.StringExact("storage")}),
		"snapshots": knownvalue.ListExact([]knownvalue.Check{
			knownvalue.ObjectPartial(map[string]knownvalue.Check{"name": knownvalue.StringExact("removed"), "kind": knownvalue.StringExact("trash"), "location_url": knownvalue.Null()}),
			knownvalue.ObjectPartial(map[string]knownvalue.Check{
				"name": knownvalue.StringExact("s"), "kind": knownvalue.StringExact("user"),
				"created_at":   knownvalue.StringRegexp(regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:]{8}Z$`)),
				"location_url": knownvalue.StringExact("rbd://" + acctest.FSID(t) + "/vms%2F" + ns + "/a/s"),
			}),
		}),
	}
	var checks []statecheck.StateCheck
	for name, check := range values {
		checks = append(checks, statecheck.ExpectKnownValue("data.rbd_image.a", tfjsonpath.New(name), check))
	}
	plain := map[string]knownvalue.Check{
		"used_bytes": knownvalue.Null(), "data_pool": knownvalue.StringExact(""),
		"stripe_unit_bytes": knownvalue.Int64Exact(4 << 20), "stripe_count": knownvalue.Int64Exact(1),
		"watchers": knownvalue.ListSizeExact(0), "conf": knownvalue.MapSizeExact(0),
	}
	for name, check := range plain {
		checks = append(checks, statecheck.ExpectKnownValue("data.rbd_image.plain", tfjsonpath.New(name), check))
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: fmt.Sprintf(`data "rbd_image" "a" {
  spec = %q
  used = true
}
data "rbd_image" "plain" {
  spec = "vms/%s/plain"
}`, spec, ns),
		ConfigStateChecks: checks,
	}}})
}
