// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

package librbd

import (
	"fmt"

	"github.com/ceph/go-ceph/rbd"

	// It prints where they were when they end the process.
	_ "github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/laststack"
)

// Version is that of librbd as it says it itself.
func Version() string {
	major, minor, patch := rbd.Version()
	return fmt.Sprintf("%d.%d.%d", major, minor, patch)
}

// What go-ceph has.
type (
	DiffIterateConfig       = rbd.DiffIterateConfig
	FeatureSet              = rbd.FeatureSet
	GlobalMirrorImageStatus = rbd.GlobalMirrorImageStatus
	Image                   = rbd.Image
	ImageInfo               = rbd.ImageInfo
	ImageOption             = rbd.ImageOption
	ImageOptions            = rbd.ImageOptions
	ImageMirrorMode         = rbd.ImageMirrorMode
	MirrorImageInfo         = rbd.MirrorImageInfo
	MirrorImageInfoItem     = rbd.MirrorImageInfoItem
	MirrorMode              = rbd.MirrorMode
	MirrorPeerDirection     = rbd.MirrorPeerDirection
	MirrorPeerSite          = rbd.MirrorPeerSite
	SiteMirrorImageStatus   = rbd.SiteMirrorImageStatus
	SparsifyCallback        = rbd.SparsifyCallback
	Timespec                = rbd.Timespec
)

const (
	NoSnapshot = rbd.NoSnapshot

	FeatureExclusiveLock = rbd.FeatureExclusiveLock
	FeatureFastDiff      = rbd.FeatureFastDiff
	FeatureMigrating     = rbd.FeatureMigrating
	FeatureStripingV2    = rbd.FeatureStripingV2

	EnableWholeObject  = rbd.EnableWholeObject
	DisableWholeObject = rbd.DisableWholeObject
	IncludeParent      = rbd.IncludeParent
	ExcludeParent      = rbd.ExcludeParent

	ImageOptionCloneFormat = rbd.ImageOptionCloneFormat
	ImageOptionDataPool    = rbd.ImageOptionDataPool
	ImageOptionFeatures    = rbd.ImageOptionFeatures
	ImageOptionOrder       = rbd.ImageOptionOrder
	ImageOptionStripeCount = rbd.ImageOptionStripeCount
	ImageOptionStripeUnit  = rbd.ImageOptionStripeUnit

	LockModeExclusive       = rbd.LockModeExclusive
	MirrorImageDisabled     = rbd.MirrorImageDisabled
	MirrorImageDisabling    = rbd.MirrorImageDisabling
	ImageMirrorModeSnapshot = rbd.ImageMirrorModeSnapshot
	MirrorModeDisabled      = rbd.MirrorModeDisabled
	MirrorModeImage         = rbd.MirrorModeImage
	MirrorPeerDirectionRx   = rbd.MirrorPeerDirectionRx
	MirrorPeerDirectionTx   = rbd.MirrorPeerDirectionTx
	MirrorPeerDirectionRxTx = rbd.MirrorPeerDirectionRxTx

	SnapNamespaceTypeUser  = rbd.SnapNamespaceTypeUser
	SnapNamespaceTypeGroup = rbd.SnapNamespaceTypeGroup
	SnapNamespaceTypeTrash = rbd.SnapNamespaceTypeTrash
)

var (
	ErrNotFound = rbd.ErrNotFound

	CloneImage                     = rbd.CloneImage
	CreateImage                    = rbd.CreateImage
	FeatureSetFromNames            = rbd.FeatureSetFromNames
	GetImage                       = rbd.GetImage
	GetImageNames                  = rbd.GetImageNames
	GetMirrorMode                  = rbd.GetMirrorMode
	GetMirrorSiteName              = rbd.GetMirrorSiteName
	MigrationCommit                = rbd.MigrationCommit
	MigrationPrepareImport         = rbd.MigrationPrepareImport
	ListMirrorPeerSite             = rbd.ListMirrorPeerSite
	GetAttributesMirrorPeerSite    = rbd.GetAttributesMirrorPeerSite
	SetMirrorPeerSiteDirection     = rbd.SetMirrorPeerSiteDirection
	MirrorImageInfoList            = rbd.MirrorImageInfoList
	MirrorImageStatusSummary       = rbd.MirrorImageStatusSummary
	SetMirrorMode                  = rbd.SetMirrorMode
	SetMirrorSiteName              = rbd.SetMirrorSiteName
	RemoveMirrorPeerSite           = rbd.RemoveMirrorPeerSite
	CreateMirrorPeerBootstrapToken = rbd.CreateMirrorPeerBootstrapToken
	ImportMirrorPeerBootstrapToken = rbd.ImportMirrorPeerBootstrapToken
	GetPoolMetadata                = rbd.GetPoolMetadata
	GetTrashList                   = rbd.GetTrashList
	NamespaceCreate                = rbd.NamespaceCreate
	NamespaceExists                = rbd.NamespaceExists
	NamespaceList                  = rbd.NamespaceList
	NamespaceRemove                = rbd.NamespaceRemove
	NewRbdImageOptions             = rbd.NewRbdImageOptions
	OpenImage                      = rbd.OpenImage
	OpenImageById                  = rbd.OpenImageById
	OpenImageByIdReadOnly          = rbd.OpenImageByIdReadOnly
	OpenImageReadOnly              = rbd.OpenImageReadOnly
	RemoveImage                    = rbd.RemoveImage
	RemovePoolMetadata             = rbd.RemovePoolMetadata
	SetPoolMetadata                = rbd.SetPoolMetadata
	TrashRemove                    = rbd.TrashRemove
	TrashRestore                   = rbd.TrashRestore
)
