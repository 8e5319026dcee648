// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/history"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// CopyImage is `rbd deep cp SOURCE TARGET`, with d.Flatten its --flatten, of what
// CheckDeepCopy has found. It is not done by librbd's function: that makes the target
// itself, under its own name and without a label, gives it the source's labels,
// can't be ended, and reads nothing back. Here each state of the source, from the
// oldest snapshot on, is copied into a temporary image with our label, by what has
// changed since the one before; see Pending.
//
// In the end the copy is nobody's: it has no label of ours.
//
// Errors: as CheckDeepCopy; ErrNotTheSame, ErrChanged, PoolFullError; that of ctx.
func (c *Cluster) CopyImage(ctx context.Context, d DeepCopy, o DeepCopyOptions) error {
	if !d.Made {
		pools := []string{d.Target.Pool}
		if d.DataPool != "" {
			pools = append(pools, d.DataPool)
		}
		if err := c.UnlessFull(ctx, pools, func(ctx context.Context) error { return c.copyImage(ctx, d, o) }); err != nil {
			return err
		}
	}
	return c.releaseCopy(ctx, d)
}

func (c *Cluster) copyImage(ctx context.Context, d DeepCopy, o DeepCopyOptions) (err error) {
	lock, err := c.ReserveImage(ctx, d.Source.Spec, "copy")
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := lock.checkUnused(ctx, d.Source.ID); err != nil {
		return err
	}
	before, err := c.stateToCopy(ctx, d)
	if err != nil {
		return err
	}
	p, err := c.newCopy(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Discard(ctx)) }()
	if err := p.dropParents(ctx, d.layout().Metadata); err != nil {
		return err
	}
	if err := p.copyStates(ctx, d, o); err != nil {
		return err
	}
	after, err := c.stateToCopy(ctx, d)
	if err == nil {
		err = before.same(d.Source.Spec, after)
	}
	if err == nil {
		err = c.checkCopied(ctx, d, p)
	}
	if err != nil {
		return err
	}
	if err := p.noteCopyOf(ctx, d.Source.Spec, d.Source.ID); err != nil {
		return err
	}
	return p.Publish(ctx)
}

func (c *Cluster) newCopy(ctx context.Context, d DeepCopy) (*Pending, error) {
	if d.clone() {
		return c.NewPendingClone(ctx, d.Target, d.origin(), d.layout(), d.token())
	}
	return c.NewPending(ctx, d.Target, d.layout(), d.token())
}

