// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"
	"golang.org/x/sync/errgroup"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Elsewhere only internal/rbd imports go-ceph. Here it is what internal/rbd is
// compared with, and what is measured should not depend on what makes the images.

// pool is where all images are made.
const pool = "vms"

// atOnce is how much is done at the same time: Terraform's default.
const atOnce = 10

// withPool connects as the rbd command does.
func withPool(fn func(*rados.IOContext) error) error {
	conn, err := rados.NewConnWithUser(rbd.NewCluster(rbd.Config{}).User())
	if err != nil {
		return err
	}
	if err := errors.Join(conn.ReadDefaultConfigFile(), conn.ParseDefaultConfigEnv()); err != nil {
		return err
	}
	if err := conn.Connect(); err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	defer conn.Shutdown()
	ioctx, err := conn.OpenIOContext(pool)
	if err != nil {
		return fmt.Errorf("open pool %q: %w", pool, err)
	}
	defer ioctx.Destroy()
	return fn(ioctx)
}

// forEach is for all items, atOnce at a time, until one fails or ctx ends.
func forEach[T any](ctx context.Context, items []T, do func(T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, item := range items {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(item)
		})
	}
	return group.Wait()
}

// createImage makes a sparse image with a protected snapshot.
func createImage(ioctx *rados.IOContext, name, snapshot string, sizeBytes uint64) error {
	opts := librbd.NewRbdImageOptions()
	defer opts.Destroy()
	if err := librbd.CreateImage(ioctx, name, sizeBytes, opts); err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	img, err := librbd.OpenImage(ioctx, name, librbd.NoSnapshot)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	s, err := img.CreateSnapshot(snapshot)
	if err == nil {
		err = s.Protect()
	}
	if err := errors.Join(err, img.Close()); err != nil {
		return fmt.Errorf("create %s@%s: %w", name, snapshot, err)
	}
	return nil
}

// removeImages removes all images whose name begins with prefix.
func removeImages(ctx context.Context, prefix string) error {
	return withPool(func(ioctx *rados.IOContext) error {
		all, err := librbd.GetImageNames(ioctx)
		if err != nil {
			return fmt.Errorf("list the images: %w", err)
		}
		return forEach(ctx, all, func(name string) error {
			if !strings.HasPrefix(name, prefix) {
				return nil
			}
			if err := removeImage(ioctx, name); err != nil {
				return fmt.Errorf("remove %s: %w", name, err)
			}
			return nil
		})
	})
}

func removeImage(ioctx *rados.IOContext, name string) error {
	err := removeSnapshots(ioctx, name)
	if err != nil && !errors.Is(err, librbd.ErrNotFound) {
		return err
	}
	// The OSD forgets the watch of a client that was killed after 30 seconds.
	for end := time.Now().Add(45 * time.Second); ; time.Sleep(time.Second) {
		err := librbd.RemoveImage(ioctx, name)
		var code interface{ ErrorCode() int }
		if busy := errors.As(err, &code) && code.ErrorCode() == -int(syscall.EBUSY); !busy || time.Now().After(end) {
			return err
		}
	}
}

func removeSnapshots(ioctx *rados.IOContext, name string) (err error) {
	img, err := librbd.OpenImage(ioctx, name, librbd.NoSnapshot)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	snaps, err := img.GetSnapshotNames()
	if err != nil {
		return err
	}
	for _, info := range snaps {
		s := img.GetSnapshot(info.Name)
		protected, err := s.IsProtected()
		if err == nil && protected {
			err = s.Unprotect()
		}
		if err == nil {
			err = s.Remove()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
