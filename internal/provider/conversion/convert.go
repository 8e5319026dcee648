package conversion

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// progressInterval is the time between two lines of progress in the log.
const progressInterval = 10 * time.Second

// errTooSmall says that size does not hold the source.
var errTooSmall = errors.New("size is smaller than the source")

func checkSize(size, virtual uint64) error {
	if size > 0 && size < virtual {
		return fmt.Errorf("%w: the source's virtual size is %d bytes, size is %d", errTooSmall, virtual, size)
	}
	return nil
}

// convert makes the image under its temporary name and publishes it.
func convert(ctx context.Context, d *providerdata.Data, m model, src sourceModel, token string) (err error) {
	spec := m.RBDSpec()
	unlock, err := d.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	if finished, err := d.Ceph.Resume(ctx, spec, token); err != nil || finished {
		return err
	}
	s, err := openSource(ctx, d, src, qemuimg.TargetOptions)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	info, err := qemuimg.ReadInfo(ctx, s.Source)
	if err != nil {
		return err
	}
	size := max(m.Size.Bytes(), info.VirtualSizeBytes)
	if err := checkSize(m.Size.Bytes(), info.VirtualSizeBytes); err != nil {
		return err
	}
	layout := m.Layout()
	layout.SizeBytes = info.VirtualSizeBytes // it grows when all is there
	p, err := d.Ceph.NewPending(ctx, spec, layout, token)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Discard(ctx)) }()
	if err := run(ctx, s, p.Spec, info.VirtualSizeBytes); err != nil {
		return err
	}
	if m.VerifyContent.ValueBool() {
		if err := qemuimg.Compare(ctx, s.Source, s.node(p.Spec)); err != nil {
			return err
		}
	}
	if err := s.unchanged(); err != nil {
		return err
	}
	if err := p.Grow(ctx, size); err != nil {
		return err
	}
	if err := check(ctx, d, p, size); err != nil {
		return err
	}
	return p.Publish(ctx)
}

// run converts, and logs how far it has come.
func run(ctx context.Context, s *source, to rbd.Spec, virtual uint64) error {
	// Nothing is written where there is nothing, and qemu-img can't map an
	// empty image.
	if virtual == 0 {
		return nil
	}
	var percent atomic.Uint64 // in hundredths
	begin := time.Now()
	report := func(msg string) {
		done := float64(percent.Load()) / 100
		mib := done / 100 * float64(virtual) / (1 << 20)
		tflog.Info(ctx, msg, map[string]any{
			"image": to.String(), "percent": done, "mib_per_s": int64(mib / time.Since(begin).Seconds()),
		})
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				report("converting")
			case <-stop:
				return
			}
		}
	}()
	err := qemuimg.Convert(ctx, s.Source, s.node(to), func(p float64) { percent.Store(uint64(p * 100)) })
	if err == nil {
		report("converted")
	}
	return err
}

// check makes sure that the temporary image still is the one that was filled.
func check(ctx context.Context, d *providerdata.Data, p *rbd.Pending, size uint64) error {
	img, err := d.Ceph.Image(ctx, p.Spec)
	if err != nil {
		return err
	}
	if img.ID != p.ID() || img.SizeBytes != size {
		return fmt.Errorf("%w: %s has id %s and %d bytes, expected id %s and %d bytes",
			rbd.ErrOtherImage, p.Spec, img.ID, img.SizeBytes, p.ID(), size)
	}
	return nil
}
