// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// SetFeatures is `rbd feature disable` and `rbd feature enable`, of the image
// with this id only, and `rbd object-map rebuild` where the object map was
// switched on, as librbd does not use it before. The image may be in use.
//
// Errors: ErrOtherImage, ErrImageNotFound, ErrPermission; an error that names
// the features which can't be switched.
func (c *Cluster) SetFeatures(ctx context.Context, spec Spec, id string, features []string) error {
	if err := CheckFeatures(features); err != nil {
		return err
	}
	return c.withPool(ctx, spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		var change FeatureChange
		err := withOpen(ioctx, place{spec: spec.ImageSpec()}, readWrite, func(img *librbd.Image) error {
			if err := checkID(img, spec, id); err != nil {
				return err
			}
			now, err := img.GetFeatures()
			if err != nil {
				return fmt.Errorf("read the features of %s: %w", spec, err)
			}
			set := librbd.FeatureSet(now)
			change = ChangeFeatures(set.Names(), features)
			if len(change.Fixed) > 0 {
				return fmt.Errorf("%s can't be switched on an existing image", strings.Join(change.Fixed, " and "))
			}
			return switchFeatures(img, spec, change)
		})
		// Also where it was switched on by a run that was cut off then.
		if err != nil || !slices.Contains(features, librbd.FeatureNameObjectMap) {
			return err
		}
		return rebuildInvalidObjectMap(ioctx, spec)
	})
}

func switchFeatures(img *librbd.Image, spec Spec, change FeatureChange) error {
	for _, step := range []struct {
		names []string
		on    bool
		verb  string
	}{{change.Disable, false, "disable"}, {change.Enable, true, "enable"}} {
		// The object map and fast diff are one switch.
		names := slices.DeleteFunc(slices.Clone(step.names), func(n string) bool { return n == librbd.FeatureNameFastDiff })
		for _, name := range names {
			bits := uint64(librbd.FeatureSetFromNames([]string{name}))
			if err := img.UpdateFeatures(bits, step.on); err != nil {
				return translate(step.verb+" "+name+" of", spec.ImageSpec(), ErrImageNotFound, err)
			}
		}
	}
	return nil
}
