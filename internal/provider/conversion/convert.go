package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

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
		return j.convertVerified(ctx, src, want)
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
// all else into a file for qemu-img first.
func (j *job) stream(ctx context.Context, src sourceModel, want checksum.Sums) (err error) {
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
	return j.convert(ctx, nil)
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

// convertVerified converts a file while its checksum is verified beside it.
func (j *job) convertVerified(ctx context.Context, src sourceModel, want checksum.Sums) error {
	if len(want) == 0 {
		return j.convert(ctx, nil)
	}
	verified := make(chan error, 1)
	go func() { verified <- verifyFile(ctx, src.File.ValueString(), want) }()
	return j.convert(ctx, func() error { return <-verified })
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

// convert has qemu-img convert the source. verified, where given, must agree
// before anything becomes visible.
func (j *job) convert(ctx context.Context, verified func() error) (err error) {
	s := j.source
	info, err := qemuimg.ReadInfo(ctx, s.Source)
	if err != nil {
		return err
	}
	if err := checkSize(j.m.Size.Bytes(), info.VirtualSizeBytes); err != nil {
		return err
	}
	layout := j.m.Layout()
	layout.SizeBytes = info.VirtualSizeBytes // it grows when all is there
	p, err := j.d.Ceph.NewPending(ctx, j.m.RBDSpec(), layout, j.token)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Discard(ctx)) }()
	if err := run(ctx, s, p.Spec, info.VirtualSizeBytes); err != nil {
		return err
	}
	if j.m.VerifyContent.ValueBool() {
		if err := qemuimg.Compare(ctx, s.Source, s.node(p.Spec)); err != nil {
			return err
		}
	}
	if verified != nil {
		if err := verified(); err != nil {
			return err
		}
	}
	if err := s.unchanged(); err != nil {
		return err
	}
	return j.publish(ctx, p, info.VirtualSizeBytes)
}

// publish gives the image its size and its name.
func (j *job) publish(ctx context.Context, p *rbd.Pending, virtual uint64) error {
	if err := checkSize(j.m.Size.Bytes(), virtual); err != nil {
		return err
	}
	return p.PublishGrown(ctx, max(j.m.Size.Bytes(), virtual))
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
