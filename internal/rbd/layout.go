// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// Layout is how a new image is made: the options of `rbd create` and `rbd
// clone`. What is empty, is as the cluster has it configured.
type Layout struct {
	SizeBytes       uint64
	AllowShrink     bool     // a clone may be smaller than its parent
	Features        []string // nil: the default; empty: none
	ObjectSizeBytes uint64
	StripeUnitBytes uint64
	StripeCount     uint64
	DataPool        string
	// Metadata is set before the image gets its name; conf_ entries among it.
	Metadata map[string]string
}

// Limits of librbd for the size of an object (its order is 12 to 25).
const (
	MinObjectSizeBytes = 4 << 10
	MaxObjectSizeBytes = 32 << 20
)

// CheckObjectSize tells whether librbd makes objects of this size in bytes.
func CheckObjectSize(n uint64) error {
	if n < MinObjectSizeBytes || n > MaxObjectSizeBytes || bits.OnesCount64(n) != 1 {
		return fmt.Errorf("an object size of %d bytes is not possible: it is a power of two from 4KiB to 32MiB", n)
	}
	return nil
}

// CheckStriping tells whether librbd stripes so. Zeros mean the default.
func CheckStriping(objectSize, unit, count uint64) error {
	switch {
	case (unit == 0) != (count == 0):
		return fmt.Errorf("the stripe unit and the stripe count are given together or not at all")
	case unit > 0 && objectSize > 0 && objectSize%unit != 0:
		return fmt.Errorf("a stripe unit of %d bytes does not divide the object size of %d bytes", unit, objectSize)
	}
	return nil
}

// options must be destroyed by the caller.
func (l Layout) options(cn *connection) (*librbd.ImageOptions, error) {
	opts := librbd.NewRbdImageOptions()
	set := func(name string, o librbd.ImageOption, v uint64) error {
		if v == 0 {
			return nil
		}
		if err := opts.SetUint64(o, v); err != nil {
			return fmt.Errorf("set the %s: %w", name, err)
		}
		return nil
	}
	if l.ObjectSizeBytes > 0 {
		order := uint64(bits.TrailingZeros64(l.ObjectSizeBytes)) //nolint:gosec // 25 at the most
		if err := set("object size", librbd.ImageOptionOrder, order); err != nil {
			return opts, err
		}
	}
	if err := set("stripe unit", librbd.ImageOptionStripeUnit, l.StripeUnitBytes); err != nil {
		return opts, err
	}
	if err := set("stripe count", librbd.ImageOptionStripeCount, l.StripeCount); err != nil {
		return opts, err
	}
	if l.DataPool != "" {
		if _, err := cn.conn.GetPoolByName(l.DataPool); err != nil {
			return opts, fmt.Errorf("data pool: %w: %q", ErrPoolNotFound, l.DataPool)
		}
		if err := opts.SetString(librbd.ImageOptionDataPool, l.DataPool); err != nil {
			return opts, fmt.Errorf("set the data pool: %w", err)
		}
	}
	if l.Features != nil {
		f := uint64(librbd.FeatureSetFromNames(l.Features))
		if err := opts.SetUint64(librbd.ImageOptionFeatures, f); err != nil {
			return opts, fmt.Errorf("set the features: %w", err)
		}
	}
	return opts, nil
}

// create makes an empty image.
func (l Layout) create(cn *connection, ioctx *rados.IOContext, spec Spec, sizeBytes uint64) error {
	opts, err := l.options(cn)
	defer opts.Destroy()
	if err != nil {
		return err
	}
	return translate("create", spec, ErrPoolNotFound, librbd.CreateImage(ioctx, spec.Image, sizeBytes, opts))
}

// clone makes a clone. A format of 0 leaves it to the cluster whether it is a
// v1 or a v2 one.
func (l Layout) clone(cn *connection, ioctx *rados.IOContext, spec, parent Spec, format uint64) error {
	opts, err := l.options(cn)
	defer opts.Destroy()
	if err != nil {
		return err
	}
	if format > 0 {
		if err := opts.SetUint64(librbd.ImageOptionCloneFormat, format); err != nil {
			return fmt.Errorf("set the clone format: %w", err)
		}
	}
	return cn.withPool(parent.Pool, parent.Namespace, func(from *rados.IOContext) error {
		err := librbd.CloneImage(from, parent.Image, parent.Snapshot, ioctx, spec.Image, opts)
		return translate("clone "+parent.String()+" to", spec, ErrSnapshotNotFound, err)
	})
}

// The features that an image can be given, in the order in which librbd lets
// them be switched on: one needs those before it.
var settable = []string{
	librbd.FeatureNameLayering, librbd.FeatureNameDeepFlatten,
	librbd.FeatureNameExclusiveLock, librbd.FeatureNameObjectMap, librbd.FeatureNameFastDiff,
	librbd.FeatureNameJournaling,
}

// Features are the names of the features that an image can be given.
func Features() []string { return slices.Clone(settable) }

// SettableFeatures leaves out of an image's features what follows from other
// settings (striping, data-pool) and what librbd keeps for itself (operations,
// migrating).
func SettableFeatures(all []string) []string {
	out := []string{}
	for _, f := range all {
		if slices.Contains(settable, f) {
			out = append(out, f)
		}
	}
	return out
}

// CheckFeatures refuses combinations that librbd refuses, or makes something
// else of.
func CheckFeatures(set []string) error {
	has := func(f string) bool { return slices.Contains(set, f) }
	for _, f := range set {
		if !slices.Contains(settable, f) {
			return fmt.Errorf("%q is not one of the features %v", f, settable)
		}
	}
	for _, f := range []string{librbd.FeatureNameObjectMap, librbd.FeatureNameJournaling} {
		if has(f) && !has(librbd.FeatureNameExclusiveLock) {
			return fmt.Errorf("%s needs %s", f, librbd.FeatureNameExclusiveLock)
		}
	}
	if has(librbd.FeatureNameObjectMap) != has(librbd.FeatureNameFastDiff) {
		return fmt.Errorf("%s and %s are switched together by librbd: name both or none",
			librbd.FeatureNameObjectMap, librbd.FeatureNameFastDiff)
	}
	return nil
}

// FeatureChange is what has to be switched to get from one set to another, and
// what can't be switched on an image that is there.
type FeatureChange struct{ Enable, Disable, Fixed []string }

// ChangeFeatures tells how to get from one set of features to another. Both are
// in the order in which they have to be switched.
func ChangeFeatures(from, to []string) FeatureChange {
	var c FeatureChange
	for _, f := range settable {
		was, is := slices.Contains(from, f), slices.Contains(to, f)
		switch {
		case was == is:
		case f == librbd.FeatureNameLayering, f == librbd.FeatureNameDeepFlatten && is:
			c.Fixed = append(c.Fixed, f)
		case is:
			c.Enable = append(c.Enable, f)
		default:
			c.Disable = append(c.Disable, f)
		}
	}
	slices.Reverse(c.Disable)
	return c
}
