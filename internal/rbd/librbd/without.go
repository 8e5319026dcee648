// SPDX-License-Identifier: MPL-2.0

//go:build !linux || !cgo

package librbd

import (
	"context"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// All that follows stands in for what go-ceph has under the same name, and is there
// for the compiler alone.

// errWithout is the answer of all of them.
var errWithout = rados.ErrWithoutLibrbd

// ErrNotFound is never returned.
var ErrNotFound error = notFound{}

type notFound struct{}

func (notFound) Error() string { return "not found" }

// Version is empty where there is no librbd.
func Version() string { return "" }

type (
	Image        struct{}
	ImageOptions struct{}
	Snapshot     struct{}
	ImageOption  int
	FeatureSet   uint64
	Timespec     struct{ Sec, Nsec int64 }

	DiffIterateConfig struct {
		SnapName                   string
		Offset, Length             uint64
		IncludeParent, WholeObject uint8
		Callback                   func(offset, length uint64, exists int, data any) int
	}
	GroupInfo struct{ Name string }
	ImageInfo struct {
		Size, Obj_size    uint64
		Block_name_prefix string
	}
	ImageSpec struct {
		ImageName, ImageID, PoolName, PoolNamespace string
		Trash                                       bool
	}
	ImageWatcher struct {
		Addr string
		Id   int64
	}
	Locker                  struct{ Client, Cookie, Addr string }
	GlobalMirrorImageStatus struct {
		Info         MirrorImageInfo
		SiteStatuses []SiteMirrorImageStatus
	}
	ImageMirrorMode int
	MirrorImageInfo struct {
		GlobalID string
		State    MirrorImageState
		Primary  bool
	}
	MirrorImageInfoItem struct {
		ID   string
		Info MirrorImageInfo
	}
	MirrorImageState       int
	MirrorImageStatusState int
	MirrorMode             int
	MirrorPeerDirection    int
	MirrorPeerSite         struct {
		UUID, SiteName, MirrorUUID, ClientName string
		Direction                              MirrorPeerDirection
	}
	SiteMirrorImageStatus struct {
		MirrorUUID, Description string
		State                   MirrorImageStatusState
		LastUpdate              int64
		Up                      bool
	}
	ParentInfo struct {
		Image ImageSpec
		Snap  SnapSpec
	}
	SnapInfo struct {
		Id, Size uint64
		Name     string
	}
	SnapSpec struct {
		ID       uint64
		SnapName string
	}
	SparsifyCallback func(object, objects uint64, data any) int
	TrashInfo        struct {
		Id, Name                       string
		DeletionTime, DefermentEndTime time.Time
	}
)

const (
	NoSnapshot = ""

	FeatureStripingV2    uint64 = 1 << 1
	FeatureExclusiveLock uint64 = 1 << 2
	FeatureFastDiff      uint64 = 1 << 4
	FeatureMigrating     uint64 = 1 << 9

	DisableWholeObject uint8 = 0
	EnableWholeObject  uint8 = 1
	ExcludeParent      uint8 = 0
	IncludeParent      uint8 = 1

	LockModeExclusive   = 0
	MirrorImageDisabled = 2

	MirrorImageDisabling    = 0
	ImageMirrorModeSnapshot = ImageMirrorMode(1)
	MirrorModeDisabled      = MirrorMode(0)
	MirrorModeImage         = MirrorMode(1)
	MirrorPeerDirectionRx   = MirrorPeerDirection(0)
	MirrorPeerDirectionTx   = MirrorPeerDirection(1)
	MirrorPeerDirectionRxTx = MirrorPeerDirection(2)
)

const (
	ImageOptionCloneFormat ImageOption = iota
	ImageOptionDataPool
	ImageOptionFeatures
	ImageOptionOrder
	ImageOptionStripeCount
	ImageOptionStripeUnit
)

const (
	SnapNamespaceTypeUser = iota
	SnapNamespaceTypeGroup
	SnapNamespaceTypeTrash
)

type ioctx = *rados.IOContext

func CloneImage(ioctx, string, string, ioctx, string, *ImageOptions) error { return errWithout }
func CreateImage(ioctx, string, uint64, *ImageOptions) error               { return errWithout }
func GetImage(ioctx, string) *Image                                        { return &Image{} }
func GetImageNames(ioctx) ([]string, error)                                { return nil, errWithout }
func GetPoolMetadata(ioctx, string) (string, error)                        { return "", errWithout }
func GetTrashList(ioctx) ([]TrashInfo, error)                              { return nil, errWithout }
func NamespaceCreate(ioctx, string) error                                  { return errWithout }
func NamespaceExists(ioctx, string) (bool, error)                          { return false, errWithout }
func NamespaceList(ioctx) ([]string, error)                                { return nil, errWithout }
func NamespaceRemove(ioctx, string) error                                  { return errWithout }
func OpenImage(ioctx, string, string) (*Image, error)                      { return nil, errWithout }
func OpenImageById(ioctx, string, string) (*Image, error)                  { return nil, errWithout }
func OpenImageByIdReadOnly(ioctx, string, string) (*Image, error)          { return nil, errWithout }
func OpenImageReadOnly(ioctx, string, string) (*Image, error)              { return nil, errWithout }
func RemoveImage(ioctx, string) error                                      { return errWithout }
func RemovePoolMetadata(ioctx, string) error                               { return errWithout }
func SetPoolMetadata(ioctx, string, string) error                          { return errWithout }
func TrashRemove(ioctx, string, bool) error                                { return errWithout }
func TrashRestore(ioctx, string, string) error                             { return errWithout }

func MigrationCommit(ioctx, string) error                               { return errWithout }
func MigrationPrepareImport(string, ioctx, string, *ImageOptions) error { return errWithout }
func ExecuteMigration(context.Context, ioctx, string, func(done, total uint64)) error {
	return errWithout
}

func CreateMirrorPeerBootstrapToken(ioctx) (string, error)                 { return "", errWithout }
func GetMirrorMode(ioctx) (MirrorMode, error)                              { return 0, errWithout }
func GetMirrorSiteName(*rados.Conn) (string, error)                        { return "", errWithout }
func ListMirrorPeerSite(ioctx) ([]*MirrorPeerSite, error)                  { return nil, errWithout }
func GetAttributesMirrorPeerSite(ioctx, string) (map[string]string, error) { return nil, errWithout }
func SetMirrorPeerSiteDirection(ioctx, string, MirrorPeerDirection) error  { return errWithout }
func MirrorImageInfoList(ioctx, any, string, int) ([]MirrorImageInfoItem, error) {
	return nil, errWithout
}
func RemoveMirrorPeerSite(ioctx, string) error    { return errWithout }
func SetMirrorMode(ioctx, MirrorMode) error       { return errWithout }
func SetMirrorSiteName(*rados.Conn, string) error { return errWithout }
func ImportMirrorPeerBootstrapToken(ioctx, MirrorPeerDirection, string) error {
	return errWithout
}
func MirrorImageStatusSummary(ioctx) (map[MirrorImageStatusState]uint, error) {
	return nil, errWithout
}
func (ImageMirrorMode) String() string        { return "" }
func (MirrorImageState) String() string       { return "" }
func (MirrorImageStatusState) String() string { return "" }
func (MirrorMode) String() string             { return "" }

func FeatureSetFromNames([]string) FeatureSet { return 0 }
func (*FeatureSet) Names() []string           { return nil }

func NewRbdImageOptions() *ImageOptions                   { return &ImageOptions{} }
func (*ImageOptions) Destroy()                            {}
func (*ImageOptions) SetString(ImageOption, string) error { return errWithout }
func (*ImageOptions) SetUint64(ImageOption, uint64) error { return errWithout }

func (*Image) Close() error                             { return errWithout }
func (*Image) CreateSnapshot(string) (*Snapshot, error) { return nil, errWithout }
func (*Image) DiffIterate(DiffIterateConfig) error      { return errWithout }
func (*Image) Discard(uint64, uint64) (int, error)      { return 0, errWithout }
func (*Image) Flatten() error                           { return errWithout }
func (*Image) Flush() error                             { return errWithout }
func (*Image) GetAccessTimestamp() (Timespec, error)    { return Timespec{}, errWithout }
func (*Image) GetCreateTimestamp() (Timespec, error)    { return Timespec{}, errWithout }
func (*Image) GetDataPoolID() (int64, error)            { return 0, errWithout }
func (*Image) GetFeatures() (uint64, error)             { return 0, errWithout }
func (*Image) GetGroup() (GroupInfo, error)             { return GroupInfo{}, errWithout }
func (*Image) GetId() (string, error)                   { return "", errWithout }
func (*Image) GetMetadata(string) (string, error)       { return "", errWithout }
func (*Image) CreateMirrorSnapshot() (uint64, error)    { return 0, errWithout }
func (*Image) GetGlobalMirrorStatus() (_ GlobalMirrorImageStatus, err error) {
	return GlobalMirrorImageStatus{}, errWithout
}
func (*Image) GetImageMirrorMode() (ImageMirrorMode, error)                   { return 0, errWithout }
func (*Image) MirrorDemote() error                                            { return errWithout }
func (*Image) MirrorDisable(bool) error                                       { return errWithout }
func (*Image) MirrorEnable(ImageMirrorMode) error                             { return errWithout }
func (*Image) MirrorPromote(bool) error                                       { return errWithout }
func (*Image) MirrorResync() error                                            { return errWithout }
func (*Image) GetMirrorImageInfo() (*MirrorImageInfo, error)                  { return nil, errWithout }
func (*Image) GetModifyTimestamp() (Timespec, error)                          { return Timespec{}, errWithout }
func (*Image) GetName() string                                                { return "" }
func (*Image) GetOverlap() (uint64, error)                                    { return 0, errWithout }
func (*Image) GetParent() (*ParentInfo, error)                                { return nil, errWithout }
func (*Image) GetSize() (uint64, error)                                       { return 0, errWithout }
func (*Image) GetSnapID(string) (uint64, error)                               { return 0, errWithout }
func (*Image) GetSnapNamespaceType(uint64) (int, error)                       { return 0, errWithout }
func (*Image) GetSnapTimestamp(uint64) (Timespec, error)                      { return Timespec{}, errWithout }
func (*Image) GetSnapTrashNamespace(uint64) (string, error)                   { return "", errWithout }
func (*Image) GetSnapshot(string) *Snapshot                                   { return &Snapshot{} }
func (*Image) GetSnapshotNames() ([]SnapInfo, error)                          { return nil, errWithout }
func (*Image) GetStripeCount() (uint64, error)                                { return 0, errWithout }
func (*Image) GetStripeUnit() (uint64, error)                                 { return 0, errWithout }
func (*Image) ListChildrenAttributes() ([]ImageSpec, error)                   { return nil, errWithout }
func (*Image) ListLockers() (string, []Locker, error)                         { return "", nil, errWithout }
func (*Image) ListMetadata() (map[string]string, error)                       { return nil, errWithout }
func (*Image) ListWatchers() ([]ImageWatcher, error)                          { return nil, errWithout }
func (*Image) LockAcquire(int) error                                          { return errWithout }
func (*Image) LockIsExclusiveOwner() (bool, error)                            { return false, errWithout }
func (*Image) LockRelease() error                                             { return errWithout }
func (*Image) ReadAt([]byte, int64) (int, error)                              { return 0, errWithout }
func (*Image) RemoveMetadata(string) error                                    { return errWithout }
func (*Image) Rename(string) error                                            { return errWithout }
func (*Image) SetMetadata(string, string) error                               { return errWithout }
func (*Image) SetSnapByID(uint64) error                                       { return errWithout }
func (*Image) SetSnapshot(string) error                                       { return errWithout }
func (*Image) Stat() (*ImageInfo, error)                                      { return nil, errWithout }
func (*Image) Trash(time.Duration) error                                      { return errWithout }
func (*Image) UpdateFeatures(uint64, bool) error                              { return errWithout }
func (*Image) WriteAt([]byte, int64) (int, error)                             { return 0, errWithout }
func (*Image) WriteSame(_, _ uint64, _ []byte, _ int) (int64, error)          { return 0, errWithout }
func (*Image) Resize2(uint64, bool, func(uint64, uint64, any) int, any) error { return errWithout }
func (*Image) SparsifyWithProgress(uint, SparsifyCallback, any) error         { return errWithout }

func (*Snapshot) IsProtected() (bool, error) { return false, errWithout }
func (*Snapshot) Protect() error             { return errWithout }
func (*Snapshot) Remove() error              { return errWithout }
func (*Snapshot) Rename(string) error        { return errWithout }
func (*Snapshot) Rollback() error            { return errWithout }
func (*Snapshot) Unprotect() error           { return errWithout }

func CloseReadOnly(*Image) error { return errWithout }

// Bare is in bare.go.
type Bare struct{}

func OpenBare(ioctx, string) (*Bare, error)             { return nil, errWithout }
func OpenBareByID(ioctx, string) (*Bare, error)         { return nil, errWithout }
func OpenBareByIDReadOnly(ioctx, string) (*Bare, error) { return nil, errWithout }
func (*Bare) Close()                                    {}
func (*Bare) IsV2Clone() (bool, error)                  { return false, errWithout }
func (*Bare) ObjectMapInvalid() (bool, error)           { return false, errWithout }
func (*Bare) RebuildObjectMap() error                   { return errWithout }
func (*Bare) RollBack(context.Context, string, func(done, total uint64)) error {
	return errWithout
}
func (*Bare) MirrorSnapshot(uint64) (MirrorSnapshot, error) { return MirrorSnapshot{}, errWithout }
func (*Bare) RemoveSnapshotByID(uint64) error               { return errWithout }
