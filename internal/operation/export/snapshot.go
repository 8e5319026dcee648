// SPDX-License-Identifier: MPL-2.0

package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ErrSectors is a rule of qcow2 as qemu knows it.
var ErrSectors = errors.New("a qcow2 file consists of sectors of 512 bytes")

// Snapshot is a snapshot as it was found.
type Snapshot struct {
	Spec      rbd.Spec
	ImageID   string
	ID        uint64
	SizeBytes uint64
}

// FindSnapshot reads the snapshot with this spec.
//
// Errors: those of rbd's Image and Snapshot.
func FindSnapshot(ctx context.Context, ceph *rbd.Cluster, snapshot string) (Snapshot, error) {
	spec, err := rbd.ParseSpec(snapshot)
	if err != nil {
		return Snapshot{}, err
	}
	img, err := ceph.Image(ctx, spec)
	if err != nil {
		return Snapshot{}, err
	}
	s, err := img.Snapshot(spec.Snapshot)
	return Snapshot{spec, img.ID, s.ID, s.SizeBytes}, err
}

// Revision tells results apart: it changes with the snapshot and the format, but
// not when a file is written again after somebody changed or removed it.
func (s Snapshot) Revision(format, compression string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s\n%s", s.ImageID, s.ID, format, compression))
	return hex.EncodeToString(sum[:6])
}

// CheckFormat refuses what the format can't hold.
//
// Errors: ErrSectors.
func (s Snapshot) CheckFormat(format string) error {
	if format == FormatQcow2 && s.SizeBytes%qemu.SectorBytes != 0 {
		return fmt.Errorf("%w: %s has %d bytes", ErrSectors, s.Spec, s.SizeBytes)
	}
	return nil
}

// unchanged makes sure that the name still is that of the snapshot that was
// meant: it was opened by that.
func (s Snapshot) unchanged(ctx context.Context, ceph *rbd.Cluster) error {
	now, err := FindSnapshot(ctx, ceph, s.Spec.String())
	if err == nil && now != s {
		err = fmt.Errorf("%w: %s has id %d of image %s, expected id %d of image %s",
			rbd.ErrOtherSnapshot, s.Spec, now.ID, now.ImageID, s.ID, s.ImageID)
	}
	return err
}
