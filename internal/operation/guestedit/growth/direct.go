// SPDX-License-Identifier: MPL-2.0

package growth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/disktools"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// errIndirect says that a file system can't be grown, or not for sure, without an
// appliance.
var errIndirect = errors.New("the growth needs an appliance")

// growPartition has the partition end where it should, in the overlay, with the
// sfdisk of this machine. After errIndirect the overlay may be half written.
func growPartition(ctx context.Context, o *guestoverlay.Overlay, l guestread.Layout, g Goal) error {
	if g.Extended != 0 {
		return fmt.Errorf("%w: a logical partition", errIndirect)
	}
	err := o.Exported(ctx, nil, func(e *qemu.FileExport) error {
		return disktools.ResizePartition(ctx, e.Disk, l.Partition.Number, g.Partition)
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errIndirect, err)
	}
	return nil
}

// growExt4 has an ext4 on a partition, or on the whole disk, fill it, in the
// overlay, with the tools of this machine. After errIndirect it may be half done.
func (j job) growExt4(ctx context.Context, o *guestoverlay.Overlay, l guestread.Layout, g Goal) error {
	if l.FileSystem.Kind != guestread.Ext4 || l.Volume != nil {
		return fmt.Errorf("%w: no ext4 on a partition", errIndirect)
	}
	part := qemu.Part{Size: l.DiskSize}
	if p := l.Partition; p != nil {
		part = qemu.Part{Start: p.Start, Size: cmp.Or(g.Partition, p.Size)}
	}
	err := o.Exported(ctx, &part, func(e *qemu.FileExport) error {
		for _, step := range []func(context.Context, *os.File) error{disktools.Repair, disktools.Resize, disktools.Check} {
			if err := step(ctx, e.Part); err != nil {
				return err
			}
		}
		is, err := guestread.ReadLayout(e.Disk, l.DiskSize, l.Device)
		if err != nil {
			return err
		}
		left, err := goalFor(is, is.DiskSize, j.size)
		if err == nil && !left.Holds() {
			err = fmt.Errorf("%w: it has %d bytes", ErrUnsettled, is.FileSystem.Size)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errIndirect, err)
	}
	return nil
}
