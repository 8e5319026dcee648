// SPDX-License-Identifier: MPL-2.0

// Package mirroring enables the snapshot mirroring of an RBD image, and changes
// which site has the primary: what `rbd mirror image` does, with the waiting that is
// between its commands. The data goes from cluster to cluster by their rbd-mirror.
//
// Each step asks first what is so already, so that a run that was cut off is taken
// up by the next one.
package mirroring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	poll = time.Second
	// reportPatience is how long a report of an rbd-mirror may be on its way: they
	// come every half minute.
	reportPatience = 2 * time.Minute
	// demotionPatience is how long a promotion waits for a demotion that the same
	// apply may be about to make in the other cluster.
	demotionPatience = 10 * time.Minute
)

// Step is one that changes something, or waits for others to.
type Step string

// The steps.
const (
	StepEnable         Step = "enable"
	StepAwait          Step = "wait for the copy"
	StepPromote        Step = "promote"
	StepDemote         Step = "demote"
	StepResync         Step = "resync"
	StepAddSchedule    Step = "add a schedule"
	StepRemoveSchedule Step = "remove a schedule"
	StepDisable        Step = "disable"
)

type beginKey struct{}

// begin tells a test, which may end the process there, what comes next.
func begin(ctx context.Context, s Step) {
	if told, ok := ctx.Value(beginKey{}).(func(Step)); ok {
		told(s)
	}
}

// Request says how the mirroring of an image is to be.
type Request struct {
	Spec rbd.Spec
	// Primary tells whether this cluster has the primary.
	Primary bool
	// Force goes on without a peer that is down.
	Force bool
	// Resync copies the primary anew.
	Resync bool
	// Schedules are those of the image; nil where they are no concern.
	Schedules []rbd.MirrorSchedule
}

// Enable makes the image the primary of a mirror, or, where the other cluster has
// the primary, waits until rbd-mirror has made the image and copied it.
//
// Errors: those of rbd's EnableMirroring and AddMirrorSchedule; rbd.ErrNotMirrored and
// rbd.ErrPrimary where the image is not a secondary.
func Enable(ctx context.Context, c *rbd.Cluster, r Request) error {
	if !r.Primary {
		if err := awaitSecondary(ctx, c, r.Spec, ""); err != nil {
			return err
		}
		return schedule(ctx, c, r)
	}
	unlock, err := c.LockImage(ctx, r.Spec)
	if err != nil {
		return err
	}
	defer unlock()
	img, err := c.Image(ctx, r.Spec)
	if err == nil {
		begin(ctx, StepEnable)
		err = c.EnableMirroring(ctx, r.Spec, img.ID)
	}
	if err == nil {
		err = schedule(ctx, c, r)
	}
	return err
}

// Update brings mirroring that is enabled to what is wanted.
//
// Errors: those of CheckPromote, CheckDemote and CheckResync, and of rbd's functions.
func Update(ctx context.Context, c *rbd.Cluster, r Request) error {
	unlock, err := c.LockImage(ctx, r.Spec)
	if err != nil {
		return err
	}
	defer unlock()
	if r.Primary {
		err = promote(ctx, c, r)
	} else {
		err = demote(ctx, c, r)
	}
	if err == nil && r.Resync {
		err = resync(ctx, c, r)
	}
	if err == nil {
		err = schedule(ctx, c, r)
	}
	return err
}

func promote(ctx context.Context, c *rbd.Cluster, r Request) error {
	return again(ctx, demotionPatience, func() (bool, error) {
		img, m, err := Mirrored(ctx, c, r.Spec)
		if err != nil || m.Primary {
			return false, err
		}
		if err := CheckPromote(m, r.Force); err != nil {
			return false, err
		}
		begin(ctx, StepPromote)
		err = c.PromoteImage(ctx, r.Spec, img.ID, r.Force)
		return errors.Is(err, rbd.ErrPrimaryElsewhere) || errors.Is(err, rbd.ErrMirrorBusy), err
	})
}

func demote(ctx context.Context, c *rbd.Cluster, r Request) error {
	return again(ctx, reportPatience, func() (bool, error) {
		img, m, err := Mirrored(ctx, c, r.Spec)
		if err != nil || !m.Primary {
			return false, err
		}
		if err := CheckDemote(m, r.Force); err != nil {
			return errors.Is(err, errUnreported), err
		}
		begin(ctx, StepDemote)
		return false, c.DemoteImage(ctx, r.Spec, img.ID)
	})
}

