// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// Image is what librbd says of an image.
type Image struct {
	Spec            Spec
	FSID            string
	ID              string // the RBD image id: survives a rename
	SizeBytes       uint64
	ObjectSizeBytes uint64
	StripeUnitBytes uint64 // the object size where nothing is striped
	StripeCount     uint64 // 1 where nothing is striped
	BlockNamePrefix string // of the names of its data objects
	DataPool        string // empty where the data is in the image's own pool
	Features        []string
	Parent          *Parent    // nil where there is none
	Snapshots       []Snapshot // those that `rbd snap ls --all` shows
	Metadata        map[string]string
	CreatedAt       time.Time
	ModifiedAt      time.Time
	AccessedAt      time.Time
	Trash           *TrashEntry // nil unless it is in the trash
}

// Parent is the snapshot that a clone depends on.
type Parent struct {
	// Spec is what it is called now, as `rbd info` shows it. A snapshot that was
	// removed and lives on for its v2 clones has a UUID for a name.
	Spec       Spec
	ImageID    string
	SnapshotID uint64
	// Trash tells that the parent's image is in the trash.
	Trash bool
}

func (p Parent) String() string {
	if p.Trash {
		return fmt.Sprintf("%s (in the trash, id %s)", p.Spec, p.ImageID)
	}
	return p.Spec.String()
}

// Is tells whether the clone depends on the snapshot with these ids.
func (p *Parent) Is(imageID string, snapshotID uint64) bool {
	return p != nil && p.ImageID == imageID && p.SnapshotID == snapshotID
}

func (cn *connection) readImage(img *librbd.Image, spec Spec) (Image, error) {
	out := Image{Spec: spec, FSID: cn.fsid}
	var errs [9]error
	var stat *librbd.ImageInfo
	var features uint64
	var created, modified, accessed librbd.Timespec
	stat, errs[0] = img.Stat()
	features, errs[1] = img.GetFeatures()
	out.ID, errs[2] = img.GetId()
	created, errs[3] = img.GetCreateTimestamp()
	modified, errs[4] = img.GetModifyTimestamp()
	accessed, errs[5] = img.GetAccessTimestamp()
	out.Snapshots, errs[6] = readSnapshots(img)
	out.Metadata, errs[7] = img.ListMetadata()
	out.DataPool, errs[8] = cn.dataPool(img, spec)
	if err := errors.Join(errs[:]...); err != nil {
		return out, fmt.Errorf("read %s: %w", spec, err)
	}
	out.SizeBytes = stat.Size
	out.ObjectSizeBytes = stat.Obj_size
	// librbd cuts it off after 23 bytes; it ends in the image's id.
	out.BlockNamePrefix = stat.Block_name_prefix[:strings.LastIndexByte(stat.Block_name_prefix, '.')+1] + out.ID
	set := librbd.FeatureSet(features)
	out.Features = set.Names()
	slices.Sort(out.Features)
	out.CreatedAt, out.ModifiedAt, out.AccessedAt = utc(created), utc(modified), utc(accessed)

	out.StripeUnitBytes, out.StripeCount = out.ObjectSizeBytes, 1
	if features&librbd.FeatureStripingV2 != 0 {
		out.StripeUnitBytes, errs[0] = img.GetStripeUnit()
		out.StripeCount, errs[1] = img.GetStripeCount()
		if err := errors.Join(errs[0], errs[1]); err != nil {
			return out, fmt.Errorf("read the striping of %s: %w", spec, err)
		}
	}
	var err error
	out.Parent, err = cn.readParent(img, spec)
	return out, err
}

func utc(t librbd.Timespec) time.Time { return time.Unix(t.Sec, t.Nsec).UTC() }

// dataPool is empty for an image whose data is in its own pool.
func (cn *connection) dataPool(img *librbd.Image, spec Spec) (string, error) {
	id, err := img.GetDataPoolID()
	if err != nil {
		return "", err
	}
	name, err := cn.conn.GetPoolByID(id)
	if err != nil {
		return "", fmt.Errorf("read the name of pool %d: %w", id, err)
	}
	if name == spec.Pool {
		return "", nil
	}
	return name, nil
}

