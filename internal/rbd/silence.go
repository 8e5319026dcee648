// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// ErrOSDSilent says that the monitors answer, and an OSD does not.
var ErrOSDSilent = errors.New("an OSD does not answer, though the monitors do")

const (
	// silenceLimit is how long a call goes on for which nobody waits any more,
	// before it is asked whether the cluster answers at all.
	silenceLimit = 15 * time.Second
	// probeLimit bounds that question, for monitors and OSDs each.
	probeLimit = 4 * time.Second
	// patience is how long a change waits for the monitors, at least: they may be
	// restarted while it is under way.
	patience = 75 * time.Second
)

type patientKey struct{}

// Patiently marks the context of a change: what is read with it waits for a
// cluster that does not answer, as long as the context lasts. Without the mark a
// read gives up when a part of the cluster has not answered within
// Config.ConnectTimeout.
func Patiently(ctx context.Context) context.Context {
	return context.WithValue(ctx, patientKey{}, true)
}

func isPatient(ctx context.Context) bool {
	patient, _ := ctx.Value(patientKey{}).(bool)
	return patient
}

// part is a pool of a cluster, without a name the monitors alone, that a call
// waits for.
type part struct {
	c    *Cluster
	pool string
	what string // may be empty
}

// await waits for what was begun aside. answered is false where it was given up:
// then it goes on by itself until the cluster answers or the process ends, as if
// the process had been killed in it. While ctx lasts there is no limit; after its
// end the call gets the grace, but only as long as all parts answer. What takes
// something back is watched in that way from its beginning.
func await(ctx context.Context, done <-chan error, grace time.Duration, parts ...part) (answered bool, err error) {
	over := ctx.Done()
	if !undo.Hurried(ctx) {
		select {
		case err := <-done:
			return true, err
		case <-over:
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		over = limited.Done()
	}
	why := ctx.Err()
	next := time.NewTimer(untilProbe(parts))
	defer next.Stop()
	silent := make(chan error, 1)
	for {
		select {
		case err := <-done:
			return true, err
		case <-next.C:
			go func() { silent <- probe(parts) }()
		case err := <-silent:
			if err != nil {
				return last(done, fmt.Errorf("given up: %w", err))
			}
			next.Reset(parts[0].c.cfg.silence)
		case <-over:
			if why == nil {
				why = ctx.Err()
			}
			if grace == 0 && errors.Is(why, context.Canceled) {
				return last(done, fmt.Errorf("interrupted: %w", why))
			}
			if errors.Is(why, context.DeadlineExceeded) {
				if err := probe(parts); err != nil {
					return last(done, fmt.Errorf("the cluster did not answer in time: %w: %w", err, why))
				}
			}
			return last(done, fmt.Errorf("the cluster did not answer in time: %w", why))
		}
	}
}

// untilProbe is nothing where a part was silent a moment ago: of many steps that
// are to be taken back only the first waits.
func untilProbe(parts []part) time.Duration {
	for _, p := range parts {
		if p.c.wasSilent() {
			return 0
		}
	}
	return parts[0].c.cfg.silence
}

// wasSilent tells whether a part did not answer a moment ago.
func (c *Cluster) wasSilent() bool {
	return time.Since(time.Unix(c.silent.Load(), 0)) < silenceLimit
}

// probing is one probe of a pool, for all who ask meanwhile, and, where nothing
// answered, for those who ask within probeLimit after it.
type probing struct {
	done  chan struct{} // closed when the rest is set
	err   error
	ended time.Time
}

func (p *probing) answers() bool {
	select {
	case <-p.done:
		return p.err != nil && time.Since(p.ended) <= probeLimit
	default:
		return true
	}
}

// stillSilent probes a cluster of which a part did not answer a moment ago.
func (c *Cluster) stillSilent(pool string) error {
	c.asked.Lock()
	p := c.asked.pools[pool]
	if p == nil || !p.answers() {
		p = &probing{done: make(chan struct{})}
		if c.asked.pools == nil {
			c.asked.pools = map[string]*probing{}
		}
		c.asked.pools[pool] = p
		go func() {
			defer close(p.done)
			p.err = probe([]part{{c: c, pool: pool}})
			p.ended = time.Now()
		}()
	}
	c.asked.Unlock()
	<-p.done
	return p.err
}

// probe returns the error of the first part that does not answer.
func probe(parts []part) error {
	for _, p := range parts {
		if err := p.c.probe(p.pool); err != nil {
			p.c.silent.Store(time.Now().Unix())
			if p.what != "" {
				err = fmt.Errorf("%s: %w", p.what, err)
			}
			return err
		}
	}
	return nil
}

// last prefers an answer that came at the same moment.
func last(done <-chan error, otherwise error) (answered bool, err error) {
	select {
	case err := <-done:
		return true, err
	default:
		return false, otherwise
	}
}

// probe asks monitors and an OSD of the pool for something small. It returns
// ErrUnreachable or ErrOSDSilent, and nil where both answer. Without a pool the
// OSDs are not asked.
func (c *Cluster) probe(pool string) error {
	ask := func(fn func(*connection) error) bool {
		ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			cn, release, err := c.connect(ctx, false)
			if err == nil {
				err = fn(cn)
				release()
			}
			done <- err
		}()
		select {
		case err := <-done:
			// Any other answer is one, a refusal too.
			return !hasErrno(err, syscall.ETIMEDOUT) && !errors.Is(err, ErrUnreachable) && !errors.Is(err, context.DeadlineExceeded)
		case <-ctx.Done():
			return false
		}
	}
	if !ask(func(cn *connection) error { return cn.monCommand("version", new(any)) }) {
		return fmt.Errorf("%w: no monitor answers", ErrUnreachable)
	}
	if pool == "" || ask(func(cn *connection) error { return cn.statDirectory(pool) }) {
		return nil
	}
	return fmt.Errorf("%w: pool %q", ErrOSDSilent, pool)
}

// statDirectory looks at the object that lists the images of a pool.
func (cn *connection) statDirectory(pool string) error {
	ioctx, err := cn.openPool(pool, "")
	if err != nil {
		return err
	}
	defer ioctx.Destroy()
	_, err = ioctx.Stat(directoryObject)
	return err
}

// explain says which part of the cluster it was that did not answer a read within
// the limit of its connection.
func (c *Cluster) explain(cn *connection, err error) error {
	if cn.patient || !hasErrno(err, syscall.ETIMEDOUT) || errors.Is(err, ErrOSDSilent) {
		return err
	}
	c.silent.Store(time.Now().Unix())
	if silent := c.probe(""); silent != nil {
		return fmt.Errorf("%w (%w)", silent, err)
	}
	return fmt.Errorf("%w (nothing was heard of it for %s): %w", ErrOSDSilent, c.cfg.ConnectTimeout, err)
}

// hasErrno looks at every error of the tree.
func hasErrno(err error, code syscall.Errno) bool {
	switch e := err.(type) { //nolint:errorlint // it walks the tree
	case interface{ ErrorCode() int }:
		return errno(err) == code
	case interface{ Unwrap() error }:
		return hasErrno(e.Unwrap(), code)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if hasErrno(err, code) {
				return true
			}
		}
	}
	return false
}