func resync(ctx context.Context, c *rbd.Cluster, r Request) error {
	var id string
	err := again(ctx, reportPatience, func() (bool, error) {
		img, m, err := Mirrored(ctx, c, r.Spec)
		if err != nil {
			return false, err
		}
		if err := CheckResync(m); err != nil {
			return errors.Is(err, ErrNoPrimary), err
		}
		id = img.ID
		begin(ctx, StepResync)
		return false, c.ResyncImage(ctx, r.Spec, id)
	})
	if err != nil {
		return err
	}
	return awaitSecondary(ctx, c, r.Spec, id)
}

// awaitSecondary waits until rbd-mirror has made the image, another than the one
// with this id, and a state of the primary is in it as a whole.
func awaitSecondary(ctx context.Context, c *rbd.Cluster, spec rbd.Spec, was string) error {
	begin(ctx, StepAwait)
	return again(ctx, 0, func() (bool, error) {
		img, m, err := c.Mirroring(ctx, spec)
		switch {
		case errors.Is(err, rbd.ErrImageNotFound):
			return true, fmt.Errorf("wait for rbd-mirror: %w", err)
		case err != nil:
			return false, err
		case was != "" && img.ID == was:
			return true, fmt.Errorf("image %s: %w", spec, errStillOld)
		}
		err = CheckSecondary(img, m)
		return errors.Is(err, errNotYet), err
	})
}

var (
	errStillOld = errors.New("rbd-mirror has not begun to copy it anew")
	errNotYet   = errors.New("rbd-mirror has not copied a state of it as a whole yet")
)

// CheckSecondary makes sure that an image is the secondary of a mirror.
func CheckSecondary(img rbd.Image, m rbd.Mirroring) error {
	switch {
	case m.GlobalID == "":
		return fmt.Errorf("image %s: %w", img.Spec, rbd.ErrNotMirrored)
	case m.Primary:
		return fmt.Errorf("image %s: %w", img.Spec, rbd.ErrPrimary)
	case m.Synced().IsZero() && !m.Demoted():
		return fmt.Errorf("image %s: %w", img.Spec, errNotYet)
	}
	return nil
}

// Mirrored reads an image that must be mirrored.
//
// Errors: rbd.ErrNotMirrored; those of rbd.Cluster.Mirroring.
func Mirrored(ctx context.Context, c *rbd.Cluster, spec rbd.Spec) (rbd.Image, rbd.Mirroring, error) {
	img, m, err := c.Mirroring(ctx, spec)
	if err == nil && m.GlobalID == "" {
		err = fmt.Errorf("image %s: %w", spec, rbd.ErrNotMirrored)
	}
	return img, m, err
}

// schedule adds what is missing before it removes what is too much.
func schedule(ctx context.Context, c *rbd.Cluster, r Request) error {
	if r.Schedules == nil {
		return nil
	}
	now, err := c.MirrorSchedules(ctx, r.Spec)
	if err != nil {
		return err
	}
	for _, s := range r.Schedules {
		if !slices.Contains(now, s) {
			begin(ctx, StepAddSchedule)
			if err := c.AddMirrorSchedule(ctx, r.Spec, s); err != nil {
				return err
			}
		}
	}
	for _, s := range now {
		if !slices.Contains(r.Schedules, s) {
			begin(ctx, StepRemoveSchedule)
			if err := c.RemoveMirrorSchedule(ctx, r.Spec, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// Disable ends the mirroring of a primary, and leaves a secondary to its primary. It
// waits a while until rbd-mirror has let go of the image.
//
// Errors: those of rbd's DisableMirroring.
func Disable(ctx context.Context, c *rbd.Cluster, spec rbd.Spec, id string) error {
	unlock, err := c.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	// Without a manager there are no schedules.
	err = schedule(ctx, c, Request{Spec: spec, Schedules: []rbd.MirrorSchedule{}})
	if err != nil && !errors.Is(err, rbd.ErrNoScheduler) {
		return err
	}
	begin(ctx, StepDisable)
	if err := c.DisableMirroring(ctx, spec, id); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, releasePatience)
	defer cancel()
	_ = again(limit, 0, func() (bool, error) {
		err := c.CheckUnused(limit, spec, id)
		return errors.Is(err, rbd.ErrInUse), err
	})
	return nil
}

// releasePatience is how long an rbd-mirror may take to close an image. Whoever
// needs the image then says what is in the way.
const releasePatience = 30 * time.Second

// again tries until there is nothing to wait for, for no longer than patience, or,
// where that is 0, than ctx. The last error says what was waited for.
func again(ctx context.Context, patience time.Duration, try func() (wait bool, err error)) error {
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		wait, err := try()
		if err == nil || !wait {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; waited for that in vain: %w", err, ctx.Err())
		case <-tick.C:
		}
	}
}
