// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// lockEntries are those of an image by this name.
func lockEntries(image string) (n int) {
	imageLocks.mu.Lock()
	defer imageLocks.mu.Unlock()
	for key := range imageLocks.entries {
		if strings.Contains(key, image) {
			n++
		}
	}
	return n
}

// One image is one, whichever configuration reaches it, and another one of its
// namespace or pool is none of it.
func TestLockImageOfTwoConfigurations(t *testing.T) {
	spec := testSpec(t)
	a, b := NewCluster(Config{}), NewCluster(Config{Options: map[string]string{"rbd_cache": "false"}})
	if a.cfg.key() == b.cfg.key() {
		t.Fatal("the configurations are one")
	}
	brief := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for _, c := range []*Cluster{a, b} { // which connect
		if _, err := c.FSID(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	unlock, err := a.LockImage(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	for what, at := range map[string]Spec{"the image": spec, "its snapshot": spec.WithSnapshot("s")} {
		if _, err := b.LockImage(brief(), at); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	other := spec
	other.Namespace = "team"
	missing := spec
	missing.Pool = "no-such-pool"
	for what, at := range map[string]Spec{"another name": spec.WithImage(spec.Image + "-2"), "another namespace": other, "a pool that is not there": missing} {
		free, err := b.LockImage(t.Context(), at)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		free()
	}
	if n := lockEntries(spec.Image); n != 1 {
		t.Errorf("%d entries for one holder", n)
	}
	unlock()
	if unlock, err = b.LockImage(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	unlock()
	if n := lockEntries(spec.Image); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

// Of many one has it at a time, some give up, and nothing is left.
func TestKeyedLocks(t *testing.T) {
	l := keyedLocks{entries: map[string]*keyedLock{}}
	var inside, got, gaveUp atomic.Int64
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%3 == 0 {
				time.AfterFunc(time.Millisecond, cancel)
			}
			unlock, err := l.lock(ctx, "one")
			if err != nil {
				gaveUp.Add(1)
				return
			}
			if inside.Add(1) > 1 {
				t.Error("two at a time")
			}
			time.Sleep(100 * time.Microsecond)
			inside.Add(-1)
			got.Add(1)
			unlock()
		})
	}
	all.Wait()
	if got.Load() < 66 || got.Load()+gaveUp.Load() != 100 || len(l.entries) != 0 {
		t.Errorf("%d got it, %d gave up, %d entries are left", got.Load(), gaveUp.Load(), len(l.entries))
	}
}

// Who gave up while it waited for the lock takes nothing back any more, so nothing
// begins.
func TestNothingBeginsAfterItsEnd(t *testing.T) {
	spec, c := testSpec(t), NewCluster(Config{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.withPool(t.Context(), spec.Pool, "", readWrite, func(ioctx *rados.IOContext) error {
		err := locked(ended, ioctx, directoryObject, spec.Image, func() error {
			t.Error("it has begun")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
		begun := false
		err = locked(t.Context(), ioctx, directoryObject, spec.Image, func() error { begun = true; return nil })
		if !begun {
			t.Error("the lock was kept")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
