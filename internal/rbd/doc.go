// SPDX-License-Identifier: MPL-2.0

// Package rbd is the only one that speaks to Ceph: images, snapshots, clones and
// their labels, over librbd. Below it are blockio, which moves the content of open
// images, and ownership, which words the labels.
//
// Images are named by a Spec and meant by their RBD image id: whatever changes
// one checks that its name still stands for that id. All errors wrap one of the
// package's own (ErrImageNotFound, ErrInUse, …), told apart by error code.
package rbd
