// SPDX-License-Identifier: MPL-2.0

// Package admin is what this provider asks of a manager, by go-ceph. Built without
// librbd (not for Linux, or without cgo) it has the same names, which nothing ever
// reaches.
package admin
