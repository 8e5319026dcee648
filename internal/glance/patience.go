// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// maxDelay is the longest that is waited between two attempts, unless the server
// asks for more.
const maxDelay = 5 * time.Second

// patience is how long one call goes on against faults. It is used by one
// goroutine.
type patience struct {
	cfg      Config
	failures int
	since    time.Time // of the first failure
}

// wait waits before another attempt. It returns false at once where there is to
// be none: the time is up, or would be before it is over.
func (p *patience) wait(ctx context.Context, err error) bool {
	now := time.Now()
	if p.failures == 0 {
		p.since = now
	}
	p.failures++
	delay := maxDelay
	if doublings := p.failures - 1; doublings < 16 {
		delay = min(delay, p.cfg.retryDelay<<doublings)
	}
	delay = delay/2 + rand.N(delay/2+1) //nolint:gosec // to spread requests, not to hide anything
	delay = max(delay, askedDelay(err, now))
	next := now.Add(delay)
	if deadline, ok := ctx.Deadline(); ctx.Err() != nil || ok && next.After(deadline) || next.After(p.since.Add(p.cfg.RetryTimeout)) {
		return false
	}
	p.cfg.Logf(ctx, "OpenStack failed to answer as asked (attempt %d); trying again in %s: %v", p.failures, delay.Round(time.Millisecond), err)
	select {
	case <-time.After(delay):
		return true
	case <-ctx.Done():
		return false
	}
}

// tried says in an error how often it was tried.
func (p *patience) tried(err error) error {
	if err == nil || p.failures < 2 {
		return err
	}
	return fmt.Errorf("%w (tried %d times within %s)", err, p.failures, time.Since(p.since).Round(time.Second))
}

type patienceKey struct{}

// in makes the attempts of a request that is sent with the context count.
func (p *patience) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, patienceKey{}, p)
}

// patienceOf is the one that the request was sent with.
func patienceOf(ctx context.Context) *patience {
	p, _ := ctx.Value(patienceKey{}).(*patience)
	return p
}

// change makes a change by send. After a failure that does not tell whether it
// was made, look tells from the record whether it was; where it was not, it is
// made again. A change that may still be at work in Glance while it is asked for
// again must do no harm by that; what is said of its second coming (it is there
// already, it is gone) is no error where look finds it made.
func (c *Client) change(ctx context.Context, send func(context.Context) error, look func(context.Context) (done bool, err error)) error {
	p := &patience{cfg: c.cfg}
	var doubt error
	for {
		err := send(p.in(ctx))
		if err == nil {
			return nil
		}
		if !ambiguous(err) && doubt == nil {
			return p.tried(err)
		}
		done, lookErr := c.look(ctx, look)
		switch {
		case done && lookErr == nil:
			return nil
		case !ambiguous(err):
			return err // as definite as any
		case lookErr == nil && p.wait(ctx, err):
			doubt = err
			continue
		}
		return settle(p.tried(err), lookErr, false)
	}
}

// lookTimeout bounds the look at a record for a caller who waits no more.
const lookTimeout = 15 * time.Second

// look looks at a record after an ambiguous failure, which is needed most when
// the caller's context has just ended.
func (c *Client) look(ctx context.Context, look func(context.Context) (bool, error)) (bool, error) {
	if ctx.Err() == nil {
		if done, err := look(ctx); ctx.Err() == nil {
			return done, err
		}
	}
	timeout := lookTimeout
	if conn := c.conn.Load(); conn != nil {
		timeout = min(timeout, conn.settings.requestTimeout)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	return look(ctx)
}

// askedDelay is what an answer asked to wait before the next attempt.
func askedDelay(err error, now time.Time) time.Duration {
	var status *StatusError
	if errors.As(err, &status) {
		return status.RetryAfter
	}
	return headerDelay(err, now)
}
