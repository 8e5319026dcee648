// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync/atomic"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// ErrChanged says that what was read did not stay as it was.
var ErrChanged = errors.New("the content changed while it was read")

// Hashes are the hashes of the content of an image or snapshot.
type Hashes struct {
	ImageID    string
	SnapshotID uint64 // 0 of an image itself
	SizeBytes  uint64
	// ReadBytes is how many bytes were read; all others are holes.
	ReadBytes uint64
	Sums      checksum.Sums
}

// HashContent hashes the whole virtual content of an image or snapshot, from
// the first byte to its size and with what a clone has from its parent;
// algorithms are those of checksum.Algorithms. It is
// read once for all the hashes, each of which takes a core of its own: together
// they take as long as the slowest. Holes are not read, but hashing their zeros
// takes as long as hashing anything else.
//
// It takes some 40 MiB of memory, whatever the size. progress, which may be
// nil, is told how many bytes of all have been hashed, every 4 MiB and never
// by two goroutines at once.
//
// A snapshot may be hashed while its image is written to. An image itself must
// have no watcher and no lock before and after; who opens it, writes, and closes
// it in between is noticed by the time of modification, which Ceph notes once a
// minute (rbd_mtime_update_interval).
//
// Without fast-diff, or with an object map that is invalid, librbd asks for
// every object there can be before it is read: the hashes are the same.
//
// Similar to: `rbd export SPEC - | sha512sum`.
//
// Errors: ErrPoolNotFound, ErrNamespaceNotFound, ErrImageNotFound,
// ErrSnapshotNotFound, ErrPermission, InUseError, ErrChanged; that of ctx, at
// once, with how far it came. A read that is under way then ends in the
// background.
func (c *Cluster) HashContent(ctx context.Context, spec Spec, algorithms []string, progress func(done, total uint64)) (Hashes, error) {
	algorithms = slices.Compact(slices.Sorted(slices.Values(algorithms)))
	if len(algorithms) == 0 {
		return Hashes{}, errors.New("no algorithm to hash with")
	}
	sums := make([]hash.Hash, len(algorithms))
	for i, a := range algorithms {
		var err error
		if sums[i], err = checksum.New(a); err != nil {
			return Hashes{}, err
		}
	}
	if spec.Snapshot == "" {
		// A change of ours would be a watcher.
		unlock, err := c.LockImage(ctx, spec)
		if err != nil {
			return Hashes{}, err
		}
		defer unlock()
	}
	var out Hashes
	var done atomic.Int64
	var total atomic.Uint64
	err := c.withImageOn(ctx, spec, readOnly, func(cn *connection, img *librbd.Image) error {
		before, err := cn.stateOf(img, spec)
		if err != nil {
			return err
		}
		total.Store(before.size)
		read, err := blockio.Hash(ctx, content{img, spec}, int64(before.size), sums, func(n int64) { //nolint:gosec // signed in librbd
			done.Store(n)
			if progress != nil && ctx.Err() == nil {
				progress(uint64(n), before.size) //nolint:gosec // not negative
			}
		})
		if err != nil {
			return err
		}
		out = Hashes{ImageID: before.imageID, SnapshotID: before.snapshotID, SizeBytes: before.size, ReadBytes: uint64(read)} //nolint:gosec // not negative
		// An image that is open without a watch does not learn of changes.
		return cn.withPlace(place{spec: spec}, readOnly, func(img *librbd.Image) error {
			after, err := cn.stateOf(img, spec)
			if err == nil {
				err = before.same(spec, after)
			}
			return err
		})
	})
	if err != nil && ctx.Err() != nil {
		return Hashes{}, fmt.Errorf("hash %s: ended after %d of %d bytes: %w", spec, done.Load(), total.Load(), ctx.Err())
	}
	if err != nil {
		return Hashes{}, err
	}
	out.Sums = checksum.Sums{}
	for i, a := range algorithms {
		out.Sums[a] = hex.EncodeToString(sums[i].Sum(nil))
	}
	return out, nil
}
