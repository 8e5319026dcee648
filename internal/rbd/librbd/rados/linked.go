// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

package rados

import "github.com/ceph/go-ceph/rados"

// What go-ceph has.
type (
	Conn      = rados.Conn
	IOContext = rados.IOContext
)

const OperationNoFlag = rados.OperationNoFlag

var (
	ErrNotFound = rados.ErrNotFound

	CreateReadOp              = rados.CreateReadOp
	CreateWriteOp             = rados.CreateWriteOp
	NewConn                   = rados.NewConn
	NewConnWithClusterAndUser = rados.NewConnWithClusterAndUser
)
