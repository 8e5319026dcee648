// SPDX-License-Identifier: MPL-2.0

// Package librbd is what this provider uses of librbd: go-ceph's package rbd, and
// the few calls which that does not have.
//
// Built without librbd (not for Linux, or without cgo), it has the same names, so
// that all above it compiles on any machine: what works without a cluster works
// there. Nothing of that is ever reached but the constants, as without librados
// there is no connection, see the package rados below.
package librbd

// The names of features are checked by a plan, which needs no librbd.
const (
	FeatureNameLayering      = "layering"
	FeatureNameExclusiveLock = "exclusive-lock"
	FeatureNameObjectMap     = "object-map"
	FeatureNameFastDiff      = "fast-diff"
	FeatureNameDeepFlatten   = "deep-flatten"
	FeatureNameJournaling    = "journaling"
	FeatureNameMigrating     = "migrating"
)

// MirrorSnapshot is what librbd says of a snapshot that mirroring has taken.
type MirrorSnapshot struct {
	// Primary tells whether it was taken here; else it came from the primary.
	Primary bool
	// Demoted tells whether the primary gave up being that with it.
	Demoted bool
	// Complete tells whether all of it is here.
	Complete bool
}
