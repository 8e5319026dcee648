// SPDX-License-Identifier: MPL-2.0

// Package settle keeps what is to be done when the provider ends in order: by
// then Terraform has the state of all that was made, so that it can be noted as
// had by a state. What a process that was killed made stays noted as unfinished.
package settle

import (
	"context"
	"errors"
	"sync"
)

// atOnce is how much is settled at a time.
const atOnce = 32

var open = struct {
	sync.Mutex
	steps []func(context.Context) error
}{}

// AtEnd registers a step. It must do nothing where what it is about is gone or
// another by then.
func AtEnd(step func(context.Context) error) {
	open.Lock()
	defer open.Unlock()
	open.steps = append(open.steps, step)
}

// Run takes all steps, and returns when they are done or ctx has ended: a step
// may wait for a cluster that doesn't answer. The next refresh does what was not
// done.
func Run(ctx context.Context) error {
	open.Lock()
	steps := open.steps
	open.steps = nil
	open.Unlock()
	results := make(chan error, len(steps))
	slots := make(chan struct{}, atOnce)
	for _, step := range steps {
		go func() {
			slots <- struct{}{}
			results <- step(ctx)
			<-slots
		}()
	}
	var err error
	for range steps {
		select {
		case e := <-results:
			err = errors.Join(err, e)
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
	return err
}
