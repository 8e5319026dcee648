// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/md5" //nolint:gosec // what Glance has as the checksum
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var hashes = benchmark{
	name:    "hash",
	about:   "Hash the content of a snapshot of 3 GiB, of which a third is data, as Glance wants it.",
	prepare: prepareHash,
}

const (
	hashImage    = "bench-hash"
	hashSnapshot = "golden"
	hashVirtual  = 3 << 30
	hashExtents  = 64
	hashExtent   = 16 << 20
)

func prepareHash(ctx context.Context, s *session) (subject, error) {
	spec := rbd.Spec{Pool: pool, Image: hashImage, Snapshot: hashSnapshot}
	if err := removeImages(ctx, hashImage); err != nil {
		return subject{}, err
	}
	s.later(func(ctx context.Context) error { return removeImages(ctx, hashImage) })
	err := withPool(func(ioctx *rados.IOContext) error { return createHashed(ctx, ioctx) })
	if err != nil {
		return subject{}, err
	}
	want, err := plainHash(ctx, spec)
	if err != nil {
		return subject{}, err
	}
	ours := func(algorithms ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			got, err := rbd.NewCluster(rbd.Config{}).HashContent(ctx, spec, algorithms, nil)
			if err == nil && got.Sums["sha512"] != want {
				err = fmt.Errorf("the hash is %s, not %s", got.Sums["sha512"], want)
			}
			return err
		}
	}
	return subject{item: "MiB", items: hashVirtual >> 20, ways: []way{
		{name: "plain: `rbd export - \\| sha512sum`", run: func(ctx context.Context) error {
			got, err := plainHash(ctx, spec)
			if err == nil && got != want {
				err = errors.New("the image has changed")
			}
			return err
		}},
		{name: "ours: SHA-512", run: ours("sha512")},
		{name: "ours: MD5 and SHA-512", run: ours("md5", "sha512")},
		{name: "limit: MD5 and SHA-512 side by side, from memory", run: func(context.Context) error {
			if got := hashMemory(); got != want {
				return fmt.Errorf("the hash is %s, not %s", got, want)
			}
			return nil
		}},
	}}, nil
}

func plainHash(ctx context.Context, spec rbd.Spec) (string, error) {
	res, err := plain(ctx, command.Spec{Name: "bash", Args: []string{"-c",
		`set -o pipefail; rbd export --no-progress "$1" - | sha512sum`, "-", spec.String()}})
	hash, _, _ := strings.Cut(string(res.Stdout), " ")
	return hash, err
}

// hashedData is the same each time.
func hashedData() []byte {
	b := make([]byte, hashExtent)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(b) // it never fails
	return b
}

// createHashed makes an image with extents of data and holes between.
func createHashed(ctx context.Context, ioctx *rados.IOContext) (err error) {
	opts := librbd.NewRbdImageOptions()
	defer opts.Destroy()
	if err := librbd.CreateImage(ioctx, hashImage, hashVirtual, opts); err != nil {
		return fmt.Errorf("create %s: %w", hashImage, err)
	}
	img, err := librbd.OpenImage(ioctx, hashImage, librbd.NoSnapshot)
	if err != nil {
		return fmt.Errorf("open %s: %w", hashImage, err)
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	data := hashedData()
	for i := range int64(hashExtents) {
		if _, err := img.WriteAt(data, i*hashVirtual/hashExtents); err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	if err := img.Flush(); err != nil {
		return err
	}
	_, err = img.CreateSnapshot(hashSnapshot)
	return err
}

// hashMemory is what the two hashes cost by themselves, on two cores.
func hashMemory() string {
	data, zeros := hashedData(), make([]byte, 256<<10)
	sum, other := sha512.New(), md5.New() //nolint:gosec // as above
	var both sync.WaitGroup
	for _, w := range []io.Writer{sum, other} {
		both.Go(func() {
			for range hashExtents {
				_, _ = w.Write(data)
				for left := hashVirtual/hashExtents - len(data); left > 0; left -= len(zeros) {
					_, _ = w.Write(zeros[:min(left, len(zeros))])
				}
			}
		})
	}
	both.Wait()
	return hex.EncodeToString(sum.Sum(nil))
}
