package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// errTooSmall says that size does not hold the source.
var errTooSmall = errors.New("size is smaller than the source")

func checkSize(size, virtual uint64) error {
	if size > 0 && size < virtual {
		return fmt.Errorf("%w: the source's virtual size is %d bytes, size is %d", errTooSmall, virtual, size)
	}
	return nil
}

// convert makes the image under its temporary name and publishes it. It returns
// the source's revision.
func convert(ctx context.Context, d *providerdata.Data, m model, src sourceModel, token string) (revision string, err error) {
	spec := m.RBDSpec()
	unlock, err := d.Ceph.LockImage(ctx, spec)
	if err != nil {
		return "", err
	}
	defer unlock()
	if finished, err := d.Ceph.Resume(ctx, spec, token); err != nil {
		return "", err
	} else if finished {
		return revisionNow(ctx, src)
	}
	want, err := expected(ctx, src)
	if err != nil {
		return "", err
	}
	s, err := openSource(ctx, d, src, qemuimg.TargetOptions)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	j := job{d: d, m: m, source: s, token: token}
	err = d.Ceph.UnlessFull(ctx, m.Pools(), func(ctx context.Context) error {
		if s.streamed {
			return j.stream(ctx, src, want)
		}
		return j.here(ctx, src, want)
	})
	if err != nil {
		return "", err
	}
	if src.ChecksumsURL.ValueString() != "" {
		return revisionOf(want), nil
	}
	return j.revision, nil
}

// job is one conversion.
type job struct {
	d        *providerdata.Data
	m        model
	source   *source
	token    string
	revision string
}

// stream converts what comes as a stream: a raw image goes straight into RBD,
// and all else, unless qemu-img can read it from its server, into a file first.
func (j *job) stream(ctx context.Context, src sourceModel, want checksum.Sums) (err error) {
	if done, err := j.ranged(ctx, src, want); done || err != nil {
		return err
	}
	in, err := openStream(ctx, src, want)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	j.revision = in.revision
	if j.source.Format == "raw" && !j.m.VerifyContent.ValueBool() {
		return j.writeRaw(ctx, in)
	}
	name, err := in.materialize(ctx, j.source.dir.Path())
	if err == nil {
		err = in.finish()
	}
	if err == nil {
		err = j.source.unchanged()
	}
	if err == nil {
		err = j.source.openFile(name)
	}
	if err != nil {
		return err
	}
	if j.source.streamed {
		return errTwice
	}
	return j.convert(ctx)
}

// errTwice is about a wrapper inside a wrapper.
var errTwice = errors.New("the source is compressed twice")

// writeRaw writes a raw image as it comes.
func (j *job) writeRaw(ctx context.Context, in *stream) (err error) {
	layout := j.m.Layout()
	layout.SizeBytes = uint64(max(in.sizeBytes, 0))
	p, err := j.d.Ceph.NewPending(ctx, j.m.RBDSpec(), layout, j.token)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Discard(ctx)) }()
	log := progress.Start(ctx, "conversion", p.Spec.String())
	defer log.Stop()
	written, err := p.WriteStream(ctx, in, func(n uint64) { log.Set(n, layout.SizeBytes) })
	if err == nil {
		err = in.finish()
	}
	if err == nil {
		err = j.source.unchanged()
	}
	if err != nil {
		return err
	}
	virtual, _ := qemuimg.VirtualSize("raw", nil, int64(written)) //nolint:gosec // signed in librbd
	return j.publish(ctx, p, virtual)
}

// here converts what is a file, or an image in RBD, while its checksum is
// verified beside it.
func (j *job) here(ctx context.Context, src sourceModel, want checksum.Sums) error {
	var beside []check
	if len(want) > 0 {
		verify := func(ctx context.Context) error {
			if src.File.IsNull() {
				return verifyImage(ctx, j.d, j.source.spec, want)
			}
			return verifyFile(ctx, src.File.ValueString(), want)
		}
		if j.source.RBD != nil && j.source.spec.Snapshot == "" {
			// qemu-img's watch on it would look like somebody else's.
			if err := verify(ctx); err != nil {
				return err
			}
		} else {
			beside = append(beside, verify)
		}
	}
	if j.source.Format == "raw" && src.File.IsNull() {
		return j.copyImage(ctx, beside...)
	}
	return j.convert(ctx, beside...)
}

// verifyImage hashes a source in RBD as it lies there.
func verifyImage(ctx context.Context, d *providerdata.Data, spec rbd.Spec, want checksum.Sums) error {
	h, err := d.Ceph.HashContent(ctx, spec, slices.Collect(maps.Keys(want)), nil)
	if err != nil {
		return err
	}
	if err := want.Compare(h.Sums); err != nil {
		return fmt.Errorf("%s: %w", spec, err)
	}
	return nil
}