func (cn *connection) readParent(img *librbd.Image, spec Spec) (*Parent, error) {
	p, err := img.GetParent()
	if errno(err) == syscall.ENOENT {
		return nil, nil //nolint:nilnil // most images have none
	}
	if err != nil {
		return nil, fmt.Errorf("read the parent of %s: %w", spec, err)
	}
	return &Parent{
		Spec: Spec{Pool: p.Image.PoolName, Namespace: p.Image.PoolNamespace,
			Image: p.Image.ImageName, Snapshot: p.Snap.SnapName},
		ImageID: p.Image.ImageID, SnapshotID: p.Snap.ID, Trash: p.Image.Trash,
	}, nil
}

// CreateImage makes an empty image: `rbd create --size SIZE SPEC`. It is made
// under its temporary name and labeled with token, see Pending.
//
// Errors: ErrExists, ErrPoolNotFound, ErrNamespaceNotFound, ErrPermission.
func (c *Cluster) CreateImage(ctx context.Context, spec Spec, layout Layout, token string) error {
	p, err := c.NewPending(ctx, spec, layout, token)
	return p.publish(ctx, err)
}

// CloneImage makes a clone: `rbd clone SNAPSHOT SPEC`, as CreateImage does.
//
// Errors: as NewPendingClone.
func (c *Cluster) CloneImage(ctx context.Context, spec Spec, from Origin, layout Layout, token string) error {
	p, err := c.NewPendingClone(ctx, spec, from, layout, token)
	return p.publish(ctx, err)
}

// ResizeImage is `rbd resize --size SIZE SPEC`, of the image with this id only;
// allowShrink is its --allow-shrink.
//
// Errors: ErrShrink, ErrOtherImage, ErrImageNotFound.
func (c *Cluster) ResizeImage(ctx context.Context, spec Spec, id string, sizeBytes uint64, allowShrink bool) error {
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		begun, err := highestSnapshot(img)
		if err != nil {
			return err
		}
		changed, err := resized(img, spec, sizeBytes, allowShrink)
		if err != nil || !changed {
			return err
		}
		return c.noteResize(img, id, begun)
	})
}

func resize(img *librbd.Image, spec Spec, sizeBytes uint64, allowShrink bool) error {
	_, err := resized(img, spec, sizeBytes, allowShrink)
	return err
}

// resized also tells whether the size was another.
func resized(img *librbd.Image, spec Spec, sizeBytes uint64, allowShrink bool) (changed bool, err error) {
	size, err := img.GetSize()
	if err != nil {
		return false, fmt.Errorf("read the size of %s: %w", spec, err)
	}
	if sizeBytes < size && !allowShrink {
		return false, fmt.Errorf("%w: %s has %d bytes, %d are wanted", ErrShrink, spec, size, sizeBytes)
	}
	if sizeBytes == size {
		return false, nil
	}
	// librbd looks again, for the case that somebody else grew it just now.
	err = img.Resize2(sizeBytes, allowShrink, func(uint64, uint64, any) int { return 0 }, nil)
	return true, translate("resize", spec, ErrImageNotFound, err)
}

// RemoveImage is `rbd rm SPEC`, of the image with this name and id only. An
// image that is gone, or renamed while nothing took its name, is no error.
// DeleteImage is for one that others may have renamed.
//
// Errors: ErrOtherImage, SnapshotsError, InUseError, ErrPermission, ErrPoolFull.
func (c *Cluster) RemoveImage(ctx context.Context, spec Spec, id string) error {
	spec = spec.ImageSpec()
	err := c.removeNamed(ctx, spec, id, nil)
	if errors.Is(err, ErrOtherImage) {
		if _, e := c.ImageByID(ctx, spec, id); errors.Is(e, ErrImageNotFound) {
			return nil
		}
	}
	return tolerate(err, ErrImageNotFound, ErrPoolNotFound, ErrNamespaceNotFound)
}
