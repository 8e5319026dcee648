// SPDX-License-Identifier: MPL-2.0

// Package undo keeps the steps that take back a change of several parts.
package undo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Limit bounds the time of all steps together. They run with a context of
// their own, since they are most needed when the caller's has ended.
const Limit = 2 * time.Minute

// Stack holds undo steps; the zero value is ready for use.
type Stack struct {
	steps []step
}

type step struct {
	what string
	do   func(context.Context) error
}

// Add registers a step; what completes the sentence "could not …".
func (s *Stack) Add(what string, do func(context.Context) error) {
	s.steps = append(s.steps, step{what, do})
}

// Done forgets all steps: the change as a whole has succeeded.
func (s *Stack) Done() { s.steps = nil }

// Run takes the steps back, last first, unless Done was called, and joins
// *err with the errors of steps that failed, as they say what is left behind.
// It is meant for defer.
func (s *Stack) Run(ctx context.Context, err *error) {
	if len(s.steps) == 0 {
		return
	}
	ctx, cancel := Context(ctx, Limit)
	defer cancel()
	for i := len(s.steps) - 1; i >= 0; i-- {
		if e := s.steps[i].do(ctx); e != nil {
			*err = errors.Join(*err, fmt.Errorf("could not %s: %w", s.steps[i].what, e))
		}
	}
	s.steps = nil
}

type callerKey struct{}

// Context is for taking back what was done with ctx: it does not end with that,
// but after the limit.
func Context(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx = context.WithValue(ctx, callerKey{}, ctx)
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

// Hurried tells whether a step is taken back for a caller who has stopped
// waiting. It should not wait long for what does not answer.
func Hurried(ctx context.Context) bool {
	caller, ok := ctx.Value(callerKey{}).(context.Context)
	return ok && caller.Err() != nil
}