func verifyFile(ctx context.Context, name string, want checksum.Sums) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading
	v := checksum.NewVerifier(want)
	if _, err := io.Copy(v, readerFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return f.Read(b)
	})); err != nil {
		return err
	}
	if err := v.Verify(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

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
}

// convert has qemu-img convert the source.
func (j *job) convert(ctx context.Context, beside ...check) error {
	s := j.source
	info, err := qemuimg.ReadInfo(ctx, s.Source)
	if err != nil {
		return err
	}
	before := []check{func(ctx context.Context) error {
		return s.checkWhole(ctx, info)
	}}
	for _, b := range s.chain {
		before = append(before, func(ctx context.Context) error {
			info, err := qemuimg.ReadInfo(ctx, b.Source)
			if err != nil {
				return err
			}
			return b.checkWhole(ctx, info)
		})
	}
	fill := func(ctx context.Context, p *rbd.Pending) error {
		if err := run(ctx, s, p.Spec, info.VirtualSizeBytes); err != nil {
			return err
		}
		if j.m.VerifyContent.ValueBool() {
			return qemuimg.Compare(ctx, s.Source, s.node(p.Spec))
		}
		return nil
	}
	return j.write(ctx, content{info.VirtualSizeBytes, info.VirtualSizeBytes, fill, before, beside})
}

// copyImage copies a raw image in RBD without qemu-img, which ends itself where
// a size is not a multiple of a sector.
func (j *job) copyImage(ctx context.Context, beside ...check) error {
	s := j.source
	virtual, _ := qemuimg.VirtualSize("raw", nil, int64(s.sizeBytes)) //nolint:gosec // signed in librbd
	fill := func(ctx context.Context, p *rbd.Pending) error {
		log := progress.Start(ctx, "conversion", p.Spec.String())
		defer log.Stop()
		if err := p.CopyContent(ctx, s.spec, log.Set); err != nil {
			return err
		}
		if j.m.VerifyContent.ValueBool() {
			return compareImages(ctx, j.d, s.spec, p.Spec)
		}
		return nil
	}
	return j.write(ctx, content{sizeBytes: s.sizeBytes, virtualBytes: virtual, fill: fill, beside: beside})
}

// compareImages reads both.
func compareImages(ctx context.Context, d *providerdata.Data, a, b rbd.Spec) error {
	var sums [2]rbd.Hashes
	reading, ctx := errgroup.WithContext(ctx)
	for i, spec := range []rbd.Spec{a, b} {
		reading.Go(func() (err error) {
			sums[i], err = d.Ceph.HashContent(ctx, spec, []string{"sha256"}, nil)
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return err
	}
	if err := sums[0].Sums.Compare(sums[1].Sums); err != nil {
		return fmt.Errorf("compare with %s: %w: %w", a, qemuimg.ErrDiffer, err)
	}
	return nil
}

// write makes the temporary image, fills and publishes it.
func (j *job) write(ctx context.Context, c content) (err error) {
	if err := checkSize(j.m.Size.Bytes(), c.virtualBytes); err != nil {
		return err
	}
	layout := j.m.Layout()
	layout.SizeBytes = c.sizeBytes // it grows when all is there
	agreed := make(chan error, 1)
	go func() { agreed <- together(ctx, c.before) }()
	p, err := j.d.Ceph.NewPending(ctx, j.m.RBDSpec(), layout, j.token)
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
	if err := j.source.unchanged(); err != nil {
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
	if err := checkSize(j.m.Size.Bytes(), virtual); err != nil {
		return err
	}
	if j.m.Sparsify.ValueBool() {
		if err := sparsify(ctx, p); err != nil {
			return err
		}
	}
	return p.PublishGrown(ctx, max(j.m.Size.Bytes(), virtual))
}

func sparsify(ctx context.Context, p *rbd.Pending) error {
	log := progress.Start(ctx, "sparsify", p.Spec.String())
	defer log.Stop()
	return p.Sparsify(ctx, log.Set)
}

// run converts, and logs how far it has come.
func run(ctx context.Context, s *source, to rbd.Spec, virtual uint64) error {
	// Nothing is written where there is nothing, and qemu-img can't map an
	// empty image.
	if virtual == 0 {
		return nil
	}
	log := progress.Start(ctx, "conversion", to.String())
	defer log.Stop()
	return qemuimg.Convert(ctx, s.Source, s.node(to), func(percent float64) {
		log.Set(uint64(percent/100*float64(virtual)), virtual)
	})
}
