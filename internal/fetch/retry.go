package fetch

import (
	"context"
	"fmt"
	"time"
)

// retry tells whether there is to be another attempt, and waits before it.
type retry struct {
	ctx   context.Context //nolint:containedctx // it lives as long as the reading that has it
	file  string
	idle  int // attempts in a row without a byte
	pause time.Duration
}

func newRetry(ctx context.Context, file string) retry {
	return retry{ctx: ctx, file: file, pause: firstPause}
}

// reset is for an attempt that brought something.
func (r *retry) reset() { r.idle, r.pause = 0, firstPause }

// again waits before another attempt, or says that there is to be none.
func (r *retry) again(err error) error {
	if r.ctx.Err() != nil {
		return fmt.Errorf("get %s: %w", r.file, r.ctx.Err())
	}
	r.idle++
	if !passing(err) || r.idle >= attempts {
		return err
	}
	t := time.NewTimer(r.pause)
	defer t.Stop()
	r.pause = min(2*r.pause, longestPause)
	select {
	case <-t.C:
		return nil
	case <-r.ctx.Done():
		return fmt.Errorf("get %s: %w", r.file, r.ctx.Err())
	}
}
