package rbd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	librbd "github.com/ceph/go-ceph/rbd"
)

// content says which bytes an image or snapshot has: where this is the same
// before and after reading, what was read is one state of it.
type content struct {
	imageID    string
	snapshotID uint64
	size       uint64
	// The parent goes away with flattening, and what it had can then be removed.
	parentID         string
	parentSnapshotID uint64
	// Of an image itself, which anybody may write to.
	modified librbd.Timespec
}

// contentOf also makes sure that nobody has the image in use, unless it is a
// snapshot that is read.
func (cn *connection) contentOf(img *librbd.Image, spec Spec) (content, error) {
	var c content
	var errs [4]error
	c.imageID, errs[0] = img.GetId()
	c.size, errs[1] = img.GetSize()
	parent, err := cn.readParent(img, spec)
	errs[2] = err
	if spec.Snapshot == "" {
		if err := checkUnused(img, spec); err != nil {
			return c, err
		}
		c.modified, errs[3] = img.GetModifyTimestamp()
	} else {
		c.snapshotID, err = img.GetSnapID(spec.Snapshot)
		errs[3] = translate("open", spec, ErrSnapshotNotFound, err)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return c, fmt.Errorf("read %s: %w", spec, err)
	}
	if parent != nil {
		c.parentID, c.parentSnapshotID = parent.ImageID, parent.SnapshotID
	}
	return c, nil
}

func (c content) same(spec Spec, after content) error {
	var what string
	switch {
	case after == c:
		return nil
	case after.imageID != c.imageID:
		what = fmt.Sprintf("the image had the id %s, now %s", c.imageID, after.imageID)
	case after.snapshotID != c.snapshotID:
		what = fmt.Sprintf("the snapshot had the id %d, now %d", c.snapshotID, after.snapshotID)
	case after.size != c.size:
		what = fmt.Sprintf("it had %d bytes, now %d", c.size, after.size)
	case after.modified != c.modified:
		what = fmt.Sprintf("somebody wrote at %s", utc(after.modified).Format(time.RFC3339))
	default:
		what = "it has another parent now, or none"
	}
	return fmt.Errorf("%s: %w: %s", spec, ErrChanged, what)
}

// allocated tells mark which parts of a range may be other than zero, by its own
// objects and by those of its parent; all in bytes.
func allocated(ctx context.Context, img *librbd.Image, spec Spec, from, length uint64, whole librbd.DiffWholeObject, mark func(at, length uint64)) error {
	err := diffIterate(ctx, img, librbd.NoSnapshot, extent{at: from, n: length}, whole, func(e extent) {
		if !e.zero {
			mark(e.at, e.n)
		}
	})
	return translate("look for data in", spec, ErrImageNotFound, err)
}

// readFull reads all of b, or fails.
func readFull(img *librbd.Image, spec Spec, b []byte, at uint64) error {
	n, err := img.ReadAt(b, int64(at)) //nolint:gosec // signed in librbd
	if err == nil && n < len(b) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read %s at %d: %w", spec, at, err)
	}
	return nil
}
