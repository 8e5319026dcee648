// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

package admin

import "github.com/ceph/go-ceph/rbd/admin"

// What go-ceph has.
type (
	Interval                   = admin.Interval
	LevelSpec                  = admin.LevelSpec
	MirrorSnashotScheduleAdmin = admin.MirrorSnashotScheduleAdmin
	ScheduleTerm               = admin.ScheduleTerm
	StartTime                  = admin.StartTime
	TaskAdmin                  = admin.TaskAdmin
	TaskResponse               = admin.TaskResponse
)

var (
	NewFromConn  = admin.NewFromConn
	NewLevelSpec = admin.NewLevelSpec
	NewImageSpec = admin.NewImageSpec
)
