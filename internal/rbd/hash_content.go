// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// contentState says which bytes an image or snapshot has: where this is the same
// before and after reading, what was read is one state of it.
type contentState struct {
	imageID    string
	snapshotID uint64
	size       uint64
	// The parent goes away with flattening, and what it had can then be removed.
	parentID         string
	parentSnapshotID uint64
	// Of an image itself, which anybody may write to.
	modified librbd.Timespec
}

// stateOf also makes sure that nobody has the image in use, unless it is a
// snapshot that is read.
func (cn *connection) stateOf(img *librbd.Image, spec Spec) (contentState, error) {
	var c contentState
	var errs [4]error
	c.imageID, errs[0] = img.GetId()
	c.size, errs[1] = img.GetSize()
	parent, err := cn.readParent(img, spec)
	errs[2] = err
	if spec.Snapshot == "" {
		check := checkUnused
		if strings.HasSuffix(spec.Image, pendingSuffix) { // its maker holds it
			check = cn.checkAlone
		}
		if err := check(img, spec); err != nil {
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

func (c contentState) same(spec Spec, after contentState) error {
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
