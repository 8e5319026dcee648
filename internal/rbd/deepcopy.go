// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

var (
	// ErrOntoItself says that an image would be copied to its own name.
	ErrOntoItself = errors.New("source and target are one image")
	// ErrEditCutOff says that an edit of the image was cut off, or is under way.
	ErrEditCutOff = errors.New("an edit of the image was cut off")
	// ErrParentGone says that a clone's parent takes no more clones.
	ErrParentGone = errors.New("the snapshot that the image is a clone of, or its image, is in the trash")
	// ErrEncryptedClone says that the content of a clone and that of its parent are
	// encrypted with different keys, or only the clone's is.
	ErrEncryptedClone = errors.New("the clone is encrypted in another way than its parent")
)

// CopyTargetError is about the target of a copy, or its place.
type CopyTargetError struct{ Err error }

func (e *CopyTargetError) Error() string { return "target: " + e.Err.Error() }
func (e *CopyTargetError) Unwrap() error { return e.Err }

// DeepCopy is a copy of an image with its snapshots.
type DeepCopy struct {
	Source Image
	Target Spec
	// DataPool is the target's; empty for its own pool.
	DataPool string
	// Flatten gives the copy no parent.
	Flatten bool
	// CloneFormat is the copy's where it gets a parent.
	CloneFormat uint64
	// Made tells that a run of this state was cut off when the copy was complete,
	// and Left that one has left a part of it.
	Made, Left bool
}

// DeepCopyOptions are for CopyImage.
type DeepCopyOptions struct {
	// Compare compares the whole contents, not only what was copied.
	Compare bool
	// State is called before the content of each snapshot, and of the image itself,
	// is copied. progress is called with bytes then, and end in the end.
	State func(spec Spec) (progress func(done, total uint64), end func())
}

