// SPDX-License-Identifier: MPL-2.0

package functions_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// locations are pairs that both functions agree about.
var locations = map[string]struct{ pool, namespace, image, snapshot string }{
	"rbd://" + fsid + "/images/debian-12/golden":                 {"images", "", "debian-12", "golden"},
	"rbd://" + fsid + "/images%2Ftenant/debian-12_x.y~z/1":       {"images", "tenant", "debian-12_x.y~z", "1"},
	"rbd://" + fsid + "/my%20images/100%25%3Fa%3Db/caf%C3%A9":    {"my images", "", "100%?a=b", "café"},
	"rbd://4B5C8C0A-FF60-454B-A1B4-9747AA737D19/images/debian/s": {"images", "", "debian", "s"},
}

func TestLocationURL(t *testing.T) {
	var steps []resource.TestStep
	for url, l := range locations {
		pool := l.pool
		if l.namespace != "" {
			pool += "/" + l.namespace
		}
		spec := pool + "/" + l.image + "@" + l.snapshot
		id := url[len("rbd://") : len("rbd://")+len(fsid)]
		steps = append(steps,
			expectOutput(`provider::rbd::location_url("`+id+`", "`+spec+`")`, knownvalue.StringExact(url)),
			expectOutput(`provider::rbd::parse_location_url("`+url+`")`, object(map[string]string{
				"fsid": id, "pool": l.pool, "namespace": l.namespace, "image": l.image, "snapshot": l.snapshot, "spec": spec,
			})),
		)
	}
	for args, want := range map[string]string{
		`"` + fsid + `", "images/debian-12"`:          `"spec" parameter.*"images/debian-12" is the spec of an image, a snapshot is wanted`,
		`"` + fsid + `", "debian-12@golden"`:          `"spec" parameter.*want pool`,
		`"my-cluster", "images/debian-12@golden"`:     `"fsid" parameter.*"my-cluster" is not the fsid of a cluster: want a UUID`,
		`"", "images/debian-12@golden"`:               `"" is not the fsid of a cluster`,
		`"` + fsid + `0", "images/debian-12@golden"`:  `is not the fsid of a cluster`,
		`"my-cluster", "debian-12"`:                   `"my-cluster" is not the fsid of a cluster.*"debian-12": want pool`,
		`"` + fsid + `\n", "images/debian-12@golden"`: `is not the fsid of a cluster`,
	} {
		steps = append(steps, expectError(`provider::rbd::location_url(`+args+`)`, want))
	}
	providertest.Run(t, resource.TestCase{Steps: steps})
}

func TestParseLocationURLErrors(t *testing.T) {
	var steps []resource.TestStep
	for url, want := range map[string]string{
		"":                                    `"url" parameter.*does not begin with rbd://`,
		"debian-12":                           `does not begin with rbd://`,
		"file:///debian-12":                   `does not begin with rbd://`,
		"rbd://debian-12":                     `want rbd://FSID/POOL/IMAGE/SNAPSHOT`,
		"rbd://" + fsid + "/images/debian-12": `want rbd://FSID/POOL/IMAGE/SNAPSHOT`,
		"rbd://" + fsid + "/images/debian-12/golden/x": `want rbd://FSID/POOL/IMAGE/SNAPSHOT`,
		"rbd://" + fsid + "//debian-12/golden":         `the pool is empty`,
		"rbd://" + fsid + "/images//golden":            `the image name is empty`,
		"rbd://" + fsid + "/images/debian-12/":         `the snapshot name is empty`,
		"rbd://" + fsid + "/images/debian-12/100%":     `invalid URL escape`,
		"rbd://" + fsid + "/images/debian-12/%FF":      `a name in it is not UTF-8`,
		"rbd://ceph/images/debian-12/golden":           `"ceph" is not the fsid of a cluster: want a UUID`,
	} {
		steps = append(steps, expectError(`provider::rbd::parse_location_url("`+url+`")`, want))
	}
	providertest.Run(t, resource.TestCase{Steps: steps})
}
