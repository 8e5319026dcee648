// SPDX-License-Identifier: MPL-2.0

package librbd_test

import (
	"testing"

	"github.com/ceph/go-ceph/rbd"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// What a plan goes by without librbd is what librbd calls it.
func TestNamesOfFeatures(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		librbd.FeatureNameLayering:      rbd.FeatureNameLayering,
		librbd.FeatureNameExclusiveLock: rbd.FeatureNameExclusiveLock,
		librbd.FeatureNameObjectMap:     rbd.FeatureNameObjectMap,
		librbd.FeatureNameFastDiff:      rbd.FeatureNameFastDiff,
		librbd.FeatureNameDeepFlatten:   rbd.FeatureNameDeepFlatten,
		librbd.FeatureNameJournaling:    rbd.FeatureNameJournaling,
		librbd.FeatureNameMigrating:     rbd.FeatureNameMigrating,
	} {
		if name != want {
			t.Errorf("%q is called %q", name, want)
		}
	}
}
