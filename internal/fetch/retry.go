// SPDX-License-Identifier: MPL-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// retry tells whether there is to be another attempt, and waits before it.
type retry struct {
	ctx  context.Context //nolint:containedctx // it lives as long as the reading that has it
	file string
	idle int // attempts in a row without a byte
	// attempts without a byte end it.
	attempts int
	pause    time.Duration
}

func newRetry(ctx context.Context, file string) retry {
	return retry{ctx: ctx, file: file, attempts: attempts, pause: firstPause}
}

// reset is for an attempt that brought something.
func (r *retry) reset() { r.idle, r.pause = 0, firstPause }

// last tells whether there is only one attempt left.
func (r *retry) last() bool { return r.idle >= r.attempts-1 }

// again waits before another attempt, or says that there is to be none.
func (r *retry) again(err error) error {
	if end := r.ctx.Err(); end != nil {
		if !errors.Is(err, end) {
			return fmt.Errorf("%w (%w)", end, err)
		}
		return fmt.Errorf("get %s: %w", shown(r.file), r.ctx.Err())
	}
	r.idle++
	if !passing(err) || r.idle >= r.attempts {
		return err
	}
	wait := r.pause
	var status *statusError
	if errors.As(err, &status) && status.after > wait {
		if wait = status.after; wait > longestAsked {
			return fmt.Errorf("%w: it asks to come back in %s", err, wait)
		}
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	r.pause = min(2*r.pause, longestPause)
	select {
	case <-t.C:
		return nil
	case <-r.ctx.Done():
		return fmt.Errorf("get %s: %w", shown(r.file), r.ctx.Err())
	}
}