// snapshots are those that are copied, oldest first: what users have taken.
func (d DeepCopy) snapshots() []Snapshot {
	out := slices.DeleteFunc(slices.Clone(d.Source.Snapshots), func(s Snapshot) bool { return s.Kind != UserSnapshot })
	slices.SortFunc(out, func(a, b Snapshot) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// SnapshotCount is how many snapshots are copied.
func (d DeepCopy) SnapshotCount() int { return len(d.snapshots()) }

// clone tells whether the copy is a clone, too.
func (d DeepCopy) clone() bool { return d.Source.Parent != nil && !d.Flatten }

// token is what the copy is labeled with until it is complete.
func (d DeepCopy) token() string {
	return fmt.Sprintf("copy-%s-%t-%s", d.Source.ID, d.Flatten, d.DataPool)
}

func (d DeepCopy) origin() Origin {
	p := d.Source.Parent
	return Origin{Spec: p.Spec, ImageID: p.ImageID, SnapshotID: p.SnapshotID, CloneFormat: d.CloneFormat}
}

func (d DeepCopy) layout() Layout {
	l := Layout{
		Features: SettableFeatures(d.Source.Features), ObjectSizeBytes: d.Source.ObjectSizeBytes, DataPool: d.DataPool,
		AllowShrink: true, Metadata: map[string]string{},
	}
	if d.Source.StripeCount > 1 || d.Source.StripeUnitBytes != d.Source.ObjectSizeBytes {
		l.StripeUnitBytes, l.StripeCount = d.Source.StripeUnitBytes, d.Source.StripeCount
	}
	for k, v := range d.Source.Metadata {
		if !strings.HasPrefix(k, ownership.Prefix) { // those say whose the source is
			l.Metadata[k] = v
		}
	}
	return l
}

// CheckDeepCopy says, without changing anything, what CopyImage would copy, and what
// keeps it from doing so now. Of a source that is not there, the target is checked
// all the same.
//
// Errors: CopyTargetError with ErrOntoItself, ErrExists, ErrPoolNotFound,
// ErrNamespaceNotFound or PoolFullError; of the source InUseError, ErrBusy, ErrNotPrimary, ErrMigrating, ErrRollbackCutOff,
// ErrEditCutOff, ErrParentGone, ErrEncryptedClone, ErrImageNotFound; those of a clone,
// see NewPendingClone; ErrPermission.
func (c *Cluster) CheckDeepCopy(ctx context.Context, source, target Spec, dataPool string, flatten bool) (d DeepCopy, err error) {
	if source == target {
		return d, &CopyTargetError{fmt.Errorf("copy %s: %w", source, ErrOntoItself)}
	}
	d = DeepCopy{Target: target, DataPool: dataPool, Flatten: flatten}
	var missing error
	if d.Source, err = c.Image(ctx, source); IsNotFound(err) {
		missing = err
	} else if err != nil {
		return d, err
	}
	if err := c.checkCopyTarget(ctx, &d); err != nil {
		return d, &CopyTargetError{err}
	}
	if missing != nil || d.Made {
		return d, missing
	}
	return d, c.checkCopySource(ctx, &d)
}

func (c *Cluster) checkCopyTarget(ctx context.Context, d *DeepCopy) (err error) {
	pools := []string{d.Target.Pool}
	if err := c.CheckPool(ctx, d.Target.Pool, d.Target.Namespace); err != nil {
		return err
	}
	if d.DataPool != "" {
		pools = append(pools, d.DataPool)
		if err := c.CheckPool(ctx, d.DataPool, ""); err != nil {
			return fmt.Errorf("data pool: %w", err)
		}
	}
	if d.Made, err = c.CheckFree(ctx, d.Target, d.token()); err != nil || d.Made {
		return err
	}
	if d.Left, err = c.CheckTemporary(ctx, d.Target); err != nil {
		return err
	}
	return c.CheckFull(ctx, pools...)
}

func (c *Cluster) checkCopySource(ctx context.Context, d *DeepCopy) error {
	spec := d.Source.Spec
	if err := d.Source.CheckSettled(); err != nil {
		return err
	}
	if d.Source.EditInterrupted() {
		return fmt.Errorf("image %s: %w", spec, ErrEditCutOff)
	}
	err := c.withImage(ctx, spec, readOnly, func(img *librbd.Image) error {
		if err := errors.Join(checkID(img, spec, d.Source.ID), checkMigration(img, spec)); err != nil {
			return err
		}
		return checkPrimary(img, spec)
	})
	if err == nil {
		err = c.CheckUnused(ctx, spec, d.Source.ID)
	}
	if err != nil || d.Source.Parent == nil {
		return err
	}
	if d.Flatten {
		return c.checkFlattenCopy(ctx, d.Source)
	}
	return c.checkCloneCopy(ctx, d)
}

// checkCloneCopy finds out whether the copy of a clone can be a clone of the same
// snapshot.
func (c *Cluster) checkCloneCopy(ctx context.Context, d *DeepCopy) error {
	if d.Source.Parent.Trash {
		return fmt.Errorf("image %s is a clone of %s: %w", d.Source.Spec, d.Source.Parent, ErrParentGone)
	}
	err := c.do(ctx, func(cn *connection) error {
		v2, err := cn.isV2Clone(Child{Spec: d.Source.Spec, ID: d.Source.ID})
		d.CloneFormat = 1
		if v2 {
			d.CloneFormat = 2
		}
		return err
	})
	if err != nil {
		return err
	}
	from := d.origin()
	if err := c.CheckClone(ctx, d.Target, from.Spec, from.CloneFormat); err != nil {
		return err
	}
	_, err = c.checkOrigin(ctx, from)
	if errors.Is(err, ErrSnapshotNotFound) { // a removed one lives on under a name that can't be opened
		err = fmt.Errorf("image %s is a clone of %s: %w", d.Source.Spec, d.Source.Parent, ErrParentGone)
	}
	return err
}

// luksMagic begins what librbd has encrypted, of either version.
var luksMagic = []byte("LUKS\xba\xbe")

// luksHeaderBytes is how much of a header is compared: the UUID and the salts are
// in it.
const luksHeaderBytes = 4096

// checkFlattenCopy refuses what no flattening without the keys does right: what
// librbd decrypts with the parent's key would be under the clone's.
func (c *Cluster) checkFlattenCopy(ctx context.Context, img Image) error {
	own, err := c.readHead(ctx, img.Spec)
	if err != nil || !bytes.HasPrefix(own, luksMagic) {
		return err
	}
	parent := img.Parent.Spec
	theirs, err := c.readHead(ctx, parent)
	if err == nil && bytes.Equal(own, theirs) {
		return nil
	}
	if tolerate(err, ErrImageNotFound, ErrSnapshotNotFound) != nil {
		return err
	}
	return fmt.Errorf("image %s is a clone of %s: %w", img.Spec, img.Parent, ErrEncryptedClone)
}

func (c *Cluster) readHead(ctx context.Context, spec Spec) ([]byte, error) {
	r, err := c.OpenReader(ctx, spec)
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(luksHeaderBytes, r.Size()))
	if len(b) > 0 {
		_, err = r.ReadAt(b, 0)
	}
	return b, errors.Join(err, r.Close())
}
