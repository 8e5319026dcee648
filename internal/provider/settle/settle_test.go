// SPDX-License-Identifier: MPL-2.0

package settle

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	var done atomic.Int32
	bad := errors.New("bad")
	for i := range 3 * atOnce {
		AtEnd(func(context.Context) error {
			done.Add(1)
			if i == 0 {
				return bad
			}
			return nil
		})
	}
	if err := Run(t.Context()); !errors.Is(err, bad) || done.Load() != 3*atOnce {
		t.Errorf("%d steps, %v", done.Load(), err)
	}
	if err := Run(t.Context()); err != nil || done.Load() != 3*atOnce {
		t.Errorf("a step was taken twice: %v", err)
	}
}

// A cluster that doesn't answer keeps nobody.
func TestRunIsBounded(t *testing.T) {
	stuck := make(chan struct{})
	t.Cleanup(func() { close(stuck) })
	AtEnd(func(context.Context) error { <-stuck; return nil })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
