// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

package admin

import "github.com/ceph/go-ceph/rbd/admin"

// What go-ceph has.
type (
	TaskAdmin    = admin.TaskAdmin
	TaskResponse = admin.TaskResponse
)

var (
	NewFromConn  = admin.NewFromConn
	NewImageSpec = admin.NewImageSpec
)
