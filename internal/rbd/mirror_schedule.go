// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/admin"
)

// ErrNoScheduler says that no manager takes schedules from us.
var ErrNoScheduler = errors.New("the manager takes no mirror snapshot schedules")

// MirrorSchedule says when the manager takes a mirror snapshot of an image.
type MirrorSchedule struct {
	// Interval is as the manager notes it, "30m", "12h" or "1d".
	Interval string
	// StartTime is as the manager notes it, "14:00:00" or "14:00:00+02:00", or empty.
	StartTime string
}

func (s MirrorSchedule) String() string { return strings.TrimSpace(s.Interval + " " + s.StartTime) }

// MirrorSchedules are those of the image itself, not of its pool:
// `rbd mirror snapshot schedule ls --pool POOL --image IMAGE`.
//
// Errors: ErrNoScheduler.
func (c *Cluster) MirrorSchedules(ctx context.Context, spec Spec) (out []MirrorSchedule, err error) {
	err = c.askManager(ctx, spec.Pool, func(cn *connection) error {
		all, err := cn.schedules().List(levelOf(spec))
		for _, level := range all {
			for _, s := range level.Schedule {
				out = append(out, MirrorSchedule{Interval: string(s.Interval), StartTime: string(s.StartTime)})
			}
		}
		return err
	})
	if err != nil { // out may still be written to, where the call was given up
		return nil, scheduleError(ctx, "read the schedules of", spec, err)
	}
	slices.SortFunc(out, func(a, b MirrorSchedule) int { return cmp.Compare(a.String(), b.String()) })
	return out, nil
}

// AddMirrorSchedule is `rbd mirror snapshot schedule add`. One that is there is no
// error.
func (c *Cluster) AddMirrorSchedule(ctx context.Context, spec Spec, s MirrorSchedule) error {
	err := c.askManager(ctx, spec.Pool, func(cn *connection) error {
		return cn.schedules().Add(levelOf(spec), admin.Interval(s.Interval), admin.StartTime(s.StartTime))
	})
	return scheduleError(ctx, "add the schedule "+s.String()+" to", spec, err)
}

// RemoveMirrorSchedule is `rbd mirror snapshot schedule rm`. One that is not there
// is no error.
func (c *Cluster) RemoveMirrorSchedule(ctx context.Context, spec Spec, s MirrorSchedule) error {
	err := c.askManager(ctx, spec.Pool, func(cn *connection) error {
		return cn.schedules().Remove(levelOf(spec), admin.Interval(s.Interval), admin.StartTime(s.StartTime))
	})
	return scheduleError(ctx, "remove the schedule "+s.String()+" from", spec, err)
}

func scheduleError(ctx context.Context, op string, spec Spec, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil || errors.Is(err, ErrUnreachable):
		return fmt.Errorf("%s %s: %w", op, spec.ImageSpec(), err)
	}
	// No manager, no caps for it, no such module: all say it in their own way.
	return fmt.Errorf("%s %s: %w: %w", op, spec.ImageSpec(), ErrNoScheduler, err)
}

func levelOf(spec Spec) admin.LevelSpec {
	return admin.NewLevelSpec(spec.Pool, spec.Namespace, spec.Image)
}

func (cn *connection) schedules() *admin.MirrorSnashotScheduleAdmin {
	return admin.NewFromConn(cn.conn).MirrorSnashotSchedule()
}
