// SPDX-License-Identifier: MPL-2.0

// Package rados is what this provider uses of librados, by go-ceph. Built without
// it (not for Linux, or without cgo) it has the same names, and the one function
// that makes a connection answers ErrWithoutLibrbd.
package rados

import "errors"

// ErrWithoutLibrbd says that this provider can't speak with a cluster.
var ErrWithoutLibrbd = errors.New("this provider was built without librbd, and can't speak with a Ceph cluster")
