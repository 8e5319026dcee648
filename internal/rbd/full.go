package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"
)

// roomLimit is how long the monitors may take to notice that there is room in a
// pool again.
const roomLimit = time.Minute

// fullPoll is the time between two looks at whether a pool has become full.
const fullPoll = 5 * time.Second

// PoolFullError says which pool takes no more data. It is an ErrPoolFull.
type PoolFullError struct {
	Pool string
	// The pool's quota, 0 where there is none; without one it is its OSDs that
	// are full.
	QuotaBytes, QuotaObjects uint64
}

func (e *PoolFullError) Error() string {
	var quota []string
	if e.QuotaBytes > 0 {
		quota = append(quota, fmt.Sprintf("%d bytes", e.QuotaBytes))
	}
	if e.QuotaObjects > 0 {
		quota = append(quota, fmt.Sprintf("%d objects", e.QuotaObjects))
	}
	if quota == nil {
		return fmt.Sprintf("pool %q is full: its OSDs are", e.Pool)
	}
	return fmt.Sprintf("pool %q is full: its quota is %s", e.Pool, strings.Join(quota, " and "))
}

func (e *PoolFullError) Unwrap() error { return ErrPoolFull }

// CheckFull asks the monitors whether one of the pools is full: by its quota, or
// since its OSDs are (`ceph osd pool ls detail`).
//
// Errors: PoolFullError.
func (c *Cluster) CheckFull(ctx context.Context, pools ...string) error {
	var found []struct {
		Name         string `json:"pool_name"`
		Flags        string `json:"flags_names"`
		QuotaBytes   uint64 `json:"quota_max_bytes"`
		QuotaObjects uint64 `json:"quota_max_objects"`
	}
	err := c.do(ctx, func(cn *connection) error {
		return cn.monCommand("osd pool ls", &found, "detail", "detail")
	})
	if err != nil {
		return err
	}
	for _, p := range found {
		flags := strings.Split(p.Flags, ",")
		if !slices.Contains(pools, p.Name) || !slices.Contains(flags, "full") {
			continue
		}
		e := &PoolFullError{Pool: p.Name}
		if slices.Contains(flags, "full_quota") {
			e.QuotaBytes, e.QuotaObjects = p.QuotaBytes, p.QuotaObjects
		}
		return e
	}
	return nil
}

// UnlessFull does work that writes to the pools, and ends its context when one
// of them has become full: a tool's writes would wait for room then, for ever.
//
// Errors: those of work; PoolFullError.
func (c *Cluster) UnlessFull(ctx context.Context, pools []string, work func(context.Context) error) error {
	working, end := context.WithCancelCause(ctx)
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		tick := time.NewTicker(fullPoll)
		defer tick.Stop()
		for {
			select {
			case <-working.Done():
				return
			case <-tick.C:
			}
			// Monitors that don't answer say nothing of the pools.
			if err := c.CheckFull(working, pools...); errors.Is(err, ErrPoolFull) {
				end(err)
				return
			}
		}
	}()
	err := work(working)
	end(nil)
	<-looked
	var full *PoolFullError
	switch {
	case err == nil:
		return nil
	case errors.As(context.Cause(working), &full):
		return fmt.Errorf("%w: %w", full, err)
	case errors.Is(err, ErrPoolFull):
		if e := c.CheckFull(ctx, pools...); errors.As(e, &full) {
			return fmt.Errorf("%w: %w", full, err)
		}
	}
	return err
}

// removeImage removes an image by its name. librbd moves it to the trash first;
// where that is the first one there ever was in a pool, and the pool is full, it
// says ENOENT and leaves the image: that is ErrPoolFull.
func (c *Cluster) removeImage(ctx context.Context, spec Spec, id string) error {
	return c.withPool(ctx, spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		err := translate("remove", spec, ErrImageNotFound, librbd.RemoveImage(ioctx, spec.Image))
		if !errors.Is(err, ErrImageNotFound) {
			return err
		}
		there := openImage(ioctx, spec, readOnly, func(img *librbd.Image) error { return checkID(img, spec, id) })
		if there == nil {
			return fmt.Errorf("remove %s: there is no room to note it in the trash: %w", spec, ErrPoolFull)
		}
		return nil
	})
}

// removeFromFull lets go of the image's data first, and removes it when the
// monitors have noticed that there is room.
func (c *Cluster) removeFromFull(ctx context.Context, spec Spec, id string) error {
	err := c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		return resize(img, spec, 0, true)
	})
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, roomLimit)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := c.removeImage(ctx, spec, id); !errors.Is(err, ErrPoolFull) {
			return err
		}
		select {
		case <-limit.Done():
			return fmt.Errorf("remove %s, whose data is gone: %w", spec, ErrPoolFull)
		case <-tick.C:
		}
	}
}
