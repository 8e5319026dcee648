// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
)

// ErrNotTheSame says that what was read back is not what was written.
var ErrNotTheSame = blockio.ErrNotTheSame

// newTransfer copies between open images. src is set to the snapshot that is
// copied.
func newTransfer(src, dst *handle, progress func(done, total uint64)) *blockio.Transfer {
	return &blockio.Transfer{From: transferSource{src.versioned()}, To: transferTarget{dst.versioned(), dst}, Progress: signed(progress)}
}

// runTransfer returns how many bytes it has read from the source.
func runTransfer(ctx context.Context, t *blockio.Transfer, sizeBytes uint64) (uint64, error) {
	n, err := t.Run(ctx, int64(sizeBytes)) //nolint:gosec // signed in librbd
	return uint64(n), err                  //nolint:gosec // not negative
}

// checkRest makes sure that nothing has changed in the replica since this snapshot
// of it but what was copied.
func checkRest(ctx context.Context, t *blockio.Transfer, last Snapshot, sizeBytes uint64) error {
	same, err := t.RestIsSame(ctx, last.Name, int64(last.SizeBytes), int64(sizeBytes)) //nolint:gosec // signed in librbd
	if err == nil && !same {
		err = fmt.Errorf("image %s, while it was copied to: %w", t.To, ErrReplicaWritten)
	}
	return err
}

type transferSource struct{ versioned }

// Overlap leaves the image set to the snapshot that it was set to.
func (s transferSource) Overlap(snapshot string) (int64, error) {
	if snapshot == "" {
		overlap, err := s.img.GetOverlap()
		if err != nil {
			err = fmt.Errorf("read the overlap of %s with its parent: %w", s.spec, err)
		}
		return int64(overlap), err //nolint:gosec // signed in librbd
	}
	err := s.img.SetSnapshot(snapshot)
	var overlap uint64
	if err == nil {
		overlap, err = s.img.GetOverlap()
	}
	if err = errors.Join(err, s.img.SetSnapshot(s.spec.Snapshot)); err != nil {
		return 0, fmt.Errorf("read the overlap of %s with its parent: %w", s.spec.WithSnapshot(snapshot), err)
	}
	return int64(overlap), nil
}

type transferTarget struct {
	versioned
	h *handle
}

// WriteAt implements io.WriterAt.
func (t transferTarget) WriteAt(b []byte, at int64) (int, error) {
	n, err := t.img.WriteAt(b, at)
	return n, translate(fmt.Sprintf("write at %d of", at), t.spec, ErrImageNotFound, err)
}

// zeroSector is what is written over and over where zeros are.
var zeroSector [512]byte

// WriteZeros gives the space back where it can. A discard would not do: librbd
// leaves the ends out that are no whole rbd_discard_granularity_bytes.
func (t transferTarget) WriteZeros(at, n int64) error {
	block := zeroSector[:]
	if n%int64(len(block)) != 0 {
		block = zeroSector[:1]
	}
	_, err := t.img.WriteSame(uint64(at), uint64(n), block, 0) //nolint:gosec // not negative
	return translate(fmt.Sprintf("write zeros at %d of", at), t.spec, ErrImageNotFound, err)
}

// Flush waits for what was written.
func (t transferTarget) Flush() error {
	if err := t.img.Flush(); err != nil {
		return fmt.Errorf("flush %s: %w", t.spec, err)
	}
	return nil
}

// ObjectBytes is the size of the image's objects.
func (t transferTarget) ObjectBytes() (int64, error) {
	stat, err := t.img.Stat()
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", t.spec, err)
	}
	return int64(stat.Obj_size), nil //nolint:gosec // 32 MiB at the most
}

// Reopen opens the image once more, read-only.
func (t transferTarget) Reopen(snapshot string) (blockio.ClosingSource, error) {
	h, err := t.h.cn.open(t.spec.WithSnapshot(snapshot), readOnly)
	if err != nil {
		return nil, err
	}
	return reopened{h.versioned(), h}, nil
}

type reopened struct {
	versioned
	h *handle
}

// Close implements io.Closer.
func (r reopened) Close() error { return r.h.close() }
