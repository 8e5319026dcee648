// SPDX-License-Identifier: MPL-2.0

package destroying

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var errInTheWay = errors.New("something of ours is in the way")

func ours(err error) bool { return errors.Is(err, errInTheWay) }

// unless fails as long as something is there.
func unless(there *atomic.Bool) func() error {
	return func() error {
		if there.Load() {
			return errInTheWay
		}
		return nil
	}
}

// However deep they hang on each other, and in whatever order they are begun,
// all are destroyed.
func TestChainInAnyOrder(t *testing.T) {
	var w work
	var there [5]atomic.Bool
	for i := range there {
		there[i].Store(true)
	}
	var all sync.WaitGroup
	for i := range there { // the last one hangs on nothing
		all.Go(func() {
			free := func() error { return nil }
			if i+1 < len(there) {
				free = unless(&there[i+1])
			}
			if err := w.await(t.Context(), time.Minute, ours, free); err != nil {
				t.Errorf("%d: %v", i, err)
			}
			there[i].Store(false)
		})
	}
	all.Wait()
}

// What nobody destroys is waited for no longer than for the rest of the run.
func TestNobodyDestroysIt(t *testing.T) {
	var w work
	var there atomic.Bool
	there.Store(true)
	end := w.begin() // something else that goes on
	var ended atomic.Bool
	done := make(chan error)
	for range 2 { // neither waits for the other
		go func() { done <- w.await(t.Context(), 0, ours, unless(&there)) }()
	}
	go func() {
		time.AfterFunc(3*poll, func() { ended.Store(true); end() })
	}()
	for range 2 {
		if err := <-done; !errors.Is(err, errInTheWay) || !ended.Load() {
			t.Errorf("got %v, the rest has ended: %v", err, ended.Load())
		}
	}
}

func TestNotOurs(t *testing.T) {
	var w work
	theirs := errors.New("somebody's")
	if err := w.await(t.Context(), time.Minute, ours, func() error { return theirs }); !errors.Is(err, theirs) {
		t.Errorf("got %v", err)
	}
	end := w.begin() // which would let it wait for ever
	defer end()
	ctx, cancel := context.WithTimeout(t.Context(), poll/2)
	defer cancel()
	if err := w.await(ctx, time.Minute, ours, func() error { return errInTheWay }); !errors.Is(err, errInTheWay) {
		t.Errorf("at the end of its time: %v", err)
	}
}
