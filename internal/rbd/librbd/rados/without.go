// SPDX-License-Identifier: MPL-2.0

//go:build !linux || !cgo

package rados

import "time"

// All that follows stands in for what go-ceph has under the same name. Only
// NewConn and NewConnWithClusterAndUser are ever called.

// ErrNotFound is never returned.
var ErrNotFound error = notFound{}

type notFound struct{}

func (notFound) Error() string { return "not found" }

const OperationNoFlag = 0

type (
	Conn      struct{}
	IOContext struct{}
	LockInfo  struct {
		NumLockers       int
		Clients, Cookies []string
	}
	ObjectStat struct{}
	ReadOp     struct{}
	WriteOp    struct{}
)

func NewConn() (*Conn, error)                                 { return nil, ErrWithoutLibrbd }
func NewConnWithClusterAndUser(string, string) (*Conn, error) { return nil, ErrWithoutLibrbd }
func (*Conn) Connect() error                                  { return ErrWithoutLibrbd }
func (*Conn) GetConfigOption(string) (string, error)          { return "", ErrWithoutLibrbd }
func (*Conn) GetFSID() (string, error)                        { return "", ErrWithoutLibrbd }
func (*Conn) GetInstanceID() uint64                           { return 0 }
func (*Conn) GetPoolByID(int64) (string, error)               { return "", ErrWithoutLibrbd }
func (*Conn) GetPoolByName(string) (int64, error)             { return 0, ErrWithoutLibrbd }
func (*Conn) ListPools() ([]string, error)                    { return nil, ErrWithoutLibrbd }
func (*Conn) MgrCommand([][]byte) ([]byte, string, error)     { return nil, "", ErrWithoutLibrbd }
func (*Conn) MonCommand([]byte) ([]byte, string, error)       { return nil, "", ErrWithoutLibrbd }
func (*Conn) OpenIOContext(string) (*IOContext, error)        { return nil, ErrWithoutLibrbd }
func (*Conn) ReadConfigFile(string) error                     { return ErrWithoutLibrbd }
func (*Conn) SetConfigOption(string, string) error            { return ErrWithoutLibrbd }
func (*Conn) Shutdown()                                       {}
func (*Conn) WaitForLatestOSDMap() error                      { return ErrWithoutLibrbd }

func (*IOContext) BreakLock(_, _, _, _ string) (int, error)   { return 0, ErrWithoutLibrbd }
func (*IOContext) Delete(string) error                        { return ErrWithoutLibrbd }
func (*IOContext) Destroy()                                   {}
func (*IOContext) GetPoolID() int64                           { return 0 }
func (*IOContext) ListLockers(_, _ string) (*LockInfo, error) { return nil, ErrWithoutLibrbd }
func (*IOContext) Read(string, []byte, uint64) (int, error)   { return 0, ErrWithoutLibrbd }
func (*IOContext) SetNamespace(string)                        {}
func (*IOContext) SetPoolFullTry() error                      { return ErrWithoutLibrbd }
func (*IOContext) Stat(string) (ObjectStat, error)            { return ObjectStat{}, ErrWithoutLibrbd }
func (*IOContext) Unlock(_, _, _ string) (int, error)         { return 0, ErrWithoutLibrbd }
func (*IOContext) GetOmapValues(_, _, _ string, _ int64) (map[string][]byte, error) {
	return nil, ErrWithoutLibrbd
}
func (*IOContext) LockShared(_, _, _, _, _ string, _ time.Duration, _ *byte) (int, error) {
	return 0, ErrWithoutLibrbd
}
func (*IOContext) LockExclusive(_, _, _, _ string, _ time.Duration, _ *byte) (int, error) {
	return 0, ErrWithoutLibrbd
}

func CreateReadOp() *ReadOp                           { return &ReadOp{} }
func (*ReadOp) Exec(_, _ string, _ []byte) any        { return nil }
func (*ReadOp) Operate(*IOContext, string, int) error { return ErrWithoutLibrbd }
func (*ReadOp) Release()                              {}

func CreateWriteOp() *WriteOp                          { return &WriteOp{} }
func (*WriteOp) Exec(_, _ string, _ []byte)            {}
func (*WriteOp) Operate(*IOContext, string, int) error { return ErrWithoutLibrbd }
func (*WriteOp) Release()                              {}
func (*WriteOp) SetOmap(map[string][]byte)             {}
