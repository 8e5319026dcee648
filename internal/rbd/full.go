// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

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
	watched := make(chan struct{})
	go func() {
		defer close(watched)
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
	<-watched
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
