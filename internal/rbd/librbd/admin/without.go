// SPDX-License-Identifier: MPL-2.0

//go:build !linux || !cgo

package admin

import "github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"

type (
	ImageSpec    struct{}
	RBDAdmin     struct{}
	TaskAdmin    struct{}
	TaskRefs     struct{ Action, PoolName, PoolNamespace, ImageID string }
	TaskResponse struct {
		ID, Message, RetryMessage string
		Progress                  float64
		Refs                      TaskRefs
	}
	LevelSpec    struct{}
	Interval     string
	StartTime    string
	ScheduleTerm struct {
		Interval  Interval
		StartTime StartTime
	}
	SnapshotSchedule struct {
		LevelSpecID string
		Schedule    []ScheduleTerm
	}
	MirrorSnashotScheduleAdmin struct{}
)

func NewFromConn(*rados.Conn) *RBDAdmin         { return &RBDAdmin{} }
func NewImageSpec(_, _, _ string) (_ ImageSpec) { return }
func NewLevelSpec(_, _, _ string) (_ LevelSpec) { return }
func (*RBDAdmin) MirrorSnashotSchedule() *MirrorSnashotScheduleAdmin {
	return &MirrorSnashotScheduleAdmin{}
}
func (*RBDAdmin) Task() *TaskAdmin { return &TaskAdmin{} }

func (*TaskAdmin) AddFlatten(ImageSpec) (_ TaskResponse, err error) {
	return TaskResponse{}, rados.ErrWithoutLibrbd
}
func (*TaskAdmin) AddTrashRemove(ImageSpec) (_ TaskResponse, err error) {
	return TaskResponse{}, rados.ErrWithoutLibrbd
}
func (*TaskAdmin) List() ([]TaskResponse, error) { return nil, rados.ErrWithoutLibrbd }
func (*TaskAdmin) GetTaskByID(string) (_ TaskResponse, err error) {
	return TaskResponse{}, rados.ErrWithoutLibrbd
}

func (*MirrorSnashotScheduleAdmin) Add(LevelSpec, Interval, StartTime) error {
	return rados.ErrWithoutLibrbd
}
func (*MirrorSnashotScheduleAdmin) List(LevelSpec) (_ []SnapshotSchedule, err error) {
	return nil, rados.ErrWithoutLibrbd
}
func (*MirrorSnashotScheduleAdmin) Remove(LevelSpec, Interval, StartTime) error {
	return rados.ErrWithoutLibrbd
}