// dropParents takes off the metadata that cloning has copied from the parent, and
// that the source does not have.
func (p *Pending) dropParents(ctx context.Context, keep map[string]string) error {
	return p.c.withImage(ctx, p.Spec, readWrite, func(img *librbd.Image) error {
		all, err := img.ListMetadata()
		if err != nil {
			return fmt.Errorf("list the metadata of %s: %w", p.Spec, err)
		}
		for k := range all {
			if _, ok := keep[k]; ok || strings.HasPrefix(k, ownership.Prefix) {
				continue
			}
			if err := ownership.Remove(img, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// stateToCopy makes sure that the snapshots are there, too: what is read of one that
// was removed looks like zeros.
func (c *Cluster) stateToCopy(ctx context.Context, d DeepCopy) (s contentState, err error) {
	spec := d.Source.Spec
	err = c.withImageOn(ctx, spec, readOnly, func(cn *connection, img *librbd.Image) error {
		if err := checkID(img, spec, d.Source.ID); err != nil {
			return err
		}
		if err := checkSettled(img, spec); err != nil {
			return err
		}
		for _, snap := range d.snapshots() {
			if _, err := sameSnapshot(img, spec.WithSnapshot(snap.Name), snap.ID); err != nil {
				return err
			}
		}
		s, err = cn.stateOf(img, spec)
		return err
	})
	return s, err
}

// copyStates copies the snapshots, oldest first, and then what the image is.
func (p *Pending) copyStates(ctx context.Context, d DeepCopy, o DeepCopyOptions) error {
	var last Snapshot
	for _, s := range append(d.snapshots(), Snapshot{SizeBytes: d.Source.SizeBytes}) {
		if err := p.copyState(ctx, d, s, last, o); err != nil {
			return err
		}
		last = s
	}
	return nil
}

// copyState copies what has changed since the last state. A state without a name is
// the image itself.
func (p *Pending) copyState(ctx context.Context, d DeepCopy, s, last Snapshot, o DeepCopyOptions) (err error) {
	spec := d.Source.Spec.WithSnapshot(s.Name)
	src, err := p.c.openHandle(ctx, spec, readOnly)
	if err != nil {
		return err
	}
	src.what = "source"
	defer func() { err = errors.Join(err, src.close()) }()
	dst, err := p.c.openHandle(ctx, p.Spec, readWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.close()) }()
	progress, end := o.State(spec)
	defer end()
	err = dst.begin(ctx, changeGrace, func() error { return resize(dst.img, p.Spec, s.SizeBytes, true) })
	if err != nil {
		return err
	}
	t := newTransfer(src, dst, progress)
	if last.SizeBytes > 0 { // librbd 16 has no differences from an empty one
		t.Base = last.Name
	}
	t.Compared = last.Name == "" && d.clone() // it shows the parent's content already
	err = beginOn(ctx, changeGrace, func() error {
		if _, err := runTransfer(ctx, t, s.SizeBytes); err != nil || !o.Compare {
			return err
		}
		return t.Compare(ctx, int64(s.SizeBytes)) //nolint:gosec // signed in librbd
	}, dst, src)
	if err != nil || s.Name == "" {
		return err
	}
	return p.copySnapshot(ctx, dst, s)
}

func (p *Pending) copySnapshot(ctx context.Context, dst *handle, s Snapshot) error {
	spec := p.Spec.WithSnapshot(s.Name)
	var made Snapshot
	err := dst.begin(ctx, changeGrace, func() (err error) {
		made, err = p.c.createSnapshot(dst.cn, dst.img, spec, s.Protected) // nobody else makes one of a temporary image
		return err
	})
	if err == nil {
		p.undo.Add("remove the snapshot "+spec.String(), func(ctx context.Context) error {
			return p.c.RemoveSnapshot(ctx, spec, made.ID, false)
		})
	}
	return err
}

// checkCopied reads once more what the copy has, beside the content, which was read
// back when it was written.
func (c *Cluster) checkCopied(ctx context.Context, d DeepCopy, p *Pending) error {
	img, err := c.Image(ctx, p.Spec)
	if err != nil {
		return err
	}
	same := img.ID == p.id && img.SizeBytes == d.Source.SizeBytes && (img.Parent != nil) == d.clone()
	want, got := d.snapshots(), DeepCopy{Source: img}.snapshots()
	same = same && len(want) == len(got)
	for i := 0; same && i < len(want); i++ {
		same = want[i].Name == got[i].Name && want[i].SizeBytes == got[i].SizeBytes && want[i].Protected == got[i].Protected
	}
	if !same {
		return fmt.Errorf("%w: the snapshots, the size or the parent of %s and %s", ErrNotTheSame, d.Source.Spec, p.Spec)
	}
	return nil
}

// releaseCopy takes our labels off the copy. That which says that it is ours goes
// last: the next run does the rest where this one is cut off.
func (c *Cluster) releaseCopy(ctx context.Context, d DeepCopy) error {
	ctx = context.WithoutCancel(ctx) // it is complete, whatever has ended meanwhile
	return c.withImage(ctx, d.Target, readWrite, func(img *librbd.Image) error {
		id, err := img.GetId()
		if err != nil {
			return fmt.Errorf("read the id of %s: %w", d.Target, err)
		}
		label, err := ownership.Read(img, ownership.ImageKey)
		if err != nil {
			return err
		}
		if token, by := ownership.ParseUnclaimed(label, id); token != d.token() || c.cfg.Run.State != by.State {
			return fmt.Errorf("%w: %s has id %s", ErrOtherImage, d.Target, id)
		}
		if err := ownership.DropCopied(img, d.Target, ownership.ImageKey, history.Key); err != nil {
			return err
		}
		return ownership.Remove(img, ownership.ImageKey)
	})
}
