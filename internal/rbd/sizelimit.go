// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// ErrTooLarge says that librbd makes no image of this size.
var ErrTooLarge = errors.New("the image would be too large")

// maxMapped is how many objects an object map can have (cls_rbd's
// MAX_OBJECT_MAP_OBJECT_COUNT).
const maxMapped = 256_000_000

// CheckSize tells whether an image of sizeBytes can be made with this layout, by
// what the cluster has configured where the layout leaves it open. Without an
// object map there is no limit but that of the numbers.
//
// Errors: ErrTooLarge.
func (c *Cluster) CheckSize(ctx context.Context, l Layout, sizeBytes uint64) error {
	if sizeBytes > math.MaxInt64 {
		return fmt.Errorf("%w: %d bytes are beyond what librbd counts", ErrTooLarge, sizeBytes)
	}
	if sizeBytes <= maxMapped*MinObjectSizeBytes {
		return nil
	}
	object, mapped := l.ObjectSizeBytes, slices.Contains(l.Features, librbd.FeatureNameObjectMap)
	if object == 0 || l.Features == nil {
		defaultObject, features, err := c.layoutDefaults(ctx)
		if err != nil {
			return err
		}
		if object == 0 {
			object = defaultObject
		}
		if l.Features == nil {
			mapped = slices.Contains(features, librbd.FeatureNameObjectMap)
		}
	}
	if most := object * maxMapped; mapped && sizeBytes > most {
		return fmt.Errorf("%w: its object map can have %d objects of %d bytes, %d bytes in all, and it would have %d bytes",
			ErrTooLarge, uint64(maxMapped), object, most, sizeBytes)
	}
	return nil
}

// layoutDefaults are the object size in bytes and the features that a new image
// gets from the configuration.
func (c *Cluster) layoutDefaults(ctx context.Context) (object uint64, features []string, err error) {
	err = c.do(ctx, func(cn *connection) error {
		option, err := cn.conn.GetConfigOption("rbd_default_order")
		if err != nil {
			return fmt.Errorf("read the option rbd_default_order: %w", err)
		}
		order, err := strconv.ParseUint(option, 10, 6)
		if err != nil {
			return fmt.Errorf("read the option rbd_default_order: %w", err)
		}
		object = 1 << order
		if option, err = cn.conn.GetConfigOption("rbd_default_features"); err != nil {
			return fmt.Errorf("read the option rbd_default_features: %w", err)
		}
		// As a number, or by their names.
		if set, err := strconv.ParseUint(option, 10, 64); err == nil {
			set := librbd.FeatureSet(set)
			features = set.Names()
		} else {
			features = strings.FieldsFunc(option, func(r rune) bool { return r == ',' || r == '+' || r == ' ' })
		}
		return nil
	})
	return object, features, err
}
