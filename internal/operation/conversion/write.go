// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// check is something that must agree before anything becomes visible.
type check func(context.Context) error

// content is what is to be written.
type content struct {
	sizeBytes    uint64 // of what fill writes
	virtualBytes uint64 // that, in whole sectors
	fill         func(context.Context, *rbd.Pending) error
	// before run while the image is made, and must agree before it is filled: a
	// tool that is ended while it writes leaves a watch for half a minute.
	before []check
	// beside run beside the writing, and end it where they don't agree.
	beside []check
	// unchanged says whether the source still is what was read.
	unchanged func() error
}

// convert has qemu-img convert the source.
func (j *job) convert(ctx context.Context, d *disk, beside ...check) (err error) {
	d, done, err := j.atSnapshot(d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	info, err := qemu.ReadInfo(ctx, d.Source)
	if err != nil {
		return err
	}
	before := []check{func(ctx context.Context) error {
		return d.checkTruncation(ctx, info)
	}}
	for _, b := range d.backing {
		before = append(before, func(ctx context.Context) error {
			info, err := qemu.ReadInfo(ctx, b.Source)
			if err != nil {
				return err
			}
			return b.checkTruncation(ctx, info)
		})
	}
	fill := func(ctx context.Context, p *rbd.Pending) error {
		if err := j.runQemuImg(ctx, d, p.Spec, info.VirtualSizeBytes); err != nil {
			return err
		}
		if j.VerifyContent {
			return j.compareContent(ctx, d, p.Spec, info.VirtualSizeBytes)
		}
		return nil
	}
	return j.writeContent(ctx, content{info.VirtualSizeBytes, info.VirtualSizeBytes, fill, before, beside, d.unchanged})
}

// copyImage copies a raw image in RBD without qemu-img, which ends itself where
// a size is not a multiple of a sector.
func (j *job) copyImage(ctx context.Context, from *image, beside ...check) error {
	fill := func(ctx context.Context, p *rbd.Pending) error {
		log := j.progress(ctx, "conversion", p.Spec)
		defer log.Stop()
		if err := p.CopyContent(ctx, from.spec, log.Set); err != nil {
			return err
		}
		if j.VerifyContent {
			return j.compareImages(ctx, from.spec, p.Spec)
		}
		return nil
	}
	return j.writeContent(ctx, content{sizeBytes: from.sizeBytes, virtualBytes: from.Header.SizeBytes, fill: fill, beside: beside, unchanged: from.unchanged})
}

// writeContent makes the temporary image, fills and publishes it.
func (j *job) writeContent(ctx context.Context, c content) (err error) {
	if err := CheckSize(j.Layout.SizeBytes, c.virtualBytes); err != nil {
		return err
	}
	layout := j.Layout
	layout.SizeBytes = c.sizeBytes // it grows when all is there
	agreed := make(chan error, 1)
	go func() { agreed <- together(ctx, c.before) }()
	p, err := j.Ceph.NewPending(ctx, j.Target, layout, j.Token)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Discard(ctx)) }()
	if err := <-agreed; err != nil {
		return err
	}
	filling := func(ctx context.Context) error { return c.fill(ctx, p) }
	if err := together(ctx, append(c.beside, filling)); err != nil {
		return err
	}
	if err := c.unchanged(); err != nil {
		return err
	}
	return j.publish(ctx, p, c.virtualBytes)
}

// together runs all at once; the first error ends the others.
func together(ctx context.Context, all []check) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, f := range all {
		group.Go(func() error { return f(ctx) })
	}
	return group.Wait()
}

// publish gives the image its size and its name.
func (j *job) publish(ctx context.Context, p *rbd.Pending, virtual uint64) error {
	if err := CheckSize(j.Layout.SizeBytes, virtual); err != nil {
		return err
	}
	if j.Sparsify {
		if err := j.sparsify(ctx, p); err != nil {
			return err
		}
	}
	made, err := j.step(ctx)
	if err != nil {
		return err
	}
	p.NoteMade(made)
	return p.PublishGrown(ctx, max(j.Layout.SizeBytes, virtual))
}

func (j *job) sparsify(ctx context.Context, p *rbd.Pending) error {
	log := j.progress(ctx, "sparsify", p.Spec)
	defer log.Stop()
	return p.Sparsify(ctx, log.Set)
}

// runQemuImg converts, and logs how far it has come.
func (j *job) runQemuImg(ctx context.Context, d *disk, to rbd.Spec, virtual uint64) error {
	// Nothing is written where there is nothing, and qemu-img can't map an
	// empty image.
	if virtual == 0 {
		return nil
	}
	log := j.progress(ctx, "conversion", to)
	defer log.Stop()
	j.byQemuImg = true
	return qemu.Convert(ctx, d.Source, j.workspace.node(to), func(percent float64) {
		log.Set(uint64(percent/100*float64(virtual)), virtual)
	})
}

// progress begins to log how far a step over an image has come.
func (j *job) progress(ctx context.Context, what string, image rbd.Spec) *progress.Log {
	return progress.Start(ctx, j.Log, what, image.String())
}
