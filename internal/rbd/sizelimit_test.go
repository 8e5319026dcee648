// SPDX-License-Identifier: MPL-2.0

package rbd_test

import (
	"errors"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// What is refused is what librbd refuses, and no more.
func TestCheckSize(t *testing.T) {
	acctest.RequireLab(t)
	const most = 256_000_000 * 4 << 20 // of an object map, in objects as the lab makes them
	mapped := []string{"exclusive-lock", "object-map", "fast-diff"}
	for what, tc := range map[string]struct {
		options map[string]string
		layout  rbd.Layout
		size    uint64
		refused bool
	}{
		"as configured":     {nil, rbd.Layout{}, most, false},
		"a byte too much":   {nil, rbd.Layout{}, most + 1, true},
		"1 PiB":             {nil, rbd.Layout{}, 1 << 50, true},
		"asked for":         {nil, rbd.Layout{Features: mapped}, most + 1, true},
		"without a map":     {nil, rbd.Layout{Features: []string{"layering"}}, 1 << 60, false},
		"no features":       {nil, rbd.Layout{Features: []string{}}, 1 << 60, false},
		"small objects":     {nil, rbd.Layout{ObjectSizeBytes: 4 << 10}, most/1024 + 1, true},
		"large objects":     {nil, rbd.Layout{ObjectSizeBytes: 32 << 20}, 1 << 50, false},
		"too many of them":  {nil, rbd.Layout{ObjectSizeBytes: 32 << 20}, most*8 + 1, true},
		"beyond numbers":    {nil, rbd.Layout{Features: []string{}}, 1 << 63, true},
		"none configured":   {map[string]string{"rbd_default_features": "layering"}, rbd.Layout{}, 1 << 50, false},
		"by a number":       {map[string]string{"rbd_default_features": "3"}, rbd.Layout{}, 1 << 50, false},
		"by names":          {map[string]string{"rbd_default_features": "layering,exclusive-lock,object-map"}, rbd.Layout{}, 1 << 50, true},
		"larger configured": {map[string]string{"rbd_default_order": "25"}, rbd.Layout{}, 1 << 50, false},
	} {
		t.Run(what, func(t *testing.T) {
			c := rbd.NewCluster(rbd.Config{Options: tc.options})
			err := c.CheckSize(t.Context(), tc.layout, tc.size)
			if errors.Is(err, rbd.ErrTooLarge) != tc.refused || err != nil && !tc.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}
