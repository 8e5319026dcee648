// SPDX-License-Identifier: MPL-2.0

// Package destroying lets what is destroyed wait for what hangs on it. Terraform
// orders deletions by the references of the configuration. Where a spec is
// written out, it knows of none, and begins them in any order.
package destroying

import (
	"context"
	"sync"
	"time"
)

const (
	// patience is how long a deletion waits while nothing else goes on in this
	// process: Terraform may be about to begin the one that it waits for, or have
	// another process of the provider do it, for another alias.
	patience = 10 * time.Second
	poll     = 500 * time.Millisecond
)

// work is what this process is at.
type work struct {
	mu      sync.Mutex
	running int // changes that were begun
	waiting int // those of them that wait for others
	changed time.Time
}

var here work

// Begin notes that a resource is changed or destroyed, until end is called.
func Begin() (end func()) { return here.begin() }

func (w *work) begin() (end func()) {
	w.note(1, 0)
	return sync.OnceFunc(func() { w.note(-1, 0) })
}

func (w *work) note(running, waiting int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running += running
	w.waiting += waiting
	w.changed = time.Now()
}

// hopeless tells whether nothing is at work, and for how long, that what waits
// could wait for.
func (w *work) hopeless(patience time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running <= w.waiting && time.Since(w.changed) > patience
}

// Await tries to destroy something until that succeeds, or fails for another
// reason than what ours tells to be made by a resource of this provider, which
// may be destroyed by the same run. It gives up, with the last error, at the end
// of ctx, or when nothing is being destroyed any more. try must change nothing
// where it fails so.
func Await(ctx context.Context, ours func(error) bool, try func() error) error {
	return here.await(ctx, patience, ours, try)
}

func (w *work) await(ctx context.Context, patience time.Duration, ours func(error) bool, try func() error) error {
	defer w.begin()()
	err := try()
	if err == nil || !ours(err) {
		return err
	}
	w.note(0, 1)
	defer w.note(0, -1)
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
		last := w.hopeless(patience) // before the look: the end of the other one counts
		again := try()
		switch {
		case ctx.Err() != nil && again != nil:
			return err // what the time limit has cut off says less
		case again == nil || !ours(again) || last:
			return again
		}
		err = again
	}
}
